//! Waiting for time to pass, by the clock that everything else goes by.

use std::time::Duration;

use crate::time::Clock;

/// On a manual clock until it has been moved so far: then simulated time ends waits as real time does.
pub(super) async fn sleep(clock: &Clock, duration: Duration) {
    match clock {
        Clock::System => tokio::time::sleep(duration).await,
        Clock::Manual(clock) => clock.sleep(duration).await,
    }
}
