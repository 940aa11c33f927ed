//! How tasks wait for a channel.
//!
//! A [`Call`] is an operation that a task waits for. Dropping it withdraws the operation. The reactor does
//! not wake a waiting task directly. It wakes [`Reactor`], which does the I/O immediately and then wakes the
//! tasks whose message, acknowledgement or room has come. So no task does the work of others, and a task that
//! is busy delays no other.
//!
//! Reading continues while any waiting call has not been woken.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::runtime::Handle;
use tokio::task::coop::{RestoreOnPending, poll_proceed, unconstrained};

use crate::driver::link::{Link, Step, WaiterId};
use crate::driver::op::{Bounded, MOST_READS, Operation};
use crate::error::Error;
use crate::limits::Limits;
use crate::message::encoder::Encoder;
use crate::sys::reactor;
use crate::wire::Serialization;

pub(super) struct Shared {
    pub(super) encoder: Arc<Encoder>,
    state: Mutex<State>,
    /// The link's socket, registered for readability.
    readable: Registered,
    /// A duplicate of the socket, to register for writability, because the reactor accepts each descriptor
    /// only once. It is made at the start, because later there may be no free descriptor.
    second: Arc<UnixStream>,
    runtime: Handle,
    waker: Waker,
}

struct State {
    link: Link,
    /// The reactor will wake us when the socket is readable.
    awaits_input: bool,
    /// Registered only while a write has to wait. At other times each read by the peer would wake us for
    /// nothing.
    writable: Option<Registered>,
    /// The reactor will wake us when the socket is writable.
    awaits_room: bool,
}

type Registered = AsyncFd<Arc<UnixStream>>;

impl Shared {
    #[track_caller]
    pub(super) fn new(
        socket: OwnedFd,
        serialization: Serialization,
        limits: Limits,
    ) -> io::Result<Arc<Self>> {
        let link = Link::new(socket, serialization, limits);
        let second = Arc::new(link.socket().try_clone()?);
        let readable = reactor::register(link.socket(), Interest::READABLE)?;
        let runtime = Handle::current();
        Ok(Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            encoder: link.encoder(),
            state: Mutex::new(State { link, awaits_input: false, writable: None, awaits_room: false }),
            readable,
            second,
            runtime,
            waker: Arc::new(Reactor(shared.clone())).into(),
        }))
    }

    /// The link's socket.
    pub(super) fn socket(&self) -> &UnixStream {
        self.readable.get_ref()
    }

    /// Visits the link. At the end of the visit, the pending I/O is done, and the calls that became ready are
    /// woken.
    pub(super) fn visit(&self) -> Visit<'_> {
        Visit { shared: self, state: Some(self.lock()), is_driven: false, is_noticed: true }
    }

    /// Waits for an operation.
    pub(super) fn call<O: Operation>(&self, op: O) -> Call<'_, O> {
        Call { shared: self, op, waiting: Waiting::default(), is_done: false }
    }

    /// Waits for an operation, as [`call`](Self::call) does. The caller sets any timeout.
    pub(super) fn call_bounded<O: Bounded>(&self, op: O) -> Call<'_, O> {
        self.call(op)
    }

    /// An operation that has begun, to be waited for later.
    pub(super) fn begun<O: Bounded>(&self, op: O) -> Call<'_, O> {
        self.call(op)
    }

    /// Yields if the task has used up its cooperative budget.
    pub(super) async fn turn(&self) {
        poll_fn(|cx| self.poll_turn(cx)).await.made_progress();
    }

    pub(super) fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
        let turn = poll_proceed(cx);
        if turn.is_pending() {
            // Other tasks run now, for an unknown time.
            self.visit().link().write_fed();
        }
        turn
    }

    /// Queues a frame to be written with others, and returns how many bytes are queued.
    pub(super) fn feed(&self, frame: &mut Vec<u8>) -> Result<usize, Error> {
        // No call waits for this, and there is no I/O to do yet.
        self.lock().link.feed(frame)
    }

    /// Looks at the link.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Link) -> T) -> T {
        look(&self.lock().link)
    }

    /// A panic elsewhere cannot leave the state half changed: no user code runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the I/O that calls wait for, until the reactor has to wake us.
    fn drive(&self, state: &mut State) {
        for _ in 0..MOST_READS {
            self.drive_output(state);
            if state.awaits_input || !state.link.needs_input() {
                return;
            }
            match self.ask(&self.readable, AsyncFd::poll_read_ready) {
                Poll::Pending => {
                    state.awaits_input = true;
                    return;
                }
                // The runtime is shutting down.
                Poll::Ready(Err(e)) => state.link.fail(e),
                Poll::Ready(Ok(mut can_read)) => {
                    // The reactor reports changes only. It is asked again when there is nothing more to read.
                    if state.link.read() == Step::Blocked || state.link.is_drained() {
                        can_read.clear_ready();
                    }
                }
            }
            state.link.notice();
        }
        // The peer writes without pause. The waiting tasks go on, each in its turn. If none is left and only
        // the end of the channel is outstanding, a task of our own goes on.
        if state.link.waiters.is_empty() {
            let waker = self.waker.clone();
            self.runtime.spawn(async { waker.wake() });
        }
        state.link.waiters.wake_everybody();
    }

    fn drive_output(&self, state: &mut State) {
        let State { link, writable, awaits_room, .. } = state;
        while link.needs_room() && !*awaits_room {
            let registered = match writable {
                Some(registered) => registered,
                None => match self.register_second() {
                    Ok(registered) => writable.insert(registered),
                    Err(e) => return link.fail(e),
                },
            };
            match self.ask(registered, AsyncFd::poll_write_ready) {
                Poll::Pending => *awaits_room = true,
                Poll::Ready(Err(e)) => link.fail(e),
                Poll::Ready(Ok(mut can_write)) => {
                    if link.write() == Step::Blocked {
                        can_write.clear_ready();
                    }
                }
            }
            link.notice();
        }
        if !link.needs_room() {
            *writable = None;
            *awaits_room = false;
        }
    }

    fn register_second(&self) -> io::Result<Registered> {
        // This may run outside the runtime, when a connection is dropped.
        let _inside = self.runtime.enter();
        reactor::register(self.second.clone(), Interest::WRITABLE)
    }

    /// Asks the reactor whether a socket is ready. If it is not, the reactor will wake us. This does not use
    /// the budget of the current task, which did not ask for it. Besides, without budget tokio would call our
    /// waker immediately.
    fn ask<'a>(
        &self,
        registered: &'a Registered,
        poll: impl Fn(
            &'a Registered,
            &mut Context<'_>,
        ) -> Poll<io::Result<AsyncFdReadyGuard<'a, Arc<UnixStream>>>>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, Arc<UnixStream>>>> {
        let ready = pin!(unconstrained(poll_fn(|cx| poll(registered, cx))));
        ready.poll(&mut Context::from_waker(&self.waker))
    }
}

