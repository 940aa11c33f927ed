//! How threads wait for a channel.
//!
//! All waiting calls work alike: a call checks whether its operation is ready, does the I/O that is possible,
//! and otherwise waits. One thread at a time waits in `poll`, on behalf of all, and wakes the calls whose
//! message, acknowledgement or room has come. When it leaves, another waiting thread takes its place. The
//! same `poll` covers the listeners that threads accept from. So a sender makes progress when no thread
//! receives, and it also reads what arrives in the meantime.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::wakers::{PollWaker, Sleeper};
use crate::driver::link::{Link, Topic, WaiterId};
use crate::driver::op::{Bounded, MOST_READS, Operation};
use crate::error::Error;
use crate::limits::Limits;
use crate::message::encoder::Encoder;
use crate::wire::Serialization;

pub(super) struct Shared {
    pub(super) encoder: Arc<Encoder>,
    state: Mutex<State>,
    /// The link's socket, for `poll`.
    socket: Arc<UnixStream>,
    /// Wakes the thread that waits in `poll`.
    wakeup: Arc<PollWaker>,
}

/// A descriptor that stays open while threads wait for it.
pub(super) type Watched = Arc<dyn AsFd + Send + Sync>;

pub(super) struct State {
    link: Link,
    /// What the thread in `poll` waits for, if there is one.
    polling: Option<PollFlags>,
    /// A thread was woken to take over `poll`, and has not started yet.
    is_called: bool,
    /// Other descriptors that threads wait to read from.
    watched: Vec<(WaiterId, Watched)>,
    /// Some of them were added after the thread in `poll` began to wait.
    has_unpolled: bool,
    send_timeout: Option<Duration>,
}

impl Shared {
    pub(super) fn new(
        socket: OwnedFd,
        serialization: Serialization,
        limits: Limits,
    ) -> io::Result<Arc<Self>> {
        let link = Link::new(socket, serialization, limits);
        Ok(Arc::new(Shared {
            encoder: link.encoder(),
            socket: link.socket(),
            state: Mutex::new(State {
                link,
                polling: None,
                is_called: false,
                watched: Vec::new(),
                has_unpolled: false,
                send_timeout: None,
            }),
            wakeup: Arc::new(PollWaker::new()?),
        }))
    }

