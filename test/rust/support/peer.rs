//! The other end of a channel, held by the test: it writes any bytes and reads what comes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use bytes::{Buf, BytesMut};
use crossfork::Limits;
use crossfork::sys::scm;
use nix::poll::PollFlags;
use serde_json::Value;

use super::deadline::wait;
use super::descriptors;
use super::drivers::Driver;

pub const ACK: &str = r#"{"cmd":"NODE_HANDLE_ACK"}"#;
pub const NACK: &str = r#"{"cmd":"NODE_HANDLE_NACK"}"#;

pub struct Peer {
    pub socket: UnixStream,
    buffer: BytesMut,
    /// Bytes at the front of the buffer that hold no line end.
    scanned: usize,
    /// Descriptors that came, oldest first.
    pub fds: VecDeque<OwnedFd>,
}

/// A channel and its peer.
pub fn connect<D: Driver>() -> (D, Peer) {
    connect_with(Limits::default())
}

pub fn connect_with<D: Driver>(limits: Limits) -> (D, Peer) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (D::from_socket(ours.into(), limits).unwrap(), Peer::new(theirs))
}

/// Two channels that are each other's peers.
pub fn connect_two<D: Driver>() -> (D, D) {
    let (a, b) = UnixStream::pair().unwrap();
    let open = |socket: UnixStream| D::from_socket(socket.into(), Limits::default()).unwrap();
    (open(a), open(b))
}

/// The line of a handle message, as Node writes it.
pub fn handle_line(wire_type: &str, msg: &str) -> String {
    format!("{{\"cmd\":\"NODE_HANDLE\",\"type\":\"{wire_type}\",\"msg\":{msg}}}\n")
}

/// The same with a key.
pub fn keyed_line(msg: &str, key: &str) -> String {
    format!("{{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{msg},\"key\":{key}}}\n")
}

impl Peer {
    pub fn new(socket: UnixStream) -> Self {
        Peer { socket, buffer: BytesMut::new(), scanned: 0, fds: VecDeque::new() }
    }

    /// Writes everything.
    pub fn write(&self, bytes: impl AsRef<[u8]>) {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            rest = &rest[self.write_some(rest)..];
        }
    }

    fn write_some(&self, bytes: &[u8]) -> usize {
        loop {
            match scm::send(self.socket.as_fd(), &[IoSlice::new(bytes)], None) {
                Ok(n) => return n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait_for_room(),
                Err(e) => panic!("the peer cannot write: {e}"),
            }
        }
    }

    fn wait_for_room(&self) {
        wait(&self.socket, PollFlags::POLLOUT, "the channel reads what its peer writes");
    }

    /// Writes the bytes with descriptors on the first.
    pub fn write_with(&self, bytes: impl AsRef<[u8]>, fds: &[BorrowedFd<'_>]) {
        let bytes = bytes.as_ref();
        let n = loop {
            match descriptors::send_many(self.socket.as_fd(), bytes, fds) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait_for_room(),
                Err(e) => panic!("the peer cannot write: {e}"),
            }
        };
        self.write(&bytes[n..]);
    }

    /// Writes as much as the kernel takes now, and says how much that was.
    pub fn write_now(&self, bytes: &[u8]) -> usize {
        match scm::send(self.socket.as_fd(), &[IoSlice::new(bytes)], None) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) => panic!("the peer cannot write: {e}"),
        }
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> String {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) {
                let line = self.buffer.split_to(self.scanned + at);
                self.buffer.advance(1);
                self.scanned = 0;
                return String::from_utf8(line.to_vec()).expect("a channel writes UTF-8");
            }
            self.scanned = self.buffer.len();
            assert!(self.read(), "the channel ended where a line was expected");
        }
    }

    /// The next line, as JSON.
    pub fn value(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("a channel writes JSON, not {line:?}: {e}"))
    }

    /// The next line, which has a descriptor.
    pub fn line_with_fd(&mut self) -> (String, OwnedFd) {
        let line = self.line();
        let fd = self.fds.pop_front().unwrap_or_else(|| panic!("no descriptor came with {line}"));
        (line, fd)
    }

    /// Makes sure that nothing is there to be read now.
    pub fn assert_quiet(&mut self) {
        assert!(self.buffer.is_empty(), "{:?} was written", self.buffer);
        self.buffer.reserve(4096);
        let mut fds = Vec::new();
        match scm::recv(self.socket.as_fd(), &mut self.buffer, &mut fds) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            other => panic!("{other:?}: {:?} was written", self.buffer),
        }
    }

    /// Reads until the end, and gives the lines before it. The last is whole.
    pub fn rest(&mut self) -> Vec<String> {
        let bytes = self.rest_as_bytes();
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "half a line came before the end");
        let text = String::from_utf8(bytes).expect("a channel writes UTF-8");
        text.lines().map(str::to_owned).collect()
    }

    pub fn rest_as_bytes(&mut self) -> Vec<u8> {
        while self.read() {}
        self.scanned = 0;
        self.buffer.split().to_vec()
    }

    /// Makes sure that the channel ends here.
    pub fn assert_end(&mut self) {
        assert_eq!(self.rest(), Vec::<String>::new());
    }

    /// Reads once; false at the end.
    fn read(&mut self) -> bool {
        self.buffer.reserve(64 * 1024);
        let mut fds = Vec::new();
        loop {
            match scm::recv(self.socket.as_fd(), &mut self.buffer, &mut fds) {
                Ok(received) => {
                    assert!(!received.truncated, "the peer is short of descriptors");
                    self.fds.extend(fds);
                    return received.len > 0;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    wait(&self.socket, PollFlags::POLLIN, "the channel writes something, or ends");
                }
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return false,
                Err(e) => panic!("the peer cannot read: {e}"),
            }
        }
    }
}
