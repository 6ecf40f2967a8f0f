//! Moments.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::DropReason;
use super::texts::trimmed;
use crate::domain::{UnixMillis, UnixSeconds};
use crate::mapping::value::Value;

/// A moment in whole seconds, those behind the point cut off. Text is ISO 8601 and must say its offset (`Z`, `+01:00`):
/// a time of nobody knows where is not a moment.
pub(crate) fn moment(value: &Value<'_>) -> Result<UnixSeconds, DropReason> {
    match value {
        Value::Instant(UnixMillis(millis)) => Ok(UnixSeconds(millis.div_euclid(1000))),
        Value::Text(text) => {
            let moment: Timestamp = trimmed(text).parse().map_err(|_| DropReason::Malformed)?;
            Ok(UnixSeconds(moment.as_millisecond().div_euclid(1000)))
        }
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Decimal(_)
        | Value::Date { .. }
        | Value::Hash(_) => Err(DropReason::WrongKind),
    }
}

/// The day in UTC; `None` beyond the years that jiff counts (±9999).
pub(crate) fn day_of(moment: UnixMillis) -> Option<Date> {
    let moment = Timestamp::from_millisecond(moment.0).ok()?;
    Some(TimeZone::UTC.to_datetime(moment).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_whole_seconds_and_text_says_its_offset() {
        for (value, expected) in [
            (Value::Instant(UnixMillis(1_772_366_400_999)), Ok(1_772_366_400)),
            (Value::Instant(UnixMillis(-1)), Ok(-1)),
            (Value::Text("2026-03-01T12:00:00Z".into()), Ok(1_772_366_400)),
            (Value::Text(" 2026-03-01T13:00:00.75+01:00 ".into()), Ok(1_772_366_400)),
            (Value::Text("2026-03-01T12:00:00".into()), Err(DropReason::Malformed)),
            (Value::Text("1772366400".into()), Err(DropReason::Malformed)),
            (Value::Integer(1_772_366_400), Err(DropReason::WrongKind)),
        ] {
            assert_eq!(moment(&value), expected.map(UnixSeconds));
        }
    }
}
