//! What a primary's machine wants done, and the names that it uses.

use crate::proto::cluster::message::{Message, Query};

/// A worker's number, in the order in which they were forked, from 1: Node's `worker.id`.
pub type WorkerId = u32;

/// A server's number, which is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub(super) u64);

/// How connections are distributed to workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// The primary accepts, and hands each connection to the next worker: Node's `SCHED_RR`.
    #[default]
    RoundRobin,
    /// All workers accept from one socket, and the kernel decides: Node's `SCHED_NONE`. Datagram
    /// sockets are always shared.
    ///
    /// When an HTTP server of Node 26 closes, for example because its worker shuts down, it ends the
    /// connections that have not brought a request yet. Workers on Deno never accept from a shared
    /// socket, so their clients are not served.
    Shared,
}

/// How much a server wants its connections accepted, the most first: backpressure on its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcceptDemand {
    /// None waits for a worker: accept the next one at once.
    High,
    /// Some wait. More can be left in the kernel for a while.
    Low,
    /// So many wait that no more are to be accepted.
    None,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Action<F> {
    /// Send this to the worker.
    Send {
        /// The worker.
        worker: WorkerId,
        /// The message.
        message: Message,
    },
    /// Send this to the worker with the connection. When the channel is done with it:
    /// [`handle_returned`](super::PrimaryMachine::handle_returned).
    Offer {
        /// The worker.
        worker: WorkerId,
        /// The message.
        message: Message,
        /// The connection.
        fd: F,
    },
    /// Send this to the worker with a connection of our own. Close that when the channel is done with it.
    Connect {
        /// The worker.
        worker: WorkerId,
        /// The message.
        message: Message,
        /// The connection.
        fd: F,
    },
    /// Send this to the worker with a socket that is connected to nothing. When the channel is done with that:
    /// [`handle_pinged`](super::PrimaryMachine::handle_pinged).
    Ping {
        /// The worker.
        worker: WorkerId,
        /// The message.
        message: Message,
    },
    /// The worker was asked whether its event loop runs, and answers.
    Answers {
        /// The worker.
        worker: WorkerId,
    },
    /// Send this to the worker with a duplicate of the server's socket. If it cannot be sent, or
    /// does not arrive: [`handle_unshared`](super::PrimaryMachine::handle_unshared).
    Share {
        /// The worker.
        worker: WorkerId,
        /// The server.
        server: ServerId,
        /// The message.
        reply: Message,
    },
    /// Make the server's socket. Then call [`handle_bound`](super::PrimaryMachine::handle_bound).
    Bind {
        /// The server.
        server: ServerId,
        /// Where.
        query: Query,
        /// Whether we accept its connections, or else it is shared.
        accept: bool,
    },
    /// Look whether the file of the server's path is still its own, and make the socket anew if it is not.
    /// Then call [`handle_rebound`](super::PrimaryMachine::handle_rebound).
    Rebind {
        /// The server, which listens.
        server: ServerId,
        /// Where.
        query: Query,
        /// Who has asked.
        worker: WorkerId,
        /// In the message of this number.
        seq: u64,
    },
    /// Close the server's socket.
    Close {
        /// The server.
        server: ServerId,
    },
    /// The server's [`AcceptDemand`] has grown.
    Resume {
        /// The server.
        server: ServerId,
    },
    /// Workers refused connections of this server. Wait a little, and then call
    /// [`handle_pause_over`](super::PrimaryMachine::handle_pause_over).
    Pause {
        /// The server.
        server: ServerId,
    },
    /// The worker runs (CLU-5). Once.
    Online {
        /// The worker.
        worker: WorkerId,
    },
    /// The worker listens (CLU-8).
    Listening {
        /// The worker.
        worker: WorkerId,
        /// On what.
        query: Query,
    },
    /// The worker was told that it cannot listen (CLU-11).
    ListenFailed {
        /// The worker.
        worker: WorkerId,
        /// On what, without its data.
        query: Query,
        /// The number of the system's error.
        errno: i32,
    },
    /// The worker announces that it will exit on its own account (CLU-10). Once.
    Leaving {
        /// The worker.
        worker: WorkerId,
    },
}
