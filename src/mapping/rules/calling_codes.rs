//! Which international numbers are known by their digits alone: nearly all that stand in E.164 form.
//!
//! It decides nothing of its own: what it lets pass, libphonenumber reads as the same digits, and finds as many of them as
//! the country's numbers have. It says no more of the others than that libphonenumber has to read them.

use std::sync::LazyLock;

/// For each calling code the lengths of its countries' numbers, and what a number may begin with only where it is dialled
/// within the country. From the metadata of libphonenumber 9.0.42, read 2026-11: `possibleLengths` of the general
/// description, and `nationalPrefixForParsing` of the country that the code stands for first. Absent are codes of no
/// country, and those where more than the beginning decides what is dialled within it (Argentina's mobile numbers).
const COUNTRIES: &str = "\
    1:10:1 7:10,14:8 20:8-10:0 27:5-10:0 30:10-12: 31:5-11:0 32:8-9:0 33:9:0 34:9: 36:8-9:06 39:6-12: 40:6,9:0 \
    41:9,12:0 43:4-13:0 44:7,9-10:0,180020 45:8: 46:6-10,12:0 47:5,8: 48:6-10: 49:4-15:0 51:8-9:0 52:10: 53:6-8,10:0 \
    55:8-11:0,90 56:9-11: 57:8,10-11:0 58:10:0 60:8-10:0 61:5-10,12:0,1831,1832 62:7-17:0 63:6,8-13:0 64:5-10:0 \
    65:8,10-11: 66:8-10,13:0 81:8-17:0 82:5-6,8-14:0 84:7-10:0 86:7-12:0,11,12,179 90:7,10,12-13:0 91:8-13:0 \
    92:8-12:0 93:9:0 94:9:0 95:6-10:0 98:4-7,10:0 211:9:0 212:9:0 213:8-9:0 216:8: 218:9:0 220:7,9: 221:9: 222:8: \
    223:8: 224:8-9: 225:10: 226:8: 227:8: 228:8: 229:8,10: 230:7-8,10: 231:7-9:0 232:8:0 233:8-9:0 234:10-14:0 235:8: \
    236:8: 237:8-9: 238:7: 239:7: 240:9: 241:7-8:0 242:9: 243:7-10:0 244:9: 245:7,9: 246:7: 247:5-6: 248:7: 249:9:0 \
    250:8-9:0 251:9:0 252:6-9:0 253:8: 254:7-10:0 255:9:0 256:9:0 257:8: 258:8-9: 260:9:0 262:9:0 263:7,9-10:0 \
    264:8-9:0 265:7,9:0 266:8: 267:7-8,10: 268:8-9: 269:7: 290:4-5: 291:7:0 297:7: 299:6: 350:8: 351:9: 353:7-10:0 \
    354:7,9: 355:6-9:0 356:8: 357:8: 358:5-12:0 359:6-9,12:0 370:8:0,8 371:8: 372:7-8,10: 373:8:0 374:8:0 \
    375:6-11:0,8 376:6,8-9: 377:8-9:0 380:9-10:0 381:6-12:0 382:8-9:0 383:8-12:0 385:7-9:0 386:5-8:0 387:8-9:0 \
    389:8:0 420:9-12: 421:6-7,9:0 423:7,9:0,1001 500:5: 501:7,11: 502:8,11: 503:7-8,11: 504:8,11: 505:8: \
    507:7-8,10-11: 508:6,9:0 509:8: 590:9:0 591:8-9:0 592:7: 593:8-11:0 594:9:0 595:6-11:0 596:9:0 597:6-7: \
    598:4-13:0 599:7-8: 670:7-8: 673:7: 674:7: 675:7-8: 676:5,7: 677:5,7: 678:5,7: 679:7,11: 680:7: 681:6,9: 682:5: \
    683:4,7: 685:5-7,10: 686:5,8:0 687:6: 688:5-7: 689:6,8-9: 690:4-7: 691:7: 692:7:1 850:8,10:0 852:5-9,11: \
    853:7-8: 855:8-10:0 856:8-10:0 880:6-10:0 886:7-11:0 960:7,10: 961:7-8:0 962:8-9:0 963:8-9:0 964:8-10:0 965:7-8: \
    966:9-10:0 967:7-9:0 968:7-9: 970:8-10:0 971:5-12:0 972:7-12:0 973:8: 974:7-9,11: 975:7-8: 976:8-10:0 \
    977:8,10-11:0 992:9: 993:8:8 994:9:0 995:9:0 996:9-10:0 998:9:";

/// Calling codes have up to three digits.
const MAX_CODE_DIGITS: usize = 3;

struct Country {
    /// Bit *n* is set if there are numbers of *n* digits.
    lengths: u32,
    domestic: Vec<&'static str>,
}

