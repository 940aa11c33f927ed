//! Measures the peak memory of a call with the allocator.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Meter;

#[global_allocator]
static METER: Meter = Meter;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// How much memory this thread holds.
#[allow(dead_code, reason = "not in every suite")]
pub fn now() -> usize {
    NOW.get()
}

/// The most memory that `call` holds at once, besides what its thread held before.
pub fn most<T>(call: impl FnOnce() -> T) -> usize {
    let before = NOW.get();
    MOST.set(before);
    let result = call();
    let most = MOST.get() - before;
    drop(result);
    most
}

fn count(taken: usize, given: usize) {
    // Memory of another thread may be freed here.
    NOW.set((NOW.get() + taken).saturating_sub(given));
    MOST.set(MOST.get().max(NOW.get()));
}

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as our caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as our caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as our caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as our caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[test]
fn the_meter_counts_allocations_and_frees() {
    assert_eq!(most(|| ()), 0);
    let twice = most(|| {
        drop(vec![0u8; 1000]);
        vec![1u8; 3000]
    });
    assert_eq!(twice, 3000);
    let grown = most(|| {
        let mut bytes = Vec::<u8>::with_capacity(10);
        bytes.reserve_exact(5000);
        bytes
    });
    assert_eq!(grown, 5000);
}
