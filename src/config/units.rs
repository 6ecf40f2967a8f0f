//! Durations and sizes as people write them: a whole number and a unit, never a bare number.

use std::time::Duration;

/// Unit and its length in milliseconds, longest first.
const DURATIONS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Unit and its length in bytes, longest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads `500ms`, `45s`, `5m`, `48h` or `7d`; `None` for anything else.
pub(super) fn duration(text: &str) -> Option<Duration> {
    scaled(text, &DURATIONS).map(Duration::from_millis)
}

/// Reads `512B`, `64KiB`, `2MiB` or `1GiB` as bytes; `None` for anything else.
pub(super) fn size(text: &str) -> Option<u64> {
    scaled(text, &SIZES)
}

/// Writes a duration in the longest unit that divides it.
pub(super) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATIONS, "0s")
}

/// Writes a size in the longest unit that divides it.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES, "0B")
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(amount: u64, units: &[(&str, u64)], zero: &str) -> String {
    units
        .iter()
        .find(|(_, factor)| amount != 0 && amount.is_multiple_of(*factor))
        .map_or_else(|| zero.to_owned(), |(unit, factor)| format!("{}{unit}", amount / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_with_a_unit() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("45s", Some(45_000)),
            ("5m", Some(300_000)),
            ("48h", Some(172_800_000)),
            ("7d", Some(604_800_000)),
            ("0s", Some(0)),
            ("45", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("45 s", None),
            ("45S", None),
            ("1h30m", None),
            ("213503982335d", None),
            ("", None),
        ] {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn a_size_is_a_whole_number_with_a_binary_unit() {
        for (text, bytes) in [
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("2MiB", Some(2 << 20)),
            ("1GiB", Some(1 << 30)),
            ("64", None),
            ("64KB", None),
            ("64kib", None),
            ("1.5MiB", None),
            ("18446744073709551615KiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["500ms", "90s", "5m", "36h", "2d", "0s"] {
            assert_eq!(show_duration(duration(text).expect("well formed")), text);
        }
        for text in ["512B", "64KiB", "3MiB", "1GiB", "0B"] {
            assert_eq!(show_size(size(text).expect("well formed")), text);
        }
    }
}
