//! The other end of a channel, controlled by the test: it writes any bytes and reads the channel's. In
//! the advanced mode it writes and reads the same lines of text, encoded as V8 values.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use crossfork::sys::scm;
use crossfork::wire::frame;
use crossfork::{Limits, Serialization};
use nix::poll::PollFlags;
use serde_json::Value;

#[cfg(target_os = "linux")]
use super::deadline::eventually;
use super::deadline::wait;
use super::descriptors;
#[cfg(target_os = "linux")]
use super::descriptors::unread_by_peer;
use super::drivers::Driver;
use super::transcode;

pub const ACK: &str = r#"{"cmd":"NODE_HANDLE_ACK"}"#;
pub const NACK: &str = r#"{"cmd":"NODE_HANDLE_NACK"}"#;

pub struct Peer {
    pub socket: UnixStream,
    serialization: Serialization,
    buffer: BytesMut,
    /// Bytes at the front of the buffer that contain no line end.
    scanned: usize,
    /// Received descriptors, oldest first.
    pub fds: VecDeque<OwnedFd>,
}

/// A channel and its peer.
pub fn connect<D: Driver>() -> (D, Peer) {
    connect_with(Limits::default())
}

pub fn connect_with<D: Driver>(limits: Limits) -> (D, Peer) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (D::from_socket(ours.into(), limits).unwrap(), Peer::of::<D>(theirs))
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
        Peer::speaking(Serialization::Json, socket)
    }

    /// One for a channel of this driver.
    pub fn of<D: Driver>(socket: UnixStream) -> Self {
        Peer::speaking(D::SERIALIZATION, socket)
    }

    pub fn speaking(serialization: Serialization, socket: UnixStream) -> Self {
        Peer { socket, serialization, buffer: BytesMut::new(), scanned: 0, fds: VecDeque::new() }
    }

    /// Writes all of a text: any in JSON, whole lines otherwise.
    pub fn write(&self, text: impl AsRef<[u8]>) {
        self.write_raw(&self.encode(text.as_ref()));
    }

    /// What a text is on the wire.
    pub fn encode<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        if self.serialization == Serialization::Json {
            return text.into();
        }
        let text = std::str::from_utf8(text).expect("a text");
        assert!(text.ends_with('\n'), "{text:?} are not whole lines");
        text.lines().flat_map(|line| transcode::nodes_frame(self.serialization, line)).collect()
    }

    /// How many bytes a channel writes for these lines.
    pub fn length_of(&self, lines: &str) -> usize {
        lines.lines().map(|line| transcode::frame(self.serialization, line).len()).sum()
    }

    /// What a message is on the wire, without its framing.
    pub fn content(&self, text: &str) -> Vec<u8> {
        let frame = transcode::nodes_frame(self.serialization, text);
        frame::content(self.serialization, &frame).to_vec()
    }

    fn decode(&self, frame: &[u8]) -> String {
        transcode::text(self.serialization, frame::content(self.serialization, frame))
    }

    /// Writes all of the bytes.
    pub fn write_raw(&self, bytes: &[u8]) {
        let mut rest = bytes;
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

    /// Writes a text with descriptors on the first byte.
    pub fn write_with(&self, text: impl AsRef<[u8]>, fds: &[BorrowedFd<'_>]) {
        self.write_raw_with(&self.encode(text.as_ref()), fds);
    }

    /// Writes bytes with descriptors on the first.
    pub fn write_raw_with(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        let n = loop {
            match descriptors::send_many(self.socket.as_fd(), bytes, fds) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wait_for_room(),
                Err(e) => panic!("the peer cannot write: {e}"),
            }
        };
        self.write_raw(&bytes[n..]);
    }

    /// Writes as much as the kernel takes now, and returns how much.
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
            if let Some(length) = self.first_frame() {
                let line = self.buffer.split_to(length);
                self.scanned = 0;
                return self.decode(&line);
            }
            self.scanned = self.buffer.len();
            assert!(self.read(), "the channel ended where a line was expected");
        }
    }

    fn first_frame(&self) -> Option<usize> {
        match self.serialization {
            Serialization::Json => {
                let at = memchr::memchr(b'\n', &self.buffer[self.scanned..])?;
                Some(self.scanned + at + 1)
            }
            _ => transcode::first_frame(self.serialization, &self.buffer),
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

    /// Waits until a call of the other end waits: only a call that waits reads. Its timeout has begun by then,
    /// and does not change with the channel's.
    pub fn until_a_call_waits(&self) {
        self.write("\"read by a call that waits\"\n");
        #[cfg(target_os = "linux")]
        eventually("a call waits", || unread_by_peer(&self.socket) == 0);
        #[cfg(not(target_os = "linux"))]
        std::thread::sleep(std::time::Duration::from_millis(100));
    }

    /// Asserts that nothing can be read now.
    pub fn assert_quiet(&mut self) {
        assert!(self.buffer.is_empty(), "{:?} was written", self.buffer);
        self.buffer.reserve(4096);
        let mut fds = Vec::new();
        match scm::recv(self.socket.as_fd(), &mut self.buffer, &mut fds) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            other => panic!("{other:?}: {:?} was written", self.buffer),
        }
    }

    /// Reads to the end, and returns the lines. The last line is complete.
    pub fn rest(&mut self) -> Vec<String> {
        let bytes = self.rest_as_bytes();
        let (mut lines, mut rest) = (Vec::new(), bytes.as_slice());
        while !rest.is_empty() {
            let length = transcode::first_frame(self.serialization, rest);
            let (line, behind) = rest.split_at(length.expect("the last message before the end is whole"));
            lines.push(self.decode(line));
            rest = behind;
        }
        lines
    }

    pub fn rest_as_bytes(&mut self) -> Vec<u8> {
        while self.read() {}
        self.scanned = 0;
        self.buffer.split().to_vec()
    }

    /// Closes the connection immediately. A process that another test is starting has a copy of the
    /// socket until its exec, so a drop may take effect later.
    pub fn leave(self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
    }

    /// Asserts that the channel ends here.
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
