//! Timestamps, durations as people write them, and the only reader of the clock.

use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Wall time, UTC, in milliseconds since 1970. Travels as RFC 3339 with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    pub const fn as_ms(self) -> u64 {
        self.0
    }

    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration_ms(duration)))
    }

    /// Zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Later ones are written as the last that reads back: a row must never become unreadable by a date in it.
        let last = jiff::Timestamp::MAX;
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX).min(last.as_millisecond());
        write!(f, "{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap_or(last))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a time or a duration. The message gives an example of what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(String);

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError(format!("`{text}` is not a time: write RFC 3339, such as 2026-12-01T06:00:00Z"));
        let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        u64::try_from(time.as_millisecond()).map(Self).map_err(|_| wrong())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Monotonic time in milliseconds since some start. Goes on while the machine sleeps, which `std::time::Instant` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Mono(u64);

impl Mono {
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    pub const fn as_ms(self) -> u64 {
        self.0
    }

    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration_ms(duration)))
    }

    /// Zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Both clocks, read together and passed to everything that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    pub wall: Timestamp,
    pub mono: Mono,
}

/// Where `Now` comes from. A clone of a manual clock shows the same time.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    System,
    Manual(ManualClock),
}

/// A clock that stands until it is told to move: for tests and simulation.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<ManualTime>);

#[derive(Debug, Default)]
struct ManualTime {
    mono_ms: AtomicU64,
    /// What the wall clock shows more than the monotonic one.
    wall_ahead_ms: AtomicI64,
    sleepers: Mutex<BTreeMap<(u64, u64), Waker>>,
    slept: AtomicU64,
}

impl ManualClock {
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(ManualTime { mono_ms: AtomicU64::new(start.as_ms()), ..ManualTime::default() }))
    }

    pub fn advance(&self, by: Duration) {
        let now_ms = self.0.mono_ms.fetch_add(duration_ms(by), Ordering::SeqCst).saturating_add(duration_ms(by));
        let due = {
            let mut sleepers = self.0.sleepers();
            let later = sleepers.split_off(&(now_ms.saturating_add(1), 0));
            std::mem::replace(&mut *sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Somebody sets the wall clock, forwards or back; the monotonic one goes on.
    pub fn set_wall(&self, by_ms: i64) {
        self.0.wall_ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Ready once the clock has been moved so far.
    pub fn sleep(&self, duration: Duration) -> ManualSleep {
        let until_ms = self.0.mono_ms.load(Ordering::SeqCst).saturating_add(duration_ms(duration));
        let number = self.0.slept.fetch_add(1, Ordering::SeqCst);
        ManualSleep { time: Arc::clone(&self.0), key: (until_ms, number) }
    }
}

impl ManualTime {
    fn sleepers(&self) -> MutexGuard<'_, BTreeMap<(u64, u64), Waker>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`ManualClock::sleep`].
#[derive(Debug)]
pub struct ManualSleep {
    time: Arc<ManualTime>,
    /// Until when, and which one of those.
    key: (u64, u64),
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.mono_ms.load(Ordering::SeqCst) >= self.key.0 {
            return Poll::Ready(());
        }
        self.time.sleepers().insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        self.time.sleepers().remove(&self.key);
    }
}

impl Clock {
    pub fn now(&self) -> Now {
        match self {
            Self::System => Now { wall: Timestamp(wall_ms()), mono: Mono(mono_ms()) },
            Self::Manual(ManualClock(time)) => {
                let ms = time.mono_ms.load(Ordering::SeqCst);
                let wall_ms = ms.saturating_add_signed(time.wall_ahead_ms.load(Ordering::SeqCst));
                Now { wall: Timestamp(wall_ms), mono: Mono(ms) }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
fn wall_ms() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, duration_ms)
}

#[cfg(target_os = "linux")]
fn mono_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Elsewhere the standard clock counts suspended time too (on Windows it is the performance counter).
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the monotonic clock")]
fn mono_ms() -> u64 {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    duration_ms(START.get_or_init(Instant::now).elapsed())
}

/// Measures how long something took, for statistics only: nothing is decided by it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "milliseconds are too coarse for the time of a commit")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Whole milliseconds, saturating.
pub fn duration_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads `1500ms`, `10s`, `5m`, `2h`, `90d`: one number and one unit.
pub fn parse_duration(text: &str) -> Result<Duration, TimeError> {
    let wrong =
        || TimeError(format!("`{text}` is not a duration: write a number and a unit, such as 500ms, 10s, 5m, 2h, 90d"));
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// The shortest form `parse_duration` reads back: `90s`, not `1.5m`.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration_ms(duration);
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit_ms, _)| ms > 0 && ms.is_multiple_of(*unit_ms));
    let (unit_ms, suffix) = unit.unwrap_or((1, "ms"));
    format!("{}{suffix}", ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_with_milliseconds_and_reads_back() {
        let time = Timestamp::from_ms(1_764_568_800_005);
        assert_eq!(time.to_string(), "2025-12-01T06:00:00.005Z");
        assert_eq!("2025-12-01T07:00:00.005+01:00".parse(), Ok(time));
        assert!("yesterday".parse::<Timestamp>().is_err());
        let beyond = Timestamp::from_ms(u64::MAX).to_string();
        assert_eq!(beyond.parse::<Timestamp>().unwrap().to_string(), beyond);
        assert!("1960-01-01T00:00:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("1500ms"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        for bad in ["", "5", "s", "1.5h", "-1s", "10 s", "99999999999999999999s", "99999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for text in ["0ms", "1500ms", "10s", "5m", "2h", "90d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_manual_clock_stands_until_it_is_moved() {
        let manual = ManualClock::starting_at(Timestamp::from_ms(5));
        let clock = Clock::Manual(manual.clone());
        assert_eq!(clock.now(), clock.now());
        manual.advance(Duration::from_secs(1));
        assert_eq!(clock.now().wall, Timestamp::from_ms(1_005));
        manual.set_wall(-500);
        assert_eq!(clock.now(), Now { wall: Timestamp::from_ms(505), mono: Mono::from_ms(1_005) });
    }

    #[test]
    fn who_sleeps_by_a_manual_clock_is_woken_when_it_has_been_moved_so_far() {
        use std::sync::atomic::AtomicBool;

        #[derive(Default)]
        struct Flag(AtomicBool);

        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }

        let clock = ManualClock::default();
        let flag = Arc::<Flag>::default();
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut sleep = std::pin::pin!(clock.sleep(Duration::from_secs(2)));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance(Duration::from_secs(1));
        assert!(!flag.0.load(Ordering::SeqCst));
        clock.advance(Duration::from_secs(1));
        assert!(flag.0.load(Ordering::SeqCst) && sleep.as_mut().poll(&mut context).is_ready());
    }
}
