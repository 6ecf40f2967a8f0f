//! What holds personal data cannot be printed: the compiler is asked, because nothing else would notice a `derive`.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use pinrelay::domain::ConversionEvent;
use pinrelay::mapping::{Draft, Value};

struct ByDebug;
struct ByDisplay;

struct Asked<T, How>(PhantomData<(T, How)>);

trait Printed {
    fn answer(&self) -> bool;
}

trait NotPrinted {
    fn answer(&self) -> bool;
}

impl<T: Debug> Printed for Asked<T, ByDebug> {
    fn answer(&self) -> bool {
        true
    }
}

impl<T: Display> Printed for Asked<T, ByDisplay> {
    fn answer(&self) -> bool {
        true
    }
}

impl<T, How> NotPrinted for &Asked<T, How> {
    fn answer(&self) -> bool {
        false
    }
}

/// Whether a type has `Debug`, and `Display`: a method for `Asked` is found before one for its reference.
macro_rules! printed {
    ($type:ty) => {
        [(&Asked::<$type, ByDebug>(PhantomData)).answer(), (&Asked::<$type, ByDisplay>(PhantomData)).answer()]
    };
}

#[test]
fn what_a_record_says_has_neither_debug_nor_display() {
    assert_eq!(printed!(Value<'static>), [false, false]);
    assert_eq!(printed!(Draft<'static>), [false, false]);
    assert!(!printed!(ConversionEvent)[1]);
    assert_eq!([printed!(String), printed!(Vec<u8>)], [[true, true], [true, false]], "it can tell");
}
