//! The tables and their keys. Ids are numbers, so that the order of keys is the order of time.

use redb::{TableDefinition, WriteTransaction};

use super::error::StoreError;

type Bytes = &'static [u8];

/// Single values by name: the schema version, the fleet's counters.
pub(super) const META: TableDefinition<'static, &str, Bytes> = TableDefinition::new("meta");
pub(super) const JOBS: TableDefinition<'static, u128, Bytes> = TableDefinition::new("jobs");
/// (field, value, job): see `job_index`.
pub(super) const JOB_INDEX: TableDefinition<'static, (u8, &str, u128), ()> = TableDefinition::new("job_index");
pub(super) const BATCHES: TableDefinition<'static, u128, Bytes> = TableDefinition::new("batches");
pub(super) const OPEN_BATCHES: TableDefinition<'static, u128, ()> = TableDefinition::new("open_batches");
/// (job, number of the attempt, number of the step).
pub(super) const STEPS: TableDefinition<'static, (u128, u32, u32), Bytes> = TableDefinition::new("steps");
/// (job, number of the attempt, name).
pub(super) const ARTIFACTS: TableDefinition<'static, (u128, u32, &str), Bytes> = TableDefinition::new("artifacts");
/// (kind, name): the newest version and whether it is paused.
pub(super) const HEADS: TableDefinition<'static, (&str, &str), Bytes> = TableDefinition::new("document_heads");
/// (kind, name, version).
pub(super) const DOCUMENTS: TableDefinition<'static, (&str, &str, u32), Bytes> = TableDefinition::new("documents");
pub(super) const MACHINES: TableDefinition<'static, u128, Bytes> = TableDefinition::new("machines");
/// The last picture of a machine, by machine.
pub(super) const FRAMES: TableDefinition<'static, u128, Bytes> = TableDefinition::new("frames");
pub(super) const TOKENS: TableDefinition<'static, u128, Bytes> = TableDefinition::new("tokens");
pub(super) const JOIN_TOKENS: TableDefinition<'static, u128, Bytes> = TableDefinition::new("join_tokens");
/// (token, route, key as the client chose it).
pub(super) const IDEMPOTENCY: TableDefinition<'static, (u128, &str, &str), Bytes> = TableDefinition::new("idempotency");
/// (workflow, key).
pub(super) const JOB_KEYS: TableDefinition<'static, (&str, &str), Bytes> = TableDefinition::new("job_keys");
/// By sequence number.
pub(super) const EVENTS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("events");
/// (subject, sequence number).
pub(super) const EVENT_SUBJECTS: TableDefinition<'static, (&str, u64), ()> = TableDefinition::new("event_subjects");

/// (subscriber, number of the event): the message.
pub(super) const MESSAGES: TableDefinition<'static, (&str, u64), Bytes> = TableDefinition::new("messages");
/// The same key, of those that are not delivered and not given up.
pub(super) const PENDING_MESSAGES: TableDefinition<'static, (&str, u64), ()> = TableDefinition::new("pending_messages");
/// The same key: what became of it.
pub(super) const DELIVERIES: TableDefinition<'static, (&str, u64), Bytes> = TableDefinition::new("deliveries");
/// (number of the event, subscriber).
pub(super) const MESSAGE_ORDER: TableDefinition<'static, (u64, &str), ()> = TableDefinition::new("message_order");
/// Where channels send, by name.
pub(super) const TARGETS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("channel_targets");
/// (job, path of the loop, key of the round).
pub(super) const LOOP_ITEMS: TableDefinition<'static, (u128, &str, &str), Bytes> = TableDefinition::new("loop_items");

/// Opening a table in a write transaction creates it, so that read transactions never miss one.
pub(super) fn create_all(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(META)?;
    transaction.open_table(JOBS)?;
    transaction.open_table(JOB_INDEX)?;
    transaction.open_table(BATCHES)?;
    transaction.open_table(OPEN_BATCHES)?;
    transaction.open_table(STEPS)?;
    transaction.open_table(ARTIFACTS)?;
    transaction.open_table(HEADS)?;
    transaction.open_table(DOCUMENTS)?;
    transaction.open_table(MACHINES)?;
    transaction.open_table(FRAMES)?;
    transaction.open_table(TOKENS)?;
    transaction.open_table(JOIN_TOKENS)?;
    transaction.open_table(IDEMPOTENCY)?;
    transaction.open_table(JOB_KEYS)?;
    transaction.open_table(EVENTS)?;
    transaction.open_table(EVENT_SUBJECTS)?;
    Ok(())
}

/// The outbox came after the first tables.
pub(super) fn create_outbox(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(MESSAGES)?;
    transaction.open_table(PENDING_MESSAGES)?;
    transaction.open_table(DELIVERIES)?;
    transaction.open_table(MESSAGE_ORDER)?;
    transaction.open_table(TARGETS)?;
    Ok(())
}

pub(super) fn add_loop_items(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(LOOP_ITEMS)?;
    Ok(())
}
