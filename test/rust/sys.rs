//! System calls: passing descriptors over a socket, probing a descriptor, and inheriting one.

#[cfg(target_os = "linux")]
#[path = "sys/fd.rs"]
mod fd;
#[cfg(target_os = "linux")]
#[path = "sys/fd_calls.rs"]
mod fd_calls;
#[cfg(all(target_os = "linux", feature = "tokio"))]
#[path = "sys/fd_tasks.rs"]
mod fd_tasks;
#[path = "sys/inherit.rs"]
mod inherit;
#[path = "sys/probe.rs"]
mod probe;
#[path = "sys/scm.rs"]
mod scm;
#[path = "sys/script.rs"]
mod script;
#[path = "support/shared.rs"]
mod support;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn hnd_3_descriptors_arrive_as_they_were_sent_for_any_writes_and_reads(
        steps in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
    ) {
        script::run(&steps);
    }
}
