//! The sockets of `FdSocket` and `FdServer`: owned here, and used by numbers of our own. Where JavaScript has closed
//! the descriptor of one, its calls fail with `EBADF`, also when another socket of this context has the descriptor's number
//! by then. Whatever else gets that number, such as a file, they cannot tell from the descriptor.

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
    /// The descriptors of the last read, until `taken` is called, which is at once.
    static ARRIVED: RefCell<Vec<OwnedFd>> = RefCell::default();
}

/// Flags of what was read, above the length.
const FDS: u8 = 1;
const FDS_LOST: u8 = 2;
const CUT: u8 = 4;
const END: u8 = 8;

/// Takes the descriptor over, and the path that it is bound to, if any, which is removed when it is
/// closed. `EEXIST` if another socket, of any thread, has the descriptor.
#[napi(catch_unwind)]
pub fn open_socket(context: u32, fd: i32, path: Option<String>) -> i32 {
    number(with(context, |here| {
        let number = here.add(fd, path.map(PathBuf::from))?;
        let _ = widen(here.socket(number)?);
        Ok(number as i32)
    }))
}

/// Gives a stream the room that any program may ask for. The sender is told that there is room when
/// a fourth is left: with twice as much the receiver is not done with that before more has come, and
/// neither has to sleep. Whoever has chosen another size keeps it, and packets keep their limit.
fn widen(socket: BorrowedFd<'_>) -> nix::Result<()> {
    if getsockopt(&socket, sockopt::SockType)? == SockType::Stream
        && getsockopt(&socket, sockopt::SndBuf)? == USUAL_ROOM
    {
        // The kernel doubles what is asked for.
        setsockopt(&socket, sockopt::SndBuf, &USUAL_ROOM)?;
    }
    Ok(())
}

/// Linux's own choice.
const USUAL_ROOM: usize = 212_992;

/// Whether the socket is there and its descriptor is what it was: not closed, and not another's.
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

/// Reads once. Returns the length, plus the flags times 2 to the 32nd.
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

/// The descriptors that the last read brought: ours until they are released or discarded.
#[napi(catch_unwind)]
pub fn arrived(context: u32) -> Vec<i32> {
    let fds = ARRIVED.take();
    with(context, |own| Ok(fds.into_iter().map(|fd| own.keep(fd)).collect())).unwrap_or_default()
}

/// Sends once, from an offset on. The descriptors stay whose they are.
#[napi(catch_unwind)]
pub fn write_socket(context: u32, socket: u32, bytes: &[u8], offset: i64, fds: Option<&[i32]>) -> i32 {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    number(with(context, |own| passing::send(own.socket(socket)?, rest, fds.unwrap_or_default())))
}

/// A duplicate that is ours until it is released or discarded.
#[napi(catch_unwind)]
pub fn keep_dup(context: u32, fd: i32) -> i32 {
    number(with(context, |own| Ok(own.keep(borrow(fd)?.try_clone_to_owned()?))))
}

/// The descriptor becomes JavaScript's. False if it is not ours any longer.
#[napi(catch_unwind)]
pub fn release(context: u32, fd: i32) -> bool {
    with(context, |own| Ok(own.release(fd))).unwrap_or(false)
}

/// Closes descriptors that are still ours.
#[napi(catch_unwind)]
pub fn discard(context: u32, fds: Vec<i32>) {
    let _ = with(context, |own| {
        fds.into_iter().for_each(|fd| own.discard(fd));
        Ok(())
    });
}

/// The number of a descriptor, which the caller hands to a socket at once, or closes.
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
    // So the kernel says that it does not know: of datagrams that were not made as a pair.
    let known = |peer: &fd::Credentials| peer.uid != u32::MAX;
    let shown = |peer: fd::Credentials| Credentials { pid: peer.pid, uid: peer.uid, gid: peer.gid };
    or_errno(peer.map(|peer| Some(peer).filter(known).map(shown)))
}
