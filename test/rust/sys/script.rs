//! Sends descriptors over a real socket, with the counts and read sizes of a script. Checks that they arrive
//! as they were sent, in order and close-on-exec, and that none is lost.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use crossfork::sys::scm;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::stat::fstat;

/// The kernel's limit of descriptors in one message.
const MAX_FDS: usize = 253;

/// Runs a script. Each pair of bytes is one step: a write of some bytes with some descriptors, or a read into
/// a buffer of some size.
pub fn run(script: &[u8]) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let file: OwnedFd = File::open("/dev/null").expect("a file").into();
    let node = |fd: BorrowedFd<'_>| fstat(fd).map(|stat| (stat.st_dev, stat.st_ino)).expect("is open");
    let sent_file = node(file.as_fd());
    let (mut written, mut read) = (0u8, 0u8);
    let (mut sent, mut got) = (0, 0);
    let mut receive = |room: usize| {
        let (mut buffer, mut fds) = (BytesMut::with_capacity(room), Vec::new());
        let received = scm::recv(theirs.as_fd(), &mut buffer, &mut fds).ok()?;
        for byte in &buffer {
            assert_eq!(*byte, read, "bytes arrived in a different order");
            read = read.wrapping_add(1);
        }
        for fd in &fds {
            assert_eq!(node(fd.as_fd()), sent_file);
            let flags = fcntl(fd, FcntlArg::F_GETFD).expect("is open");
            assert!(FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC));
        }
        assert!(!received.truncated && fds.len() <= MAX_FDS, "the buffer has room for all descriptors");
        Some((received.len, fds.len()))
    };
    for step in script.chunks_exact(2) {
        let (kind, amount) = (step[0], usize::from(step[1]));
        if kind < 128 {
            let fds = vec![file.as_fd(); (usize::from(kind) * 2).min(MAX_FDS)];
            let bytes: Vec<u8> = (0..=amount as u8).map(|i| written.wrapping_add(i)).collect();
            let slices = [std::io::IoSlice::new(&bytes)];
            // The socket may be full, or too many descriptors may be in flight.
            if let Ok(n) = scm::send_many(ours.as_fd(), &slices, &fds, false) {
                written = written.wrapping_add(n as u8);
                sent += fds.len();
            }
        } else {
            got += receive(1 + amount).map_or(0, |(_, fds)| fds);
        }
    }
    drop(ours);
    while let Some((1.., fds)) = receive(64) {
        got += fds;
    }
    assert_eq!(got, sent, "descriptors were lost");
}
