//! Deliveries as clients see them.

use crate::{
    controller,
    fleet::{self, SubscriberId},
    wire::channel::{Delivery, DeliveryState},
};

pub(crate) fn delivery(subscriber: &SubscriberId, delivery: controller::Delivery) -> Delivery {
    let controller::Delivery { message, row } = delivery;
    let row = row.as_ref();
    Delivery {
        seq: message.seq,
        subscriber: subscriber.to_string(),
        kind: message.told_as,
        subject: message.event.subject,
        at: message.event.at,
        state: row.map_or(DeliveryState::Pending, |row| state(row.state)),
        attempts: row.map_or(0, |row| row.attempts),
        last_status: row.and_then(|row| row.status),
        last_error: row.and_then(|row| row.error.clone()),
        last_tried_at: row.and_then(|row| row.tried_at),
        next_try_at: row.and_then(|row| row.next_try),
    }
}

const fn state(state: fleet::DeliveryState) -> DeliveryState {
    match state {
        fleet::DeliveryState::Pending => DeliveryState::Pending,
        fleet::DeliveryState::Delivered => DeliveryState::Delivered,
        fleet::DeliveryState::Parked => DeliveryState::Parked,
    }
}