    /// The link's socket.
    pub(super) fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Visits the link. At the end of the visit, the calls that became ready are woken.
    pub(super) fn visit(&self) -> Visit<'_> {
        Visit { shared: self, state: Some(self.lock()) }
    }

    /// Looks at the link.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Link) -> T) -> T {
        look(&self.lock().link)
    }

    /// Queues a frame to be written with others, and returns how many bytes are queued.
    pub(super) fn feed(&self, frame: &mut Vec<u8>) -> Result<usize, Error> {
        // No call waits for this, and there is no I/O to do yet.
        self.lock().link.feed(frame)
    }

    pub(super) fn set_send_timeout(&self, timeout: Option<Duration>) {
        self.lock().send_timeout = timeout;
    }

    /// Waits for an operation.
    pub(super) fn call<O: Operation>(&self, op: O) -> O::Output {
        self.call_watching(None, op)
    }

    /// Waits for an operation that may also become ready when this descriptor is readable.
    pub(super) fn call_watching<O: Operation>(&self, watched: Option<Watched>, mut op: O) -> O::Output {
        loop {
            if let Ok(output) = self.wait(&mut op, None, watched.as_ref()) {
                return output;
            }
        }
    }

    /// Waits for an operation, up to the send timeout.
    pub(super) fn call_bounded<O: Bounded>(&self, op: O) -> O::Output {
        let timeout = self.lock().send_timeout;
        self.call_within(timeout, op)
    }

    /// Waits for an operation, up to a timeout.
    pub(super) fn call_within<O: Bounded>(&self, timeout: Option<Duration>, mut op: O) -> O::Output {
        match self.wait(&mut op, timeout, None) {
            Ok(output) => output,
            Err(mut visit) => op.time_out(visit.link()),
        }
    }

    /// An operation that has begun, to be waited for later.
    pub(super) fn begun<O: Bounded>(&self, op: O) -> Call<'_, O> {
        Call { shared: self, op }
    }

    /// Waits until the operation is ready. On a timeout, the error is the visit in which it expired.
    fn wait<O: Operation>(
        &self,
        op: &mut O,
        timeout: Option<Duration>,
        watched: Option<&Watched>,
    ) -> Result<O::Output, Visit<'_>> {
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
        let (mut reads, mut has_waited) = (0, false);
        let mut visit = self.visit();
        loop {
            if let Some(output) = op.poll(&mut visit.link) {
                return Ok(output);
            }
            if visit.polling.is_none() && visit.link.may_have_input() {
                if reads < MOST_READS {
                    reads += 1;
                    visit.link.read();
                    continue;
                }
                // A peer that writes without pause delays neither the deadline nor other threads.
                reads = 0;
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Err(visit);
                }
                drop(visit);
                visit = self.visit();
                continue;
            }
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            // A timeout of zero checks once.
            if left == Some(Duration::ZERO) && has_waited {
                return Err(visit);
            }
            if visit.link.write_fed() {
                continue;
            }
            has_waited = true;
            visit = self.wait_once(visit, op.topic(), left, watched);
        }
    }

    /// Waits until something has happened that may make the topic ready.
    fn wait_once(
        &self,
        mut visit: Visit<'_>,
        topic: Topic,
        timeout: Option<Duration>,
        watched: Option<&Watched>,
    ) -> Visit<'_> {
        let sleeper = visit.polling.is_some().then(|| Arc::new(Sleeper::new()));
        let waker = match &sleeper {
            Some(sleeper) => sleeper.clone().into(),
            None => self.wakeup.clone().into(),
        };
        let place = visit.enter(topic, waker, watched);
        let mut visit = match sleeper {
            Some(sleeper) => self.sleep(visit, &sleeper, timeout),
            None => self.poll(visit, timeout),
        };
        visit.leave(place);
        visit
    }

    /// Waits in `poll` on behalf of all threads.
    fn poll(&self, mut visit: Visit<'_>, timeout: Option<Duration>) -> Visit<'_> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, visit.link.wants_input());
        flags.set(PollFlags::POLLOUT, visit.link.needs_room());
        // The kernel tells of a hang-up whatever is asked. Once it is known we would never sleep.
        let has_hung_up = flags.is_empty() && visit.link.is_broken();
        visit.polling = Some(flags);
        visit.has_unpolled = false;
        let watched = visit.watched.clone();
        match visit.link.waiters.is_one() {
            // This thread has just checked its own operation.
            true => visit.leave_unnoticed(),
            false => drop(visit),
        }

        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let wakeup = self.wakeup.as_fd();
        let socket = if has_hung_up { wakeup } else { self.socket.as_fd() };
        let mut own = [PollFd::new(socket, flags), readable(wakeup)];
        let mut all: Vec<_>;
        let fds = if watched.is_empty() {
            &mut own[..]
        } else {
            all = own.into_iter().chain(watched.iter().map(|(_, fd)| readable(fd.as_fd()))).collect();
            &mut all[..]
        };
        let result = poll(fds, poll_timeout(timeout));
        let happened = fds[0].revents().unwrap_or(PollFlags::empty());
        if fds[1].any() == Some(true) {
            self.wakeup.drain();
        }
        let can_be_read = watched.iter().zip(&fds[2..]).filter(|(_, fd)| fd.any() == Some(true));

        let mut visit = self.visit();
        visit.polling = None;
        for ((place, _), _) in can_be_read {
            visit.link.waiters.wake(*place);
        }
        if let Err(e) = result
            && e != Errno::EINTR
        {
            // Out of memory, or a descriptor limit below 2.
            visit.link.fail(e.into());
        } else if happened.contains(PollFlags::POLLIN) {
            visit.link.readable();
            visit.link.read();
        } else if happened.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            if flags.contains(PollFlags::POLLIN) {
                visit.link.readable();
            } else {
                // The receive queue is full. The end of the channel comes after it.
                visit.link.broken();
            }
        }
        if happened.contains(PollFlags::POLLOUT) {
            visit.link.write();
        }
        visit
    }

    /// Waits until the thread in `poll` wakes this one.
    fn sleep(&self, visit: Visit<'_>, sleeper: &Sleeper, timeout: Option<Duration>) -> Visit<'_> {
        drop(visit);
        sleeper.sleep(timeout);
        let mut visit = self.visit();
        visit.is_called = false;
        visit
    }

    /// A panic elsewhere cannot leave the state half changed: no user code runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    fn enter(&mut self, topic: Topic, waker: Waker, watched: Option<&Watched>) -> WaiterId {
        let place = self.link.waiters.enter(topic, waker);
        if let Some(watched) = watched {
            self.watched.push((place, watched.clone()));
            self.has_unpolled = true;
        }
        place
    }

    fn leave(&mut self, place: WaiterId) {
        // The waker is this thread's own.
        drop(self.link.waiters.leave(place));
        self.watched.retain(|(other, _)| *other != place);
    }

    /// Whether the thread in `poll` has to return, because it must wait for something else now: output, input
    /// for which there was no room before, another descriptor, or no output any more because it was written
    /// or lost.
    fn needs_other_poll(&self) -> bool {
        self.polling.is_some_and(|flags| {
            self.has_unpolled
                || self.link.needs_room() != flags.contains(PollFlags::POLLOUT)
                || self.link.wants_input() && !flags.contains(PollFlags::POLLIN)
        })
    }
}

/// A visit to a link.
pub(super) struct Visit<'a> {
    shared: &'a Shared,
    /// `Some` until the end of the visit.
    state: Option<MutexGuard<'a, State>>,
}

impl Visit<'_> {
    /// Ends the visit without waking any thread. Only where no thread can wait for what was done.
    fn leave_unnoticed(mut self) {
        self.state = None;
    }
}

impl Deref for Visit<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.state.as_ref().expect("a visit that is not over")
    }
}

impl DerefMut for Visit<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("a visit that is not over")
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else {
            return;
        };
        if state.link.waiters.is_idle() {
            return;
        }
        state.link.notice();
        if state.polling.is_none() && !state.is_called {
            state.is_called = state.link.waiters.wake_any();
        }
        let needs_other_poll = state.needs_other_poll();
        let woken = state.link.waiters.woken();
        drop(state);
        woken.call();
        if needs_other_poll {
            self.shared.wakeup.wake_poll();
        }
    }
}

/// An operation that has begun, to be waited for later.
pub(super) struct Call<'a, O> {
    shared: &'a Shared,
    op: O,
}

impl<O: Bounded> Call<'_, O> {
    /// Waits for it, up to the send timeout.
    pub(super) fn wait(self) -> O::Output {
        self.shared.call_bounded(self.op)
    }
}

fn poll_timeout(timeout: Option<Duration>) -> PollTimeout {
    match timeout {
        None => PollTimeout::NONE,
        // Rounded up, so that a wait never ends too early and spins.
        Some(t) => PollTimeout::try_from(t + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX),
    }
}
