//! Sends and receives descriptors over sockets that JavaScript knows by number. No call waits.

use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, RawFd};

use crossfork::fd::{self, SocketType, nonblocking};
use napi::Either;
use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;
use nix::errno::Errno;

use crate::result::{OrErrno, number, or_errno};
use crate::sys::{borrow, writable};

/// Converts the numbers that `js/` uses.
pub fn socket_type(number: u32) -> io::Result<SocketType> {
    match number {
        0 => Ok(SocketType::Stream),
        1 => Ok(SocketType::SeqPacket),
        2 => Ok(SocketType::Dgram),
        _ => Err(Errno::EINVAL.into()),
    }
}

#[napi(object, object_from_js = false)]
pub struct Received {
    pub length: u32,
    pub fds: Vec<i32>,
    pub cut: bool,
    pub fds_lost: bool,
    pub end: bool,
}

#[napi(object, object_from_js = false)]
pub struct Credentials {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

/// Returns the numbers of two new descriptors, which the caller must close.
#[napi(catch_unwind)]
pub fn socketpair(kind: u32) -> OrErrno<Vec<i32>> {
    let pair = socket_type(kind).and_then(nonblocking::pair);
    or_errno(pair.map(|(a, b)| vec![a.into_raw_fd(), b.into_raw_fd()]))
}

/// Returns the number of a new socket, which the caller must close.
#[napi(catch_unwind)]
pub fn connect(path: &[u8], kind: u32) -> i32 {
    number(socket_type(kind).and_then(|kind| nonblocking::connect(path, kind)).map(|fd| fd.into_raw_fd()))
}

/// Returns the number of a new socket, which the caller must close.
#[napi(catch_unwind)]
pub fn bind(path: &[u8], kind: u32, backlog: i32) -> i32 {
    number(
        socket_type(kind).and_then(|kind| nonblocking::bind(path, kind, backlog)).map(|fd| fd.into_raw_fd()),
    )
}

/// Returns the number of bytes sent. The caller keeps the descriptors.
#[napi(catch_unwind)]
pub fn send_fds(socket: i32, bytes: &[u8], fds: &[i32]) -> i32 {
    number(borrow(socket).and_then(|socket| send(socket, bytes, fds)))
}

/// Receives once. The caller must close the descriptors.
#[napi(catch_unwind)]
pub fn recv_fds(socket: i32, mut memory: Uint8ArraySlice<'_>, max_fds: u32) -> Either<Received, i32> {
    or_errno(borrow(socket).and_then(|socket| {
        let received = fd::try_recv(socket, writable(&mut memory), max_fds as usize)?.ok_or(Errno::EAGAIN)?;
        Ok(Received {
            length: received.len as u32,
            fds: received.fds.into_iter().map(IntoRawFd::into_raw_fd).collect(),
            cut: received.cut,
            fds_lost: received.fds_lost,
            end: received.end,
        })
    }))
}

/// Sends once. Checks that each descriptor is open before it is used.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[RawFd]) -> io::Result<i32> {
    // The result is an i32, so a stream sends more bytes than that in several calls.
    let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
    let sent = match fds {
        [] => fd::try_send(socket, bytes, &[]),
        [one] => fd::try_send(socket, bytes, &[borrow(*one)?]),
        many => {
            let many: Vec<_> = many.iter().map(|fd| borrow(*fd)).collect::<io::Result<_>>()?;
            fd::try_send(socket, bytes, &many)
        }
    }?;
    Ok(sent.ok_or(Errno::EAGAIN)? as i32)
}

const MAX_BYTES: usize = 1 << 30;
