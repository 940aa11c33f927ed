//! A socket from which the primary accepts.
//!
//! Under load no worker is free most of the time, and then connections can as well wait in the kernel.
//! To be woken for each of them would cost as much as everything else. So while connections wait here,
//! the reactor does not watch the socket. [`AcceptDemand`] says whether some do.
//!
//! ```text
//!            some wait here, and there is one more
//!    Watched -----------------------------------> Looking <-----------------+
//!     ^  ^                                         | |  |                   |
//!     |  +--- no more are there, and none waits ---+ |  +-- too many --> Paused
//!     |                                              |                      ^
//!     |           no more are there, but some wait   v                      |
//!     +---- for a while ------------------------- Resting --- too many -----+
//!                                                    |
//!                                                    +-- none waits any more --> Looking
//! ```

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use crate::proto::cluster::primary::AcceptDemand;
use crate::sys::{reactor, server};

/// How long the socket is not watched while workers are busy. The kernel has room for the clients of
/// this time.
const REST: Duration = Duration::from_millis(20);

/// How many replaced sockets may have clients that wait. A program that removes its path all the time must not
/// cost us any number of descriptors.
const MOST_REPLACED: usize = 8;

pub(super) struct Listener {
    socket: Arc<OwnedFd>,
    /// We have made it: no other process has it.
    is_ours: bool,
    /// Its clients can wait in the kernel for a while.
    is_patient: bool,
    watch: Watch,
    /// Goes off at the end of a rest, or before. It is not reset for each rest, because that costs a
    /// system call.
    alarm: Pin<Box<Sleep>>,
    /// The task, while it waits for more demand.
    waiting: Option<Waker>,
    task: Option<AbortHandle>,
    /// Those that this one has replaced, [`MOST_REPLACED`] at most: nobody can reach them any more, and their
    /// clients were there first.
    replaced: VecDeque<Arc<OwnedFd>>,
}

/// How we learn of connections.
enum Watch {
    /// The reactor tells us.
    Watched(AsyncFd<Arc<OwnedFd>>),
    /// We accept until there is none.
    Looking,
    /// We do not look before this time.
    Resting(Instant),
    /// We do not look until there is demand.
    Paused,
}

impl Listener {
    /// To be called in a runtime.
    pub(super) fn new(socket: OwnedFd, is_ours: bool, is_patient: bool) -> io::Result<Self> {
        let socket = Arc::new(socket);
        let watch = Watch::of(&socket)?;
        let alarm = Box::pin(tokio::time::sleep(REST));
        let replaced = VecDeque::new();
        Ok(Listener { socket, is_ours, is_patient, watch, alarm, waiting: None, task: None, replaced })
    }

    /// Whether the task that asks is the one, and not that of a listener that this one has replaced.
    pub(super) fn is_served_here(&self) -> bool {
        self.task.as_ref().map(AbortHandle::id) == tokio::task::try_id()
    }

    /// Takes the place of another. Its clients that wait in the kernel are accepted from here.
    pub(super) fn replaces(&mut self, mut old: Listener) {
        self.replaced = std::mem::take(&mut old.replaced);
        if self.replaced.len() == MOST_REPLACED {
            self.replaced.pop_front();
        }
        // When it is dropped, the kernel lets no more in, and keeps those that are there.
        self.replaced.push_back(old.socket.clone());
    }

    /// This task accepts from it, and ends with it.
    pub(super) fn served_by(&mut self, task: AbortHandle) {
        self.task = Some(task);
    }

