//! One thread that polls for all contexts of the process, if the runtime's event loop cannot: in Bun and
//! Deno, libuv's functions cannot be used.
//!
//! It sleeps in epoll_wait while there are no events, and while JavaScript handles a notification: a
//! context is polled again after its callback has returned. The thread starts with the first context
//! that has a socket, and ends with the last.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Calls a context. It does not keep the context alive by itself.
type Notice = ThreadsafeFunction<(), (), (), Status, false, true>;

/// A context's registration with the thread.
pub struct ByThread {
    /// A separate function, to keep the context alive.
    notice: Notice,
}

struct Reactor {
    epoll: Epoll,
    wake: EventFd,
    contexts: Mutex<HashMap<u32, (Notice, Arc<Epoll>)>>,
}

struct Running {
    reactor: Arc<Reactor>,
    thread: JoinHandle<()>,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// The epoll data of the eventfd that wakes the thread. No context has this number.
const WAKE: u64 = u64::MAX;

/// Reports once, and then not again until the context has handled its events.
const ONCE: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLONESHOT);

impl ByThread {
    pub fn begin(
        env: &Env,
        notify: &Function<'_, (), ()>,
        epoll: &Arc<Epoll>,
        (context, end): (u32, fn(u32)),
    ) -> napi::Result<io::Result<ByThread>> {
        let build = || notify.build_threadsafe_function::<()>().weak::<true>().build_callback(|_| Ok(()));
        let (for_reactor, notice): (Notice, Notice) = (build()?, build()?);
        if let Err(e) = Reactor::join(context, for_reactor, epoll.clone()) {
            Reactor::leave(context);
            return Ok(Err(e));
        }
        // Added after the hooks of the threadsafe functions, so it runs before them.
        env.add_env_cleanup_hook(context, move |context| {
            Reactor::leave(context);
            end(context);
        })?;
        Ok(Ok(ByThread { notice }))
    }

    pub fn keep_alive(&mut self, env: &Env, on: bool) -> napi::Result<()> {
        // Deprecated in favour of creating and dropping a function each time, which costs a handle.
        #[allow(deprecated)]
        if on { self.notice.refer(env) } else { self.notice.unref(env) }
    }
}

impl Reactor {
    /// Adds a context. Starts the thread if it is the first.
    fn join(context: u32, notice: Notice, epoll: Arc<Epoll>) -> io::Result<()> {
        let mut running = lock(&RUNNING);
        let reactor = match &*running {
            Some(Running { reactor, .. }) => reactor.clone(),
            None => {
                let reactor = Arc::new(Reactor::new()?);
                let for_thread = reactor.clone();
                let builder = thread::Builder::new().name("crossfork".into()).stack_size(128 * 1024);
                let thread = builder.spawn(move || for_thread.run())?;
                running.insert(Running { reactor, thread }).reactor.clone()
            }
        };
        let mut contexts = lock(&reactor.contexts);
        let added = reactor.epoll.add(&epoll.0, EpollEvent::new(ONCE, context.into()));
        contexts.insert(context, (notice, epoll));
        Ok(added?)
    }

    /// Removes a context. Ends the thread if it was the last.
    fn leave(context: u32) {
        let mut running = lock(&RUNNING);
        let Some(Running { reactor, .. }) = &*running else { return };
        let gone = lock(&reactor.contexts).remove(&context);
        if let Some((_, epoll)) = &gone {
            let _ = reactor.epoll.delete(&epoll.0);
        }
        drop(gone);
        if !lock(&reactor.contexts).is_empty() {
            return;
        }
        if let Some(Running { reactor, thread }) = running.take() {
            // Fails only if the counter is full.
            let _ = reactor.wake.write(1);
            let _ = thread.join();
        }
    }

    fn new() -> io::Result<Reactor> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        Ok(Reactor { epoll, wake, contexts: Mutex::new(HashMap::new()) })
    }

    fn run(self: Arc<Self>) {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                // Other code has closed the epoll descriptor. Nothing can be polled any more.
                Err(_) => return,
            };
            if events[..count].iter().any(|event| event.data() == WAKE) {
                return;
            }
            events[..count].iter().for_each(|event| self.notify(event.data() as u32));
        }
    }

    fn notify(self: &Arc<Self>, context: u32) {
        // Weak, because if the context ends before the call, the closure is never dropped and would leak
        // the reactor.
        let reactor = Arc::downgrade(self);
        let again = move |_, _| {
            if let Some(reactor) = reactor.upgrade() {
                reactor.again(context);
            }
            Ok(())
        };
        if let Some((notice, _)) = lock(&self.contexts).get(&context) {
            // The call fails if the context is ending. Then it needs no notification.
            notice.call_with_return_value((), ThreadsafeFunctionCallMode::NonBlocking, again);
        }
    }

    /// Polls a context again, after its callback has returned.
    fn again(&self, context: u32) {
        if let Some((_, epoll)) = lock(&self.contexts).get(&context) {
            let _ = self.epoll.modify(&epoll.0, &mut EpollEvent::new(ONCE, context.into()));
        }
    }
}

/// Ignores poisoning, because a panic in another thread leaves no inconsistent state here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
