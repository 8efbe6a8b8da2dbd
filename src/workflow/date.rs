//! The filter `date`: dates and times as fields want them.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, State, Value};

use super::engine::NOW;
use super::filters::{refuse, text};

const DEFAULT_FORMAT: &str = "%Y-%m-%d";

/// `input.born | date("%d.%m.%Y")`. Takes `"now"`, `"today"`, RFC 3339, `2026-11-21`, `2026-11-21 14:30`, seconds since 1970, or
/// text in the format named by `from`. `days` and `hours` are added; `zone` is `UTC` or an offset as `+02:00`.
pub(super) fn date(state: &State, value: Value, format: Option<String>, options: Kwargs) -> Result<String, Error> {
    let from: Option<String> = options.get("from")?;
    let zone: Option<String> = options.get("zone")?;
    let days: i64 = options.get::<Option<i64>>("days")?.unwrap_or(0);
    let hours: i64 = options.get::<Option<i64>>("hours")?.unwrap_or(0);
    options.assert_all_used()?;
    let zone = zone.as_deref().map(parse_zone).transpose()?;
    let moment = match (value.kind(), from) {
        (ValueKind::Number, _) => seconds(&value)?,
        (_, Some(from)) => in_format(&text("date", &value)?, &from)?,
        (_, None) => from_text(state, &text("date", &value)?)?,
    };
    let moment = if let Some(zone) = zone { moment.with_time_zone(zone) } else { moment };
    let hours = SignedDuration::try_from_hours(hours).ok_or_else(too_far)?;
    let days = jiff::Span::new().try_days(days).map_err(|_| too_far())?;
    let moment = moment.checked_add(days).and_then(|moment| moment.checked_add(hours)).map_err(|_| too_far())?;
    let format = format.as_deref().unwrap_or(DEFAULT_FORMAT);
    BrokenDownTime::from(&moment).to_string(format).map_err(|_| refuse("date: this is no format, such as \"%d.%m.%Y\""))
}

fn too_far() -> Error {
    refuse("date: this is out of the range of dates")
}

fn unreadable() -> Error {
    refuse("date: this is no date; say how it is written with from=\"%d.%m.%Y\"")
}

fn utc(moment: Timestamp) -> Zoned {
    moment.to_zoned(TimeZone::UTC)
}

fn seconds(value: &Value) -> Result<Zoned, Error> {
    let seconds = f64::try_from(value.clone()).map_err(|_| unreadable())?;
    let duration = SignedDuration::try_from_secs_f64(seconds).map_err(|_| too_far())?;
    Timestamp::from_duration(duration).map(utc).map_err(|_| too_far())
}

fn from_text(state: &State, text: &str) -> Result<Zoned, Error> {
    let text = text.trim();
    if matches!(text, "now" | "today") {
        let now_ms =
            state.lookup(NOW).and_then(|now| now.as_i64()).ok_or_else(|| refuse("date: the time is not known here"))?;
        return Timestamp::from_millisecond(now_ms).map(utc).map_err(|_| too_far());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        // Keep the offset that is written: 23:30-05:00 is still that day.
        let offset = BrokenDownTime::parse("%Y-%m-%dT%H:%M:%S%.f%:z", text).ok().and_then(|time| time.offset());
        return Ok(offset.map_or_else(|| utc(moment), |offset| moment.to_zoned(TimeZone::fixed(offset))));
    }
    let civil = text.parse::<DateTime>().or_else(|_| DateTime::strptime("%Y-%m-%d %H:%M", text));
    civil.and_then(|civil| civil.to_zoned(TimeZone::UTC)).map_err(|_| unreadable())
}

fn in_format(text: &str, format: &str) -> Result<Zoned, Error> {
    let parsed = BrokenDownTime::parse(format, text.trim()).map_err(|_| unreadable())?;
    if parsed.offset().is_some() {
        return parsed.to_zoned().map_err(|_| unreadable());
    }
    let civil = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0)));
    civil.and_then(|civil| civil.to_zoned(TimeZone::UTC)).map_err(|_| unreadable())
}

/// `UTC`, or an offset. Named zones need a database that not every machine has.
fn parse_zone(text: &str) -> Result<TimeZone, Error> {
    if matches!(text, "UTC" | "Z") {
        return Ok(TimeZone::UTC);
    }
    let time = BrokenDownTime::parse("%:z", text).ok().and_then(|time| time.offset());
    time.map(|offset: Offset| TimeZone::fixed(offset)).ok_or_else(|| {
        refuse("date: a zone is UTC or an offset such as +02:00; named zones are not available in this version")
    })
}