/// By calling code.
static BY_CODE: LazyLock<Vec<Option<Country>>> = LazyLock::new(|| {
    let mut by_code = Vec::new();
    by_code.resize_with(10_usize.pow(3), || None);
    for (code, country) in COUNTRIES.split(' ').filter_map(row) {
        if let Some(slot) = by_code.get_mut(code) {
            *slot = Some(country);
        }
    }
    by_code
});

fn row(row: &'static str) -> Option<(usize, Country)> {
    let (code, rest) = row.split_once(':')?;
    let (lengths, domestic) = rest.split_once(':')?;
    let lengths = lengths.split(',').flat_map(|span| {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        first.parse().unwrap_or(1)..=last.parse().unwrap_or(0)
    });
    let lengths = lengths.fold(0, |bits, length: u32| bits | 1 << length);
    let domestic = domestic.split(',').filter(|digits| !digits.is_empty()).collect();
    Some((code.parse().ok()?, Country { lengths, domestic }))
}

impl Country {
    fn has(&self, national: &str) -> bool {
        let longer = u32::try_from(national.len()).ok().and_then(|length| self.lengths.checked_shr(length));
        longer.is_some_and(|bits| bits & 1 == 1) && !self.domestic.iter().any(|begin| national.starts_with(begin))
    }
}

/// Whether `digits`, which begin with a calling code, are as many as numbers of its country have, and begin with nothing
/// that is dialled within it alone.
pub(super) fn are_plain(digits: &str) -> bool {
    // No code begins with another.
    (1..=MAX_CODE_DIGITS).any(|split| {
        let Some((code, national)) = digits.split_at_checked(split) else { return false };
        let country = code.parse::<usize>().ok().and_then(|code| BY_CODE.get(code)?.as_ref());
        country.is_some_and(|country| country.has(national)) && (code != "1" || is_north_american(national))
    })
}

/// Whether area code and exchange begin with 2 to 9, as the North American plan demands
/// (<https://www.nanpa.com/numbering>, read 2026-11); libphonenumber knows the islands that do otherwise.
fn is_north_american(national: &str) -> bool {
    matches!(national.as_bytes(), [b'2'..=b'9', _, _, b'2'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

    use super::*;

    fn codes() -> Vec<(usize, Country)> {
        COUNTRIES.split(' ').map(|text| row(text).expect("a row")).collect()
    }

    #[test]
    fn numbers_of_a_country_pass_by_length_unless_they_begin_as_it_dials_at_home() {
        for (digits, plain) in [
            ("16502530000", true),
            ("442079460018", true),
            ("441800201234", false),
            ("491701234567", true),
            // Italy dials its zeros from abroad too.
            ("390669812345", true),
            ("4402079460018", false),
            ("1650253000", false),
            ("165025300000", false),
            ("10000000000", false),
            ("11502530000", false),
            ("16501530000", false),
            // Nobody has 999.
            ("9991234567", false),
            // Argentina's take a rule to read, free phone of no country has none.
            ("541143211234", false),
            ("80012345678", false),
            ("", false),
            ("44", false),
        ] {
            assert_eq!(are_plain(digits), plain, "{digits}");
        }
    }

    #[test]
    fn the_lengths_are_those_of_libphonenumber() {
        let mut astray = Vec::new();
        for (code, country) in codes() {
            for length in 4..=15 {
                let number = PhoneNumber {
                    country_code: i32::try_from(code).expect("small"),
                    national_number: 10_u64.pow(length - 1),
                    ..PhoneNumber::default()
                };
                let reason = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number);
                let has = country.lengths >> length & 1 == 1;
                if has != matches!(reason, Ok(NumberLengthType::IsPossible)) {
                    astray.push((code, length));
                }
            }
        }
        assert_eq!(astray, [], "code and number of digits");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

        #[test]
        fn what_passes_is_read_as_itself_by_libphonenumber(
            code in prop::sample::select(codes().into_iter().map(|(code, _)| code).collect::<Vec<_>>()),
            national in "[0-9]{4,12}",
        ) {
            let written = format!("+{code}{national}");
            if are_plain(&written[1..]) {
                let number = PHONE_NUMBER_UTIL.parse(&written, None).expect("a number");
                prop_assert_eq!(number.format_as(PhoneNumberFormat::E164), written.as_str());
            }
        }

        #[test]
        fn an_area_of_north_america_that_begins_with_0_or_1_has_no_numbers(national in "[01][0-9]{9}") {
            let written = format!("+1{national}");
            prop_assert!(!are_plain(&written[1..]));
            prop_assert!(!PHONE_NUMBER_UTIL.parse(&written, None).is_ok_and(|number| number.is_valid()));
        }
    }
}