    /// Accepts once.
    pub(super) fn poll_accept(
        &mut self,
        demand: AcceptDemand,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<OwnedFd>> {
        while let Some(old) = self.replaced.front().filter(|_| demand < AcceptDemand::None) {
            match server::accept(old.as_fd()) {
                Ok(connection) => return Poll::Ready(Ok(connection)),
                Err(e) if is_exhausted(&e) => return Poll::Ready(Err(e)),
                // None is left.
                Err(_) => drop(self.replaced.pop_front()),
            }
        }
        let rests = demand == AcceptDemand::Low && self.is_patient;
        loop {
            match &mut self.watch {
                Watch::Paused if demand < AcceptDemand::None => self.watch = Watch::Looking,
                _ if demand == AcceptDemand::None => {
                    self.watch = Watch::Paused;
                    return self.wait(cx);
                }
                Watch::Watched(watched) => {
                    let mut guard = ready!(watched.poll_read_ready(cx))?;
                    if rests {
                        self.watch = Watch::Looking;
                        continue;
                    }
                    match server::accept(self.socket.as_fd()) {
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                        accepted => return Poll::Ready(accepted),
                    }
                }
                Watch::Looking => match server::accept(self.socket.as_fd()) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock && rests => {
                        self.watch = Watch::Resting(Instant::now() + REST);
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.watch = Watch::of(&self.socket)?,
                    accepted => return Poll::Ready(accepted),
                },
                Watch::Resting(end) if rests => {
                    if self.alarm.is_elapsed() {
                        self.alarm.as_mut().reset(*end);
                    }
                    if self.alarm.as_mut().poll(cx).is_pending() {
                        return self.wait(cx);
                    }
                    if *end <= Instant::now() {
                        self.watch = Watch::of(&self.socket)?;
                    }
                }
                Watch::Resting(_) | Watch::Paused => self.watch = Watch::Looking,
            }
        }
    }

    /// Accepts a connection that has come already, to a socket that was replaced or to this one.
    pub(super) fn accept(&mut self) -> io::Result<OwnedFd> {
        while let Some(old) = self.replaced.front() {
            match server::accept(old.as_fd()) {
                Err(e) if !is_exhausted(&e) => drop(self.replaced.pop_front()),
                accepted => return accepted,
            }
        }
        server::accept(self.socket.as_fd())
    }

    /// [`resume`](Self::resume) will wake the task.
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The demand has grown.
    pub(super) fn resume(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// It was no fault of the socket's.
fn is_exhausted(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

impl Watch {
    /// What has come before is told of too.
    fn of(socket: &Arc<OwnedFd>) -> io::Result<Self> {
        Ok(Watch::Watched(reactor::register(socket.clone(), Interest::READABLE)?))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        // At once, so that the address is free for the next server.
        if self.is_ours {
            server::stop(self.socket.as_fd());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{TcpListener, TcpStream};

    use super::AcceptDemand::{High, Low, None as Full};
    use super::*;

    /// A state of `Watch`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum State {
        Watched,
        Looking,
        Resting,
        Paused,
    }

    fn state(listener: &Listener) -> State {
        match listener.watch {
            Watch::Watched(_) => State::Watched,
            Watch::Looking => State::Looking,
            Watch::Resting(_) => State::Resting,
            Watch::Paused => State::Paused,
        }
    }

    /// A listener in this state, and perhaps a client that waits in the kernel.
    async fn in_state(state: State, has_client: bool) -> (Listener, Option<TcpStream>) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let client = has_client.then(|| TcpStream::connect(socket.local_addr().unwrap()).unwrap());
        let mut listener = Listener::new(socket.into(), false, true).unwrap();
        if let Watch::Watched(watched) = &listener.watch
            && has_client
        {
            drop(watched.readable().await.unwrap());
        }
        match state {
            State::Watched => {}
            State::Looking => listener.watch = Watch::Looking,
            State::Resting => listener.watch = Watch::Resting(Instant::now() + REST),
            State::Paused => listener.watch = Watch::Paused,
        }
        (listener, client)
    }

    /// Each row: the state and whether a client waits; and for each demand the state after it. A
    /// client is accepted but in `Resting` and `Paused`.
    #[tokio::test]
    async fn every_state_answers_every_demand() {
        use State::*;
        let rows = [
            (Watched, false, [Watched, Watched, Paused]),
            (Watched, true, [Watched, Looking, Paused]),
            (Looking, false, [Watched, Resting, Paused]),
            (Looking, true, [Looking, Looking, Paused]),
            (Resting, false, [Watched, Resting, Paused]),
            (Resting, true, [Looking, Resting, Paused]),
            (Paused, false, [Watched, Resting, Paused]),
            (Paused, true, [Looking, Looking, Paused]),
        ];
        tokio::time::pause();
        for (before, has_client, after) in rows {
            for (demand, after) in [High, Low, Full].into_iter().zip(after) {
                let (mut listener, _client) = in_state(before, has_client).await;
                let accepted = listener.poll_accept(demand, &mut Context::from_waker(Waker::noop()));
                let row = format!("{before:?}, client: {has_client}, {demand:?}");
                assert_eq!(state(&listener), after, "{row}");
                let accepts = has_client && matches!(after, Watched | Looking);
                assert_eq!(matches!(accepted, Poll::Ready(Ok(_))), accepts, "{row}");
            }
        }
    }

    #[tokio::test]
    async fn a_rest_ends_by_itself_or_when_there_is_demand() {
        tokio::time::pause();
        let (mut listener, _client) = in_state(State::Resting, true).await;
        let mut looks = 0;
        poll_fn(|cx| {
            looks += 1;
            listener.poll_accept(Low, cx)
        })
        .await
        .unwrap();
        assert!(looks > 1, "it rested before");
        let (mut listener, _client) = in_state(State::Resting, true).await;
        poll_fn(|cx| listener.poll_accept(High, cx)).await.unwrap();
    }
}
