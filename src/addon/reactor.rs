//! One thread that waits in the kernel for the sockets of all contexts of the process.
//!
//! A thread, because Node-API has no way to put a descriptor into the runtime's own loop, and
//! libuv's functions are not there in Bun and Deno. It sleeps in epoll_wait while nothing happens.
//! A socket is armed for one report at a time: one that is not read costs nothing, and the thread
//! sleeps through what comes while JavaScript is busy reading. The thread starts with the first
//! context that has a socket, and ends with the last.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Tells a context that there are reports. It does not keep the context alive by itself.
pub type Notice = ThreadsafeFunction<(), (), (), Status, false, true>;

/// A socket, and what happened to it (`EPOLL*`).
pub type Report = (u32, u32);

pub struct Reactor {
    epoll: Epoll,
    wake: EventFd,
    contexts: Mutex<HashMap<u32, Mailbox>>,
}

/// What a context has not yet heard of.
struct Mailbox {
    notice: Notice,
    reports: Vec<Report>,
    /// It was called and has not come yet.
    called: bool,
}

struct Running {
    reactor: Arc<Reactor>,
    thread: JoinHandle<()>,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// The waker's mark; no socket has it.
const WAKE: u64 = u64::MAX;

impl Reactor {
    /// Enters a context, and starts the thread if it is the first.
    pub fn join(context: u32, notice: Notice) -> io::Result<Arc<Reactor>> {
        let mut running = lock(&RUNNING);
        let reactor = match &*running {
            Some(Running { reactor, .. }) => reactor.clone(),
            None => {
                let reactor = Arc::new(Reactor::new()?);
                let its_own = reactor.clone();
                let builder = thread::Builder::new().name("crossfork".into()).stack_size(128 * 1024);
                let thread = builder.spawn(move || its_own.run())?;
                running.insert(Running { reactor, thread }).reactor.clone()
            }
        };
        let mailbox = Mailbox { notice, reports: Vec::new(), called: false };
        lock(&reactor.contexts).insert(context, mailbox);
        Ok(reactor)
    }

    /// Takes a context out, and ends the thread if it was the last.
    pub fn leave(&self, context: u32) {
        let mut running = lock(&RUNNING);
        let mailbox = lock(&self.contexts).remove(&context);
        drop(mailbox);
        if !lock(&self.contexts).is_empty() {
            return;
        }
        if let Some(Running { thread, .. }) = running.take() {
            // Cannot fail but for a counter that is full.
            let _ = self.wake.write(1);
            let _ = thread.join();
        }
    }

    /// Has the next of these events reported, once, and adds the socket if it is not known yet.
    pub fn arm(&self, socket: BorrowedFd<'_>, mark: (u32, u32), events: u32, known: bool) -> io::Result<()> {
        let flags = EpollFlags::from_bits_truncate(events as i32) | EpollFlags::EPOLLONESHOT;
        let mut event = EpollEvent::new(flags, u64::from(mark.0) << 32 | u64::from(mark.1));
        Ok(if known { self.epoll.modify(socket, &mut event) } else { self.epoll.add(socket, event) }?)
    }

    /// To be called before the socket is closed, for a duplicate would keep it registered.
    pub fn forget(&self, socket: BorrowedFd<'_>) {
        let _ = self.epoll.delete(socket);
    }

    /// What has happened since the last time.
    pub fn reports(&self, context: u32) -> Vec<Report> {
        let mut contexts = lock(&self.contexts);
        let Some(mailbox) = contexts.get_mut(&context) else { return Vec::new() };
        mailbox.called = false;
        std::mem::take(&mut mailbox.reports)
    }

    fn new() -> io::Result<Reactor> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        Ok(Reactor { epoll, wake, contexts: Mutex::new(HashMap::new()) })
    }

    fn run(&self) {
        let mut events = [EpollEvent::empty(); 256];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                // Our own descriptor was closed by somebody else. Nothing can be waited for.
                Err(_) => return,
            };
            if !self.report(&events[..count]) {
                return;
            }
        }
    }

    /// False when the thread is to end.
    fn report(&self, events: &[EpollEvent]) -> bool {
        let mut contexts = lock(&self.contexts);
        for event in events.iter().filter(|event| event.data() != WAKE) {
            let (context, socket) = ((event.data() >> 32) as u32, event.data() as u32);
            if let Some(mailbox) = contexts.get_mut(&context) {
                mailbox.reports.push((socket, event.events().bits() as u32));
            }
        }
        for mailbox in contexts.values_mut().filter(|m| !m.called && !m.reports.is_empty()) {
            // A context that ends is not told, and does not mind.
            mailbox.called = mailbox.notice.call((), ThreadsafeFunctionCallMode::NonBlocking) == Status::Ok;
        }
        !events.iter().any(|event| event.data() == WAKE)
    }
}

/// A panic of another thread leaves nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
