//! Invented people, their devices and what they buy. Addresses, phone numbers and networks are of the kinds that are
//! set aside for examples (RFC 2606, RFC 5737, the numbers 555-0100 to 555-0199).

use super::dice::Dice;

const FIRST_NAMES: [&str; 24] = [
    "Ada", "Bruno", "Chiara", "Diego", "Elif", "Freya", "Goran", "Hana", "Ivo", "Jana", "Kenji", "Lena", "Mateo",
    "Noor", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tilda", "Umar", "Vera", "Wim", "Zoë",
];
const LAST_NAMES: [&str; 24] = [
    "Abbott",
    "Bergström",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Horvat",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novák",
    "O'Brien",
    "Petrov",
    "Quist",
    "Rossi",
    "Sato",
    "Tóth",
    "Ueda",
    "Vogel",
    "Weber",
    "Young",
];
const PLACES: [Place; 8] = [
    Place { city: "Springfield", state: Some("IL"), postal_code: "62701", country: "US", area_code: "217" },
    Place { city: "Portland", state: Some("OR"), postal_code: "97201", country: "US", area_code: "503" },
    Place { city: "Austin", state: Some("TX"), postal_code: "78701", country: "US", area_code: "512" },
    Place { city: "Denver", state: Some("CO"), postal_code: "80202", country: "US", area_code: "303" },
    Place { city: "Madison", state: Some("WI"), postal_code: "53703", country: "US", area_code: "608" },
    Place { city: "Toronto", state: Some("ON"), postal_code: "M5H 2N2", country: "CA", area_code: "416" },
    Place { city: "Vancouver", state: Some("BC"), postal_code: "V5K 0A1", country: "CA", area_code: "604" },
    Place { city: "Halifax", state: Some("NS"), postal_code: "B3H 1A1", country: "CA", area_code: "902" },
];
const PRODUCTS: [Product; 12] = [
    Product::new("MUG-STN-02", "Stoneware mug", "Home > Kitchen", "Kiln & Co", 1499),
    Product::new("CND-SOY-01", "Soy candle", "Home > Decor", "Wickline", 2002),
    Product::new("LMP-DSK-11", "Desk lamp", "Home > Lighting", "Halden", 7950),
    Product::new("RUG-WOL-07", "Wool rug", "Home > Floors", "Halden", 24_900),
    Product::new("BLK-LNN-03", "Linen blanket", "Home > Textiles", "Fernweh", 8900),
    Product::new("VSE-GLS-05", "Glass vase", "Home > Decor", "Kiln & Co", 3450),
    Product::new("JKT-RN-21", "Rain jacket", "Clothing > Jackets", "Northfold", 12_995),
    Product::new("TEE-ORG-14", "Organic t-shirt", "Clothing > Shirts", "Northfold", 2499),
    Product::new("BTS-HIK-09", "Hiking boots", "Clothing > Shoes", "Northfold", 18_900),
    Product::new("NTB-DOT-04", "Dotted notebook", "Paper > Notebooks", "Margin", 1295),
    Product::new("PEN-FTN-06", "Fountain pen", "Paper > Pens", "Margin", 4200),
    Product::new("PST-ART-31", "Art print", "Home > Walls", "Fernweh", 2950),
];
const BROWSERS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
];

/// Where a person lives.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) city: &'static str,
    pub(super) state: Option<&'static str>,
    pub(super) postal_code: &'static str,
    /// ISO 3166 alpha-2.
    pub(super) country: &'static str,
    area_code: &'static str,
}

/// Something to buy.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) sku: &'static str,
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    pub(super) brand: &'static str,
    /// Hundredths of the currency.
    pub(super) price_minor: u32,
}

impl Product {
    const fn new(
        sku: &'static str,
        name: &'static str,
        category: &'static str,
        brand: &'static str,
        price_minor: u32,
    ) -> Self {
        Self { sku, name, category, brand, price_minor }
    }
}

/// A line of an order or a receipt.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) product: &'static Product,
    pub(super) quantity: u32,
}

/// An invented person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) email: String,
    pub(super) phone: String,
    /// Days since 1970-01-01; most people were born before.
    pub(super) birthday: i64,
    pub(super) place: &'static Place,
}

impl Person {
    pub(super) fn invent(dice: &mut Dice) -> Self {
        let number = dice.below(1_000_000);
        let (first_name, last_name) = (*dice.pick(&FIRST_NAMES), *dice.pick(&LAST_NAMES));
        let place = dice.pick(&PLACES);
        // Some write their address with capitals: normalisation has to do something.
        let email = if dice.percent(20) {
            format!("{}.{number}@Example.COM", first_name.replace('ë', "e"))
        } else {
            format!("customer.{number}@example.com")
        };
        let phone = format!("+1 ({}) 555-01{:02}", place.area_code, dice.below(100));
        let age_days = i64::try_from(dice.from(18 * 365, 80 * 365)).unwrap_or(0);
        // 20,454 days are 56 years: birthdays count back from 2026.
        Self { number, first_name, last_name, email, phone, birthday: 20_454 - age_days, place }
    }
}

/// One to five lines.
pub(super) fn lines(dice: &mut Dice) -> Vec<Line> {
    (0..dice.from(1, 5))
        .map(|_| Line { product: dice.pick(&PRODUCTS), quantity: u32::try_from(dice.from(1, 3)).unwrap_or(1) })
        .collect()
}

/// What all lines cost, in hundredths of the currency.
pub(super) fn total_minor(lines: &[Line]) -> i64 {
    lines.iter().map(|line| i64::from(line.quantity) * i64::from(line.product.price_minor)).sum()
}

/// An address of a network that is set aside for documentation.
pub(super) fn ip_address(dice: &mut Dice) -> String {
    let network = dice.pick(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", dice.from(1, 254))
}

pub(super) fn user_agent(dice: &mut Dice) -> &'static str {
    let browser: &&str = dice.pick(&BROWSERS);
    browser
}