/// A visit to a link.
pub(super) struct Visit<'a> {
    shared: &'a Shared,
    /// `Some` until the end of the visit.
    state: Option<MutexGuard<'a, State>>,
    /// The I/O is up to date: nothing was done since.
    is_driven: bool,
    /// The ready calls have been woken: nothing was done since. This happens at the end of a visit at the
    /// latest.
    is_noticed: bool,
}

impl Visit<'_> {
    pub(super) fn link(&mut self) -> &mut Link {
        (self.is_driven, self.is_noticed) = (false, false);
        &mut self.state.as_mut().expect("a visit that is not over").link
    }

    fn is_waiting(&self, place: WaiterId) -> bool {
        self.state.as_ref().is_some_and(|state| state.link.waiters.is_waiting(place))
    }

    fn drive(&mut self) {
        if let Some(state) = &mut self.state
            && !self.is_driven
        {
            if !self.is_noticed && !state.link.waiters.is_empty() {
                state.link.notice();
            }
            self.shared.drive(state);
            (self.is_driven, self.is_noticed) = (true, true);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.drive();
        if let Some(mut state) = self.state.take()
            && !state.link.waiters.is_idle()
        {
            let woken = state.link.waiters.woken();
            drop(state);
            woken.call();
        }
    }
}

/// The waker that the reactor calls. It does not keep the channel open.
struct Reactor(Weak<Shared>);

impl Wake for Reactor {
    fn wake(self: Arc<Self>) {
        if let Some(shared) = self.0.upgrade() {
            let mut visit = shared.visit();
            if let Some(state) = &mut visit.state {
                // It may concern either direction. Asking again costs nothing.
                state.awaits_input = false;
                state.awaits_room = false;
            }
        }
    }
}

/// A place among the waiting calls, kept between polls.
#[derive(Default)]
pub(super) struct Waiting(Option<WaiterId>);

impl Waiting {
    /// Checks whether the operation is ready. If not, the task is woken when it may be.
    pub(super) fn poll<O: Operation>(
        &mut self,
        shared: &Shared,
        op: &mut O,
        cx: &mut Context<'_>,
    ) -> Poll<O::Output> {
        let turn = ready!(shared.poll_turn(cx));
        // Dropped after the visit.
        let mut left = [None, None];
        let mut visit = shared.visit();
        // The second time for input that was available.
        for left in &mut left {
            let link = visit.link();
            *left = self.0.take().map(|place| link.waiters.leave(place));
            if let Some(output) = op.poll(link) {
                turn.made_progress();
                return Poll::Ready(output);
            }
            let has_written = link.write_fed();
            let entered = link.waiters.enter(op.topic(), cx.waker().clone());
            self.0 = Some(entered);
            // A call that waits alone has just checked its operation.
            visit.is_noticed = !has_written && link.waiters.is_one();
            visit.drive();
            if visit.is_waiting(entered) {
                break;
            }
        }
        Poll::Pending
    }

    /// Stops waiting and withdraws the operation.
    pub(super) fn leave(&mut self, shared: &Shared, op: &mut impl Operation) {
        // Dropped after the visit.
        let left;
        let mut visit = shared.visit();
        let link = visit.link();
        op.withdraw(link);
        left = self.0.take().map(|place| link.waiters.leave(place));
        if left.as_ref().is_some_and(|left| left.was_woken) {
            // It was woken for an event that the next waiting call takes now.
            link.waiters.wake_one(op.topic());
        }
    }
}

/// An operation that a task waits for. Dropping it withdraws the operation.
pub(super) struct Call<'a, O: Operation> {
    shared: &'a Shared,
    op: O,
    waiting: Waiting,
    is_done: bool,
}

// No field is pinned.
impl<O: Operation> Unpin for Call<'_, O> {}

impl<O: Operation> Future for Call<'_, O> {
    type Output = O::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        let Call { shared, op, waiting, is_done } = self.get_mut();
        let polled = waiting.poll(shared, op, cx);
        *is_done = polled.is_ready();
        polled
    }
}

impl<O: Operation> Drop for Call<'_, O> {
    fn drop(&mut self) {
        if !self.is_done {
            self.waiting.leave(self.shared, &mut self.op);
        }
    }
}

impl<O: Bounded> Call<'_, O> {
    /// Returns itself, to be awaited.
    pub(super) fn wait(self) -> Self {
        self
    }
}
