//! The limit: the least that a program can do to speak lines of JSON over a socket. It blocks, it
//! serves one thread, it trusts its peer, and it knows no handle but the one that it expects.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Contestant, Item, Result};

const CHUNK: usize = 64 * 1024;
const ACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n";

pub struct Bare {
    pub socket: UnixStream,
    input: Vec<u8>,
    /// The part of `input` that was read and not yet used.
    unused: Range<usize>,
    output: Vec<u8>,
}

#[derive(Deserialize, Serialize)]
struct HandleFrame<'a> {
    cmd: &'a str,
    #[serde(rename = "type")]
    wire_type: &'a str,
    #[serde(borrow)]
    msg: Item<'a>,
}

impl Bare {
    pub fn new(socket: OwnedFd) -> Self {
        Bare { socket: socket.into(), input: vec![0; CHUNK], unused: 0..0, output: Vec::with_capacity(CHUNK) }
    }

    /// Where the next line is in `input`; `None` at the end.
    fn line(&mut self) -> Result<Option<Range<usize>>> {
        let mut scanned = self.unused.start;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.input[scanned..self.unused.end]) {
                let line = self.unused.start..scanned + at;
                self.unused.start = line.end + 1;
                return Ok(Some(line));
            }
            scanned = self.unused.end - self.make_room();
            let n = self.socket.read(&mut self.input[self.unused.end..])?;
            if n == 0 {
                return Ok(None);
            }
            self.unused.end += n;
        }
    }

    /// Returns by how much the unused part has moved.
    fn make_room(&mut self) -> usize {
        let Range { start, end } = self.unused;
        let moved = if start == end || end == self.input.len() { start } else { 0 };
        if moved > 0 {
            self.input.copy_within(start..end, 0);
            self.unused = 0..end - start;
        }
        if self.unused.end == self.input.len() {
            self.input.resize(self.input.len() * 2, 0);
        }
        moved
    }

    fn write(&mut self) -> Result<()> {
        self.socket.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }
}

fn put<T: Serialize>(output: &mut Vec<u8>, message: &T) -> Result<()> {
    serde_json::to_writer(&mut *output, message)?;
    output.push(b'\n');
    Ok(())
}

impl Contestant for Bare {
    async fn receive<R>(&mut self, look: impl FnOnce(Item<'_>) -> R) -> Result<Option<R>> {
        Ok(match self.line()? {
            Some(line) => Some(look(serde_json::from_slice(&self.input[line])?)),
            None => None,
        })
    }

    async fn decode<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.line()?.ok_or("the channel ended too early")?;
        Ok(serde_json::from_slice(&self.input[line])?)
    }

    async fn echo(&mut self) -> Result<bool> {
        let Some(line) = self.line()? else {
            return Ok(false);
        };
        let item: Item = serde_json::from_slice(&self.input[line])?;
        put(&mut self.output, &item)?;
        self.write()?;
        Ok(true)
    }

    async fn send<T: Serialize>(&mut self, message: &T) -> Result<()> {
        put(&mut self.output, message)?;
        self.write()
    }

    async fn feed<T: Serialize>(&mut self, message: &T) -> Result<()> {
        put(&mut self.output, message)?;
        if self.output.len() < CHUNK {
            return Ok(());
        }
        self.write()
    }

    async fn flush(&mut self) -> Result<()> {
        self.write()
    }

    async fn take_handle(&mut self) -> Result<()> {
        let mut space = nix::cmsg_space!(RawFd);
        let mut iov = [IoSliceMut::new(&mut self.input)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let received = recvmsg::<()>(self.socket.as_raw_fd(), &mut iov, Some(&mut space), flags)?;
        for control in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = control {
                fds.into_iter().try_for_each(nix::unistd::close)?;
            }
        }
        self.unused = 0..received.bytes;
        let line = self.line()?.ok_or("the channel ended too early")?;
        serde_json::from_slice::<HandleFrame>(&self.input[line])?;
        self.socket.write_all(ACK)?;
        Ok(())
    }

    async fn give_handle(&mut self, item: &Item<'_>, listener: &TcpListener) -> Result<()> {
        let msg = Item { seq: item.seq, pad: item.pad };
        put(&mut self.output, &HandleFrame { cmd: "NODE_HANDLE", wire_type: "net.Server", msg })?;
        let fds = [listener.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&fds)];
        let iov = [IoSlice::new(&self.output)];
        let n = sendmsg::<()>(self.socket.as_raw_fd(), &iov, &control, MsgFlags::empty(), None)?;
        self.output.drain(..n);
        self.write()?;
        let reply = self.line()?.ok_or("the channel ended too early")?;
        if self.input[reply] != ACK[..ACK.len() - 1] {
            return Err("the handle was not acknowledged".into());
        }
        Ok(())
    }
}
