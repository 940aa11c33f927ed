//! What a context of JavaScript (the main one, a worker's) owns: its sockets, and descriptors on
//! their way in or out. All of it ends with the context.

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
    /// Knows the sockets that are waited for.
    epoll: Arc<Epoll>,
    sockets: HashMap<u32, Socket>,
    /// Received and not yet taken, or duplicated and not yet sent.
    kept: HashMap<RawFd, OwnedFd>,
    last_socket: u32,
}

struct Socket {
    fd: Owned,
    /// epoll knows it.
    known: bool,
    /// A server's.
    path: Option<OwnPath>,
}

thread_local! {
    /// By number, for one thread may have several, one for each time that the addon was loaded.
    static CONTEXTS: RefCell<HashMap<u32, Context>> = RefCell::default();
}

const MOST_SOCKETS: u32 = i32::MAX as u32;

static LAST: AtomicU32 = AtomicU32::new(0);

/// Does something with a context.
pub fn with<T>(context: u32, act: impl FnOnce(&mut Context) -> io::Result<T>) -> io::Result<T> {
    CONTEXTS.with_borrow_mut(|contexts| act(contexts.get_mut(&context).ok_or(Errno::EBADF)?))
}

/// Enters this context: `notify` is called while [`reports`] has something, from the runtime's
/// own loop if that is `libuv`'s. Returns its number, or a negative error number.
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
    // Not inside of the borrow, and nothing to do where the thread is gone already.
    drop(CONTEXTS.try_with(|contexts| contexts.borrow_mut().remove(&number)));
}

/// Whether this context's process, or worker, is to stay alive for its sockets.
#[napi(catch_unwind)]
pub fn keep_alive(env: &Env, context: u32, on: bool) -> napi::Result<()> {
    CONTEXTS.with_borrow_mut(|contexts| {
        contexts.get_mut(&context).map_or(Ok(()), |context| context.wait.keep_alive(env, on))
    })
}

/// What has happened: puts sockets' numbers and their events (`EPOLL*`) in turn into `places`, and
/// returns how many places it took. What was not told, for there was no place, is told next time.
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
    /// Takes a descriptor over, and a path that is removed with it.
    pub fn add(&mut self, fd: RawFd, path: Option<PathBuf>) -> io::Result<u32> {
        let (fd, was_owned) = Owned::new(own(fd)?)?;
        if was_owned {
            self.forget_lost(fd.as_fd().as_raw_fd());
        }
        let path = path.and_then(OwnPath::new);
        // One that could be taken for an error number is none; after two billion it begins anew.
        loop {
            self.last_socket = self.last_socket % MOST_SOCKETS + 1;
            if !self.sockets.contains_key(&self.last_socket) {
                break;
            }
        }
        self.sockets.insert(self.last_socket, Socket { fd, known: false, path });
        Ok(self.last_socket)
    }

    pub fn socket(&self, number: u32) -> io::Result<BorrowedFd<'_>> {
        Ok(self.sockets.get(&number).ok_or(Errno::EBADF)?.fd.as_fd())
    }

    /// Whether a socket's descriptor was not closed behind its back.
    pub fn is_open(&self, number: u32) -> bool {
        self.sockets.get(&number).is_some_and(|socket| socket.fd.is_open())
    }

    /// Has these events reported, as long as they are there. None: the end is not reported either.
    pub fn arm(&mut self, number: u32, events: u32) -> io::Result<()> {
        let socket = self.sockets.get_mut(&number).ok_or(Errno::EBADF)?;
        if events == 0 {
            socket.forget(&self.epoll);
            return Ok(());
        }
        let mut event = EpollEvent::new(EpollFlags::from_bits_truncate(events as i32), number.into());
        if socket.known {
            self.epoll.modify(&socket.fd, &mut event)?;
        } else {
            self.epoll.add(&socket.fd, event)?;
        }
        socket.known = true;
        Ok(())
    }

    /// The socket whose descriptor JavaScript has closed, and whose number is another's now, fails with `EBADF` from
    /// here on: it would read and write what is the other's, and take it out of epoll.
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
            // JavaScript has closed it behind our back, and its number is another's now.
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
    /// Also before it is closed, for a duplicate would keep it registered.
    fn forget(&mut self, epoll: &Epoll) {
        if mem::take(&mut self.known) {
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
