//! A stale `NODE_CHANNEL_FD`: the number belongs to a descriptor of our own by now.

use std::env;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use crossfork::EnvError;

use crate::environment::{FD, no_channel};
use crate::support::drivers::Driver;
use crate::support::for_both_drivers;
use crate::support::process::alone;

for_both_drivers!(alone:
    ch_7_a_socket_pair_made_by_this_process_is_not_a_channel,
    ch_7_a_descriptor_of_tokio_is_not_a_channel,
);

/// Announces a descriptor that is not a channel, in a process with descriptors of its own.
fn announced<D: Driver>(number: i32) -> EnvError {
    // SAFETY: no other thread reads or writes the environment.
    #[allow(unsafe_code)]
    unsafe {
        env::set_var(FD, number.to_string());
    }
    no_channel::<D>()
}

fn ch_7_a_socket_pair_made_by_this_process_is_not_a_channel<D: Driver>() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    for fd in [&ours, &theirs] {
        match announced::<D>(fd.as_raw_fd()) {
            EnvError::NotAChannel { fd: told, found } => {
                assert_eq!(told, fd.as_raw_fd());
                assert_eq!(found, "a socket pair that this process has made itself");
            }
            other => panic!("{other:?}"),
        }
    }
    // The descriptor is unchanged.
    (&ours).write_all(b"mine").unwrap();
    let mut text = [0; 4];
    (&theirs).read_exact(&mut text).unwrap();
    assert_eq!(&text, b"mine");
}

/// A stale number may belong to anything that the runtime has opened before.
fn ch_7_a_descriptor_of_tokio_is_not_a_channel<D: Driver>() {
    let _runtime = ::tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .filter(|number| *number > 2)
        .collect();
    assert!(numbers.len() > 3, "{numbers:?}");
    for number in numbers {
        assert!(matches!(announced::<D>(number), EnvError::NotAChannel { .. }), "{number}");
    }
}
