//! What a context of JavaScript (the main one, a worker's) owns: its sockets, and descriptors on
//! their way in or out. All of it ends with the context.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::Env;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use nix::errno::Errno;

use crate::reactor::{Notice, Reactor};
use crate::result::errno;
use crate::sys::own;

pub struct Context {
    reactor: Arc<Reactor>,
    notice: Notice,
    sockets: HashMap<u32, Socket>,
    /// The descriptors' numbers of `sockets`, for two owners would close another's.
    numbers: HashSet<RawFd>,
    /// Received and not yet taken, or duplicated and not yet sent.
    kept: HashMap<RawFd, OwnedFd>,
    last_socket: u32,
}

struct Socket {
    fd: OwnedFd,
    /// epoll knows it.
    known: bool,
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

/// Enters this context: `notify` is called when [`reports`] has something. Returns its
/// number, or a negative error number.
#[napi(catch_unwind)]
pub fn open_context(env: &Env, notify: Function<'_, (), ()>) -> napi::Result<i32> {
    let build = || notify.build_threadsafe_function::<()>().weak::<true>().build_callback(|_| Ok(()));
    let (for_reactor, notice): (Notice, Notice) = (build()?, build()?);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let reactor = match Reactor::join(number, for_reactor) {
        Ok(reactor) => reactor,
        Err(e) => return Ok(errno(&e)),
    };
    let context = Context {
        reactor,
        notice,
        sockets: HashMap::new(),
        numbers: HashSet::new(),
        kept: HashMap::new(),
        last_socket: 0,
    };
    CONTEXTS.with_borrow_mut(|contexts| contexts.insert(number, context));
    // Added after the notices' own, and so run before these.
    env.add_env_cleanup_hook(number, close_context)?;
    Ok(number as i32)
}

fn close_context(number: u32) {
    // Not inside of the borrow, and nothing to do where the thread is gone already.
    let context = CONTEXTS.try_with(|contexts| contexts.borrow_mut().remove(&number));
    if let Ok(Some(context)) = context {
        context.reactor.leave(number);
    }
}

/// Whether this context's process, or worker, is to stay alive for its sockets.
#[napi(catch_unwind)]
pub fn keep_alive(env: &Env, context: u32, on: bool) -> napi::Result<()> {
    CONTEXTS.with_borrow_mut(|contexts| {
        let Some(context) = contexts.get_mut(&context) else { return Ok(()) };
        // Deprecated in favour of making and dropping one each time, which costs a handle.
        #[allow(deprecated)]
        if on { context.notice.refer(env) } else { context.notice.unref(env) }
    })
}

/// What has happened: a socket's number and its events, in turn.
#[napi(catch_unwind)]
pub fn reports(context: u32) -> Vec<u32> {
    let reports = with(context, |own| Ok(own.reactor.reports(context))).unwrap_or_default();
    reports.into_iter().flat_map(|(socket, events)| [socket, events]).collect()
}

impl Context {
    pub fn add(&mut self, fd: RawFd) -> io::Result<u32> {
        let fd = own(fd)?;
        if !self.numbers.insert(fd.as_raw_fd()) {
            let _ = fd.into_raw_fd();
            return Err(Errno::EEXIST.into());
        }
        // One that could be taken for an error number is none; after two billion it begins anew.
        loop {
            self.last_socket = self.last_socket % MOST_SOCKETS + 1;
            if !self.sockets.contains_key(&self.last_socket) {
                break;
            }
        }
        self.sockets.insert(self.last_socket, Socket { fd, known: false });
        Ok(self.last_socket)
    }

    pub fn socket(&self, number: u32) -> io::Result<BorrowedFd<'_>> {
        Ok(self.sockets.get(&number).ok_or(Errno::EBADF)?.fd.as_fd())
    }

    pub fn arm(&mut self, context: u32, number: u32, events: u32) -> io::Result<()> {
        let socket = self.sockets.get_mut(&number).ok_or(Errno::EBADF)?;
        self.reactor.arm(socket.fd.as_fd(), (context, number), events, socket.known)?;
        socket.known = true;
        Ok(())
    }

    pub fn close(&mut self, number: u32) {
        if let Some(socket) = self.sockets.remove(&number) {
            self.numbers.remove(&socket.fd.as_raw_fd());
            if socket.known {
                self.reactor.forget(socket.fd.as_fd());
            }
            close(socket.fd);
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

impl Drop for Context {
    fn drop(&mut self) {
        let numbers: Vec<_> = self.sockets.keys().copied().collect();
        for number in numbers {
            self.close(number);
        }
        self.kept.drain().for_each(|(_, fd)| close(fd));
    }
}

/// JavaScript may have closed the number already, which is no reason to end the process.
fn close(fd: OwnedFd) {
    let _ = nix::unistd::close(fd);
}
