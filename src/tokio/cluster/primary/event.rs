//! What happens in a cluster, and the queue of events that nobody has taken.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use super::forked_worker::ForkedWorker;
use crate::error::Error;
use crate::message::Message;
use crate::process::Signal;
use crate::proto::cluster::{AddressType, Query};
use crate::trace;

/// Events are measured in pages of so many bytes.
const PAGE: usize = 4096;

/// Something that happened in a cluster, in the order of Node's events ([CLU-22](crate::protocol#CLU-22)). Of each worker:
/// `Fork`, `Online`, then `Listening`, `ListenFailed` and `Message`s, `Disconnect`, `Exit`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The primary was made. The first event, once.
    Setup,
    /// A worker was started.
    Fork {
        /// The worker.
        worker: ForkedWorker,
    },
    /// The worker runs. A program that knows nothing of clusters never says so.
    Online {
        /// The worker.
        worker: ForkedWorker,
    },
    /// The worker listens. Once for each of its servers.
    Listening {
        /// The worker.
        worker: ForkedWorker,
        /// On what.
        address: Address,
    },
    /// The worker was told that it cannot listen, because the primary could not make the socket, or could not
    /// share it. In a Node worker, the server emits `'error'`. A program that ignores this goes on running
    /// without listening: this event is the only sign of it. The next attempt on the same address tries again.
    /// Sockets that a worker binds by itself (`exclusive`, `reusePort`) cause no event.
    ListenFailed {
        /// The worker.
        worker: ForkedWorker,
        /// On what.
        address: Address,
        /// Why: an [`Error::Listen`], with a [code](Error::code) such as `EADDRINUSE`.
        error: Error,
    },
    /// The worker has sent a message, perhaps with a handle.
    Message {
        /// The worker.
        worker: ForkedWorker,
        /// The message.
        message: Message,
    },
    /// The worker has announced that it will exit on its own account: `worker.disconnect()` or
    /// `worker.kill()` was called in it. Start a replacement now. Node has no such event.
    Leaving {
        /// The worker.
        worker: ForkedWorker,
    },
    /// The worker's channel is closed.
    Disconnect {
        /// The worker.
        worker: ForkedWorker,
    },
    /// The worker's process has exited. The last event of a worker, always after `Disconnect`. Code and
    /// signal are both `None` if something else in this process has reaped it.
    Exit {
        /// The worker.
        worker: ForkedWorker,
        /// The exit code, if the process exited by itself.
        code: Option<i32>,
        /// The signal, if one ended the process.
        signal: Option<Signal>,
    },
    /// The worker has sent something that is not a message, or its channel has failed. A Node program
    /// never causes this.
    Error {
        /// The worker.
        worker: ForkedWorker,
        /// What was wrong. After an [`Error::Protocol`] the channel goes on.
        error: Error,
    },
}

/// What a worker listens on: the arguments of Node's `'listening'`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// An IP address or a path; `None` if it gave none, which means every interface.
    pub address: Option<String>,
    /// The port, where it has one.
    pub port: Option<u16>,
    /// What kind of address it is.
    pub address_type: AddressType,
    /// The descriptor of the primary's, if it asked for one.
    pub fd: Option<i32>,
}

/// For people: `127.0.0.1:8000`, `port 8000` for every interface, a path, `fd 3`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address { address_type: AddressType::Path, address: Some(path), .. } => f.write_str(path),
            Address { fd: Some(fd), .. } => write!(f, "fd {fd}"),
            Address { address: Some(ip), port: Some(port), .. } if ip.contains(':') => {
                write!(f, "[{ip}]:{port}")
            }
            Address { address: Some(address), port: Some(port), .. } => write!(f, "{address}:{port}"),
            Address { address: Some(address), port: None, .. } => f.write_str(address),
            Address { address: None, port: Some(port), .. } => write!(f, "port {port}"),
            Address { address: None, port: None, .. } => f.write_str("any address"),
        }
    }
}

impl Event {
    /// The worker that the event is about.
    pub fn worker(&self) -> Option<&ForkedWorker> {
        match self {
            Event::Setup => None,
            Event::Fork { worker }
            | Event::Online { worker }
            | Event::Listening { worker, .. }
            | Event::ListenFailed { worker, .. }
            | Event::Message { worker, .. }
            | Event::Leaving { worker }
            | Event::Disconnect { worker }
            | Event::Exit { worker, .. }
            | Event::Error { worker, .. } => Some(worker),
        }
    }

