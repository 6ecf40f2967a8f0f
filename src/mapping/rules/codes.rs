//! Codes that the rules look up. A table of two letters each is less than a dependency.

use std::cmp::Ordering;

/// ISO 3166-1 alpha-2, the 249 officially assigned codes, in lower case and in order.
pub(super) const COUNTRIES: &str = "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm \
    bn bo bq br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg \
    eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il \
    im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf \
    mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl \
    pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg \
    th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";

/// Countries in whose postal codes letters tell one place from another (Universal Postal Union, addressing systems).
/// Kazakhstan's since 2023: <https://about.usps.com/postal-bulletin/2023/pb22626/html/updt_002.htm>.
/// Where the letters only repeat the country (`LV-1010`, `AD100`), digits are enough.
pub(super) const COUNTRIES_WITH_LETTERED_POSTAL_CODES: &str =
    "ar bm bn ca fk gb gg gi gs ie im io je kz mt nl pn sh so sz tc";

/// ISO 639-1, in lower case and in order.
pub(super) const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs \
    cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id \
    ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk \
    ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg \
    si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi \
    yo za zh zu";

/// The entry that `code` is in a table of two-letter codes in order, one blank between them.
pub(super) fn find_code(codes: &'static str, code: &str) -> Option<&'static str> {
    let (mut first, mut behind) = (0, codes.len() / 3 + 1);
    while first < behind {
        let middle = first.midpoint(behind);
        let entry = codes.get(3 * middle..3 * middle + 2)?;
        match entry.cmp(code) {
            Ordering::Less => first = middle + 1,
            Ordering::Equal => return Some(entry),
            Ordering::Greater => behind = middle,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_two_letter_codes_in_order() {
        for (table, count) in [(COUNTRIES, 249), (COUNTRIES_WITH_LETTERED_POSTAL_CODES, 21), (LANGUAGES, 183)] {
            let codes: Vec<_> = table.split(' ').collect();
            assert_eq!(codes.len(), count);
            assert!(codes.is_sorted_by(|a, b| a < b), "{table}");
            assert!(codes.iter().all(|code| code.len() == 2 && find_code(table, code) == Some(*code)));
        }
        for absent in ["xx", "zz", "ad ", "a", "", "d ", "aa", "é"] {
            assert_eq!(find_code(COUNTRIES, absent), None, "{absent:?}");
        }
    }
}
