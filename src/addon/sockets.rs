//! The sockets of `FdSocket` and `FdServer`: owned here, and identified by their own numbers, not by descriptors.
//! If JavaScript has closed a socket's descriptor, calls on the socket fail with `EBADF`, even if another socket of
//! this context has got the descriptor's number. Calls cannot detect anything else that got it, such as a file.

use std::cell::RefCell;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::path::PathBuf;

use crossfork::fd;
use napi::Either;
use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;
use nix::errno::Errno;
use nix::sys::socket::{SockType, getsockopt, setsockopt, sockopt};

use crate::context::with;
use crate::passing::{self, Credentials};
use crate::result::{errno, number, or_errno};
use crate::sys::{borrow, writable};

thread_local! {
    /// The descriptors of the last read, until [`arrived`] is called, which happens at once.
    static ARRIVED: RefCell<Vec<OwnedFd>> = RefCell::default();
}

/// Flags of a read, above the 32 bits of the length.
const FDS: u8 = 1;
const FDS_LOST: u8 = 2;
const CUT: u8 = 4;
const END: u8 = 8;

/// Takes ownership of a descriptor and of the path that it is bound to, if any. The path is removed when the
/// socket is closed. `EEXIST` if another socket, in any thread, owns the descriptor.
#[napi(catch_unwind)]
pub fn open_socket(context: u32, fd: i32, path: Option<String>) -> i32 {
    number(with(context, |here| {
        let number = here.add(fd, path.map(PathBuf::from))?;
        let _ = widen(here.socket(number)?);
        Ok(number as i32)
    }))
}

/// Raises a stream's send buffer to the size that any program may set. The kernel reports that there is
/// room when three quarters are free: with a double buffer the receiver still has data to read until more
/// arrives, so that neither end has to sleep. A size that was set before is kept, and so is the limit of
/// packet sockets.
fn widen(socket: BorrowedFd<'_>) -> nix::Result<()> {
    if getsockopt(&socket, sockopt::SockType)? == SockType::Stream
        && getsockopt(&socket, sockopt::SndBuf)? == DEFAULT_SEND_BUFFER
    {
        // The kernel doubles the value that is set.
        setsockopt(&socket, sockopt::SndBuf, &DEFAULT_SEND_BUFFER)?;
    }
    Ok(())
}

/// Linux's default.
const DEFAULT_SEND_BUFFER: usize = 212_992;

/// Whether the socket exists and still has its descriptor: not closed, and not replaced by something else.
#[napi(catch_unwind)]
pub fn is_open_socket(context: u32, socket: u32) -> bool {
    with(context, |own| Ok(own.is_open(socket))).unwrap_or(false)
}

#[napi(catch_unwind)]
pub fn arm_socket(context: u32, socket: u32, events: u32) -> i32 {
    number(with(context, |own| own.arm(socket, events)).map(|()| 0))
}

#[napi(catch_unwind)]
pub fn close_socket(context: u32, socket: u32) {
    let _ = with(context, |own| {
        own.close(socket);
        Ok(())
    });
}

/// Reads once. Returns the length plus the flags times 2^32.
#[napi(catch_unwind)]
pub fn read_socket(context: u32, socket: u32, mut memory: Uint8ArraySlice<'_>) -> f64 {
    let received = with(context, |own| {
        Ok(fd::try_recv(own.socket(socket)?, writable(&mut memory), fd::MAX_FDS)?.ok_or(Errno::EAGAIN)?)
    });
    match received {
        Err(e) => errno(&e).into(),
        Ok(received) => {
            let flag = |on, flag| if on { flag } else { 0 };
            let flags = flag(!received.fds.is_empty(), FDS)
                | flag(received.fds_lost, FDS_LOST)
                | flag(received.cut, CUT)
                | flag(received.end, END);
            if !received.fds.is_empty() {
                ARRIVED.set(received.fds);
            }
            received.len as f64 + f64::from(flags) * 4_294_967_296.0
        }
    }
}

/// Returns the descriptors of the last read. The addon owns them until they are released or discarded.
#[napi(catch_unwind)]
pub fn arrived(context: u32) -> Vec<i32> {
    let fds = ARRIVED.take();
    with(context, |own| Ok(fds.into_iter().map(|fd| own.keep(fd)).collect())).unwrap_or_default()
}

/// Sends once, starting at an offset. The descriptors keep their owners.
#[napi(catch_unwind)]
pub fn write_socket(context: u32, socket: u32, bytes: &[u8], offset: i64, fds: Option<&[i32]>) -> i32 {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    number(with(context, |own| passing::send(own.socket(socket)?, rest, fds.unwrap_or_default())))
}

/// Duplicates a descriptor. The addon owns the duplicate until it is released or discarded.
#[napi(catch_unwind)]
pub fn keep_dup(context: u32, fd: i32) -> i32 {
    number(with(context, |own| Ok(own.keep(borrow(fd)?.try_clone_to_owned()?))))
}

/// Passes ownership of a descriptor to JavaScript. Returns false if the addon no longer owns it.
#[napi(catch_unwind)]
pub fn release(context: u32, fd: i32) -> bool {
    with(context, |own| Ok(own.release(fd))).unwrap_or(false)
}

/// Closes those descriptors that the addon still owns.
#[napi(catch_unwind)]
pub fn discard(context: u32, fds: Vec<i32>) {
    let _ = with(context, |own| {
        fds.into_iter().for_each(|fd| own.discard(fd));
        Ok(())
    });
}

/// Accepts a connection. Returns its descriptor, which the caller must pass to `open_socket` at once, or close.
#[napi(catch_unwind)]
pub fn accept_socket(context: u32, server: u32) -> i32 {
    number(with(context, |own| Ok(fd::nonblocking::accept(own.socket(server)?)?.into_raw_fd())))
}

#[napi(catch_unwind)]
pub fn end_socket(context: u32, socket: u32) -> i32 {
    number(with(context, |own| fd::shutdown_write(own.socket(socket)?)).map(|()| 0))
}

#[napi(catch_unwind)]
pub fn peer_of_socket(context: u32, socket: u32) -> Either<Option<Credentials>, i32> {
    let peer = with(context, |own| fd::peer_credentials(own.socket(socket)?));
    // The kernel reports this user ID if it does not know the peer: for datagram sockets that are not a pair.
    let known = |peer: &fd::Credentials| peer.uid != u32::MAX;
    let shown = |peer: fd::Credentials| Credentials { pid: peer.pid, uid: peer.uid, gid: peer.gid };
    or_errno(peer.map(|peer| Some(peer).filter(known).map(shown)))
}
