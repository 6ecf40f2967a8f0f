//! What a function allocates on its thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Of one input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Most bytes that were allocated at one time, beyond those before.
    pub(crate) peak_bytes: isize,
    pub(crate) allocations: usize,
}

impl Cost {
    pub(crate) const fn fits(self, bound: Self) -> bool {
        self.peak_bytes <= bound.peak_bytes && self.allocations <= bound.allocations
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self { peak_bytes: self.peak_bytes.max(other.peak_bytes), allocations: self.allocations.max(other.allocations) }
    }
}

/// Runs `act` and says what it allocated.
pub(crate) fn cost(act: impl FnOnce()) -> Cost {
    let before = HELD.get();
    PEAK.set(before);
    ALLOCATIONS.set(0);
    act();
    Cost { peak_bytes: PEAK.get() - before, allocations: ALLOCATIONS.get() }
}

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without; this one hands everything to the system's")]
// SAFETY: every call goes to the system's allocator as it came. The counters have no destructor and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        count(signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
