//! What a JavaScript context (the main thread, a worker thread) owns: its sockets, and descriptors in
//! flight in either direction. All are closed when the context ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, mem};

use napi::Env;
use napi::bindgen_prelude::{Function, Uint32ArraySlice};
use napi_derive::napi;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::owners::{OwnPath, Owned, close};
use crate::result::{errno, number};
use crate::sys::{numbers, own};
use crate::wait::Wait;

pub struct Context {
    wait: Wait,
    /// Contains the sockets that are waited for.
    epoll: Arc<Epoll>,
    sockets: HashMap<u32, Socket>,
    /// Descriptors that were received and not yet taken, or duplicated and not yet sent.
    kept: HashMap<RawFd, OwnedFd>,
    last_socket: u32,
}

struct Socket {
    fd: Owned,
    /// It is registered with epoll.
    registered: bool,
    /// The path, if it is a server.
    path: Option<OwnPath>,
}

thread_local! {
    /// By number, because one thread may have several contexts: one each time that the addon is loaded.
    static CONTEXTS: RefCell<HashMap<u32, Context>> = RefCell::default();
}

const MOST_SOCKETS: u32 = i32::MAX as u32;

static LAST: AtomicU32 = AtomicU32::new(0);

/// Runs a function on a context.
pub fn with<T>(context: u32, act: impl FnOnce(&mut Context) -> io::Result<T>) -> io::Result<T> {
    CONTEXTS.with_borrow_mut(|contexts| act(contexts.get_mut(&context).ok_or(Errno::EBADF)?))
}

/// Opens a context. Calls `notify` while [`reports`] has events, from the runtime's event loop if that is
/// `libuv`'s. Returns the context's number, or a negative error number.
#[napi(catch_unwind)]
pub fn open_context(env: &Env, notify: Function<'_, (), ()>, libuv: bool) -> napi::Result<i32> {
    let epoll = match Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC) {
        Ok(epoll) => Arc::new(epoll),
        Err(e) => return Ok(-(e as i32)),
    };
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let wait = match Wait::begin(env, &notify, &epoll, libuv, (number, close_context))? {
        Ok(wait) => wait,
        Err(e) => return Ok(errno(&e)),
    };
    let context = Context { wait, epoll, sockets: HashMap::new(), kept: HashMap::new(), last_socket: 0 };
    CONTEXTS.with_borrow_mut(|contexts| contexts.insert(number, context));
    Ok(number as i32)
}

fn close_context(number: u32) {
    // Dropped outside of the borrow. If the thread-local is gone already, nothing is left to do.
    drop(CONTEXTS.try_with(|contexts| contexts.borrow_mut().remove(&number)));
}

/// Sets whether the context's sockets keep its process or worker thread alive.
#[napi(catch_unwind)]
pub fn keep_alive(env: &Env, context: u32, on: bool) -> napi::Result<()> {
    CONTEXTS.with_borrow_mut(|contexts| {
        contexts.get_mut(&context).map_or(Ok(()), |context| context.wait.keep_alive(env, on))
    })
}

/// Writes pairs of socket number and events (`EPOLL*`) into `places`. Returns how many elements it wrote.
/// Events that do not fit are reported by the next call.
#[napi(catch_unwind)]
pub fn reports(context: u32, mut places: Uint32ArraySlice<'_>) -> i32 {
    let mut events = [EpollEvent::empty(); 64];
    let places = numbers(&mut places);
    let most = events.len().min(places.len() / 2);
    number(with(context, |own| {
        let count = own.epoll.wait(&mut events[..most], EpollTimeout::ZERO)?;
        for (event, place) in events[..count].iter().zip(places.chunks_exact_mut(2)) {
            place[0] = event.data() as u32;
            place[1] = event.events().bits() as u32;
        }
        Ok(2 * count as i32)
    }))
}

impl Context {
    /// Takes ownership of a descriptor, and of a path that is removed when the socket is closed.
    pub fn add(&mut self, fd: RawFd, path: Option<PathBuf>) -> io::Result<u32> {
        let (fd, was_owned) = Owned::new(own(fd)?)?;
        if was_owned {
            self.forget_lost(fd.as_fd().as_raw_fd());
        }
        let path = path.and_then(OwnPath::new);
        // Numbers are positive, because 0 and below could be mistaken for an error. They wrap after two billion.
        loop {
            self.last_socket = self.last_socket % MOST_SOCKETS + 1;
            if !self.sockets.contains_key(&self.last_socket) {
                break;
            }
        }
        self.sockets.insert(self.last_socket, Socket { fd, registered: false, path });
        Ok(self.last_socket)
    }

    pub fn socket(&self, number: u32) -> io::Result<BorrowedFd<'_>> {
        Ok(self.sockets.get(&number).ok_or(Errno::EBADF)?.fd.as_fd())
    }

    /// Whether a socket's descriptor is still open, and was not closed by other code.
    pub fn is_open(&self, number: u32) -> bool {
        self.sockets.get(&number).is_some_and(|socket| socket.fd.is_open())
    }

    /// Reports these events (level-triggered). With no events, not even a hang-up is reported.
    pub fn arm(&mut self, number: u32, events: u32) -> io::Result<()> {
        let socket = self.sockets.get_mut(&number).ok_or(Errno::EBADF)?;
        if events == 0 {
            socket.forget(&self.epoll);
            return Ok(());
        }
        let mut event = EpollEvent::new(EpollFlags::from_bits_truncate(events as i32), number.into());
        if socket.registered {
            self.epoll.modify(&socket.fd, &mut event)?;
        } else {
            self.epoll.add(&socket.fd, event)?;
        }
        socket.registered = true;
        Ok(())
    }

    /// Removes a socket whose descriptor JavaScript has closed and whose number another socket has now. Calls on it
    /// then fail with `EBADF`. Otherwise it would use the other socket's descriptor, and remove it from epoll.
    fn forget_lost(&mut self, fd: RawFd) {
        for (_, socket) in self.sockets.extract_if(|_, socket| socket.fd.as_fd().as_raw_fd() == fd) {
            socket.path.into_iter().for_each(OwnPath::remove);
            socket.fd.close();
        }
    }

    pub fn close(&mut self, number: u32) {
        if let Some(mut socket) = self.sockets.remove(&number) {
            socket.forget(&self.epoll);
            socket.path.into_iter().for_each(OwnPath::remove);
            socket.fd.close();
        }
    }

    /// Owns a descriptor until it is released or discarded.
    pub fn keep(&mut self, fd: OwnedFd) -> RawFd {
        let number = fd.as_raw_fd();
        if let Some(stale) = self.kept.insert(number, fd) {
            // JavaScript has closed the earlier descriptor, and its number belongs to the new one now.
            let _ = stale.into_raw_fd();
        }
        number
    }

    pub fn release(&mut self, number: RawFd) -> bool {
        self.kept.remove(&number).map(IntoRawFd::into_raw_fd).is_some()
    }

    pub fn discard(&mut self, number: RawFd) {
        self.kept.remove(&number).into_iter().for_each(close);
    }
}

impl Socket {
    /// Removes the socket from epoll. Needed before a close too, because a duplicate would keep it registered.
    fn forget(&mut self, epoll: &Epoll) {
        if mem::take(&mut self.registered) {
            let _ = epoll.delete(&self.fd);
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let numbers: Vec<_> = self.sockets.keys().copied().collect();
        for number in numbers {
            self.close(number);
        }
        self.kept.drain().for_each(|(_, fd)| close(fd));
    }
}
