//! `crossfork worker`, with the test as its parent.
// Reads the number of bytes in flight by ioctl, which neither std nor nix offers.
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long one wait may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a worker. Returns it, our end of its channel, and a duplicate of its end.
fn start() -> (Child, UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let copy = theirs.try_clone().unwrap();
    let worker = Command::new(env!("CARGO_BIN_EXE_crossfork"))
        .arg("worker")
        .env("NODE_CHANNEL_FD", "0")
        .env("NODE_CHANNEL_SERIALIZATION_MODE", "json")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    (worker, ours, copy)
}

fn ioctl(socket: &UnixStream, request: libc::c_ulong) -> usize {
    let mut value: libc::c_int = 0;
    // SAFETY: both requests write one int, and the descriptor is open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), request as _, &mut value) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    value as usize
}

/// Waits until this many bytes can be read, without reading them.
fn wait_for(socket: &UnixStream, bytes: usize) {
    let start = Instant::now();
    while ioctl(socket, libc::FIONREAD) < bytes {
        assert!(start.elapsed() < PATIENCE, "timed out waiting for {bytes} bytes");
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn messages_that_arrive_together_are_answered_together_and_in_order() {
    let (mut worker, mut socket, theirs) = start();
    let text: String = (0..60).map(|i| format!("{i}\n")).collect();
    let mut answers = vec![0; text.len()];
    // Linux counts data in flight by the memory it uses: several hundred bytes for each write.
    socket.write_all(b"\"one\"\n").unwrap();
    wait_for(&socket, 6);
    let one_write = ioctl(&theirs, libc::TIOCOUTQ);
    socket.read_exact(&mut answers[..6]).unwrap();

    socket.write_all(text.as_bytes()).unwrap();
    wait_for(&socket, text.len());
    let all = ioctl(&theirs, libc::TIOCOUTQ);
    socket.read_exact(&mut answers).unwrap();
    assert_eq!(String::from_utf8(answers).unwrap(), text);
    assert!(all <= 4 * one_write, "60 answers took {} writes", all / one_write);

    drop((socket, theirs));
    assert!(worker.wait().unwrap().success());
}