    fn trace(&self) {
        match self {
            Event::Fork { worker } => trace::worker("forked", worker.id()),
            Event::Online { worker } => trace::worker("online", worker.id()),
            Event::Leaving { worker } => trace::worker("leaving", worker.id()),
            Event::Disconnect { worker } => trace::worker("disconnected", worker.id()),
            Event::Listening { worker, address } => trace::listening(worker.id(), address),
            Event::ListenFailed { worker, error, .. } => trace::listen_failed(worker.id(), error),
            Event::Exit { worker, code, signal } => {
                let signal = signal.map(Signal::name);
                trace::worker_exited(worker.id(), *code, signal, worker.exited_after_disconnect());
            }
            // The channel tells of what it skips.
            Event::Setup | Event::Message { .. } | Event::Error { .. } => {}
        }
    }

    /// What it makes us keep, in pages, where a worker can cause any number of them.
    fn pages(&self) -> usize {
        match self {
            Event::Message { message, .. } => {
                1 + message.payload().as_bytes().len() / PAGE
                    + if message.handle().is_some() { 15 } else { 0 }
            }
            Event::Listening { address, .. } => address.pages(),
            // Its error has the address, too.
            Event::ListenFailed { address, .. } => 2 * address.pages(),
            Event::Error { error, .. } => 1 + error.kept_bytes() / PAGE,
            _ => 0,
        }
    }
}

impl Address {
    fn pages(&self) -> usize {
        1 + self.address.as_deref().map_or(0, str::len) / PAGE
    }
}

impl From<Query> for Address {
    fn from(query: Query) -> Self {
        let Query { address, port, address_type, fd, .. } = query;
        Address { address, port, address_type, fd }
    }
}

/// Events that nobody has taken.
pub(super) struct Events {
    queue: Mutex<Queue>,
    changed: Notify,
}

struct Queue {
    events: VecDeque<Event>,
    /// How many workers have not exited yet.
    workers: usize,
    /// No more will come when these are gone.
    ending: bool,
}

impl Events {
    pub(super) fn new() -> Self {
        let queue = Queue { events: VecDeque::from([Event::Setup]), workers: 0, ending: false };
        Events { queue: Mutex::new(queue), changed: Notify::new() }
    }

    pub(super) fn push(&self, event: Event) {
        if let Some(worker) = event.worker() {
            worker.event_queued(event.pages());
        }
        let mut queue = self.lock();
        match event {
            Event::Fork { .. } => {
                queue.workers += 1;
                queue.ending = false;
            }
            Event::Exit { .. } => queue.workers -= 1,
            _ => {}
        }
        queue.events.push_back(event);
        let is_last = queue.ending && queue.workers == 0;
        drop(queue);
        // Each event is for one of those who wait; the end is for all.
        match is_last {
            true => self.changed.notify_waiters(),
            false => self.changed.notify_one(),
        }
    }

    /// From now on, `next` gives `None` when no worker is left.
    pub(super) fn end(&self) {
        self.lock().ending = true;
        self.changed.notify_waiters();
    }

    pub(super) async fn next(&self) -> Option<Event> {
        consume_budget().await;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let event = {
                let mut queue = self.lock();
                if queue.events.is_empty() && queue.ending && queue.workers == 0 {
                    return None;
                }
                queue.events.pop_front()
            };
            if let Some(event) = event {
                // Here, where no lock is held: a subscriber may use the cluster.
                event.trace();
                if let Some(worker) = event.worker() {
                    worker.event_taken(event.pages());
                }
                return Some(event);
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: Option<&str>, port: Option<u16>, address_type: AddressType, fd: Option<i32>) -> String {
        Address { address: address.map(str::to_owned), port, address_type, fd }.to_string()
    }

    #[test]
    fn an_address_is_shown_as_people_write_it() {
        use AddressType::*;
        assert_eq!(shown(Some("127.0.0.1"), Some(80), Tcp4, None), "127.0.0.1:80");
        assert_eq!(shown(Some("::1"), Some(80), Tcp6, None), "[::1]:80");
        assert_eq!(shown(Some("localhost"), Some(80), Tcp4, None), "localhost:80");
        assert_eq!(shown(None, Some(80), Tcp4, None), "port 80");
        assert_eq!(shown(Some("/tmp/a.sock"), None, Path, None), "/tmp/a.sock");
        assert_eq!(shown(Some("/tmp/a.sock"), Some(0), Path, None), "/tmp/a.sock");
        assert_eq!(shown(None, None, Fd, Some(3)), "fd 3");
    }
}
