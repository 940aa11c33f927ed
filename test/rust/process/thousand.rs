//! A thousand children leave nothing behind.

use crossfork::process::Command;

use crate::faults::assert_end;
use crate::look::{children, status_line};
use crate::support::deadline::eventually;
use crate::support::descriptors::open_descriptors;
use crate::support::for_both_drivers;
use crate::support::parents::{Kid, Parent, Started, start_with_channel};
use crate::support::process::alone;

for_both_drivers!(alone:
    a_thousand_children_leave_no_descriptor_no_zombie_and_no_memory,
    three_hundred_dropped_children_leave_nothing_behind,
);

const AT_ONCE: usize = 20;

fn start_some<D: Parent>() -> Vec<Kid<D>> {
    (0..AT_ONCE).map(|_| start_with_channel::<D>(Command::new("true"), 3)).collect()
}

fn and_end_them<D: Parent>() {
    for mut kid in start_some::<D>() {
        assert_end(&kid);
        assert!(kid.process().wait().unwrap().success());
    }
}

fn resident_kib() -> u64 {
    status_line(std::process::id(), "VmRSS").trim_end_matches(" kB").parse().unwrap()
}

fn a_thousand_children_leave_no_descriptor_no_zombie_and_no_memory<D: Parent>() {
    (0..100 / AT_ONCE).for_each(|_| and_end_them::<D>());
    let (descriptors, memory) = (open_descriptors(), resident_kib());
    assert_eq!(children(), [0; 0]);
    (0..900 / AT_ONCE).for_each(|_| and_end_them::<D>());
    assert_eq!(open_descriptors(), descriptors);
    assert_eq!(children(), [0; 0]);
    let grown = resident_kib().saturating_sub(memory);
    // A page for each would be 3,600.
    assert!(grown < 1024, "{grown} KiB more than after the first hundred");
}

fn three_hundred_dropped_children_leave_nothing_behind<D: Parent>() {
    let drop_some = || drop(start_some::<D>().into_iter().map(Kid::unguarded).collect::<Vec<_>>());
    drop_some();
    eventually("all are gone", || children().is_empty());
    let descriptors = open_descriptors();
    for _ in 0..300 / AT_ONCE {
        drop_some();
    }
    eventually("all are gone", || children().is_empty());
    assert_eq!(open_descriptors(), descriptors);
    let threads = || status_line(std::process::id(), "Threads").parse::<u32>().unwrap();
    eventually("no thread waits for them any more", || threads() < 12);
}
