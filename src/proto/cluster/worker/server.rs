//! One server of a worker: what happened to its query, and the connections that it is given.
//!
//! ```text
//!             listen            granted              close, the worker stops
//!   (nothing) ------> Asked(seq) -----> Open{key} ---------------------------> Closed
//!                         |               ^
//!                         | failed, or    | own: a socket that the primary
//!                         v close         | knows nothing of (no key)
//!                       Closed          (nothing)
//! ```
//!
//! A connection is accepted the moment it comes, and taken later (CLU-13). What was accepted before a
//! server closed can still be taken.

use std::collections::VecDeque;

use crate::proto::cluster::message::{AddressType, Query, SockName};
use crate::wire::v8::Value;

/// How many connections of one server may wait to be taken before more are refused.
const MAX_WAITING: usize = 1024;

/// What happened to a query.
#[derive(Debug, PartialEq)]
pub enum Answer<F> {
    /// The primary accepts, and hands each connection to one of its workers.
    RoundRobin {
        /// Where it listens, if it says so.
        sockname: Option<SockName>,
        /// What the servers of all workers share.
        data: Option<Value>,
    },
    /// All workers accept from this socket, which is bound and may not listen yet (CLU-12).
    Shared {
        /// The socket.
        fd: F,
        /// What the servers of all workers share.
        data: Option<Value>,
    },
    /// The primary could not: the number of an error.
    Failed(i32),
    /// The reply makes no sense, and why.
    Invalid(&'static str),
    /// This worker listens there already, or has asked to.
    InUse,
    /// This worker is shutting down and cannot open listeners.
    Stopped,
}

/// The next connection of a server.
#[derive(Debug, PartialEq)]
pub enum Next<F> {
    /// This one. It counts as open until [`WorkerMachine::connection_closed`](super::WorkerMachine::connection_closed).
    Connection(F),
    /// None yet.
    None,
    /// None, and none will come.
    Closed,
}

pub(super) struct WorkerServer<F> {
    pub(super) query: Query,
    state: ServerState,
    /// The answer, until it is taken.
    answer: Option<Answer<F>>,
    /// Connections that nobody has taken yet.
    waiting: VecDeque<F>,
    /// Connections that were taken and are not closed.
    open: usize,
    max: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ServerState {
    /// The reply to this message will tell.
    Asked(u64),
    /// Connections come. Without a key, the primary has no part in it.
    Open {
        key: Option<String>,
    },
    Closed,
}

/// How it begins.
impl<F> WorkerServer<F> {
    /// The primary was asked for it, in this message.
    pub(super) fn asked(query: Query, seq: u64) -> Self {
        Self::new(query, ServerState::Asked(seq), None)
    }

    /// Its socket is the worker's own.
    pub(super) fn own() -> Self {
        Self::new(Query::new(AddressType::Fd), ServerState::Open { key: None }, None)
    }

    /// There will be no such server.
    pub(super) fn refused(query: Query, answer: Answer<F>) -> Self {
        Self::new(query, ServerState::Closed, Some(answer))
    }

    fn new(query: Query, state: ServerState, answer: Option<Answer<F>>) -> Self {
        WorkerServer { query, state, answer, waiting: VecDeque::new(), open: 0, max: None }
    }
}

/// What happens to it.
impl<F> WorkerServer<F> {
    /// The primary grants it, under this key.
    pub(super) fn granted(&mut self, key: String, answer: Answer<F>) {
        if let ServerState::Asked(_) = self.state {
            self.state = ServerState::Open { key: Some(key) };
            self.answer = Some(answer);
        }
    }

    /// It is not granted, or cannot be used.
    pub(super) fn failed(&mut self, answer: Answer<F>) {
        if let ServerState::Asked(_) = self.state {
            self.state = ServerState::Closed;
            self.answer = Some(answer);
        }
    }

    /// No more connections are wanted. Gives the state that it was in.
    pub(super) fn close(&mut self) -> ServerState {
        let before = std::mem::replace(&mut self.state, ServerState::Closed);
        if let ServerState::Asked(_) = before {
            self.answer = Some(Answer::Stopped);
        }
        before
    }

    pub(super) fn take_answer(&mut self) -> Option<Answer<F>> {
        self.answer.take()
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, ServerState::Open { .. })
    }

    /// Whether the primary knows of it.
    pub(super) fn has_key(&self) -> bool {
        matches!(self.state, ServerState::Open { key: Some(_) })
    }
}

/// Its connections.
impl<F> WorkerServer<F> {
    /// A connection comes from the primary. Says whether it is accepted.
    pub(super) fn accept(&mut self, connection: F) -> bool {
        let accepts = self.has_key() && self.has_room() && self.waiting.len() < MAX_WAITING;
        if accepts {
            self.waiting.push_back(connection);
        }
        accepts
    }

    /// The next one, which counts as open.
    pub(super) fn next(&mut self) -> Next<F> {
        match (self.waiting.pop_front(), &self.state) {
            (Some(connection), _) => {
                self.open += 1;
                Next::Connection(connection)
            }
            (None, ServerState::Closed) => Next::Closed,
            (None, ServerState::Asked(_) | ServerState::Open { .. }) => Next::None,
        }
    }

    pub(super) fn connection_opened(&mut self) {
        self.open += 1;
    }

    pub(super) fn connection_closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// How many nobody has taken.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.max.is_none_or(|max| self.open + self.waiting.len() < max)
    }

    pub(super) fn is_limited(&self) -> bool {
        self.max.is_some()
    }

    pub(super) fn set_max(&mut self, max: Option<usize>) {
        self.max = max;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted() -> WorkerServer<u32> {
        let mut server = WorkerServer::asked(Query::new(AddressType::Tcp4), 5);
        server.granted("a".to_owned(), Answer::RoundRobin { sockname: None, data: None });
        server.take_answer();
        server
    }

    fn closed() -> WorkerServer<u32> {
        let mut server = granted();
        server.accept(7);
        server.close();
        server
    }

    fn name(server: &WorkerServer<u32>) -> &'static str {
        match server.state {
            ServerState::Asked(_) => "asked",
            ServerState::Open { key: Some(_) } => "open",
            ServerState::Open { key: None } => "own",
            ServerState::Closed => "closed",
        }
    }

    /// Each row: the server, and for each input the state after it and what came out of it.
    #[test]
    fn clu_11_clu_13_every_state_answers_every_input() {
        type Make = fn() -> WorkerServer<u32>;
        type Input = (&'static str, fn(&mut WorkerServer<u32>) -> String);
        let inputs: [Input; 5] = [
            ("granted", |server| {
                server.granted("b".to_owned(), Answer::Shared { fd: 9, data: None });
                format!("{:?}", server.take_answer())
            }),
            ("failed", |server| {
                server.failed(Answer::Failed(98));
                format!("{:?}", server.take_answer())
            }),
            ("close", |server| {
                server.close();
                format!("{:?}", server.take_answer())
            }),
            ("a connection", |server| server.accept(8).to_string()),
            ("next", |server| format!("{:?}", server.next())),
        ];
        let shared = "Some(Shared { fd: 9, data: None })";
        let rows: [(Make, [(&str, &str); 5]); 4] = [
            (
                || WorkerServer::asked(Query::new(AddressType::Tcp4), 5),
                [
                    ("open", shared),
                    ("closed", "Some(Failed(98))"),
                    ("closed", "Some(Stopped)"),
                    ("asked", "false"),
                    ("asked", "None"),
                ],
            ),
            (
                granted,
                [("open", "None"), ("open", "None"), ("closed", "None"), ("open", "true"), ("open", "None")],
            ),
            (
                WorkerServer::own,
                [("own", "None"), ("own", "None"), ("closed", "None"), ("own", "false"), ("own", "None")],
            ),
            (
                closed,
                [
                    ("closed", "None"),
                    ("closed", "None"),
                    ("closed", "None"),
                    ("closed", "false"),
                    ("closed", "Connection(7)"),
                ],
            ),
        ];
        for (make, outcomes) in rows {
            for ((input, apply), (after, out)) in inputs.iter().zip(outcomes) {
                let mut server = make();
                let before = name(&server);
                let seen = apply(&mut server);
                assert_eq!((name(&server), seen.as_str()), (after, out), "{before} x {input}");
            }
        }
    }

    #[test]
    fn a_closed_server_gives_what_it_had_accepted_and_then_no_more() {
        let mut server = closed();
        assert_eq!(server.next(), Next::Connection(7));
        assert_eq!(server.next(), Next::Closed);
    }

    #[test]
    fn clu_13_a_server_accepts_as_many_connections_as_its_limit_says() {
        let mut server = granted();
        server.set_max(Some(2));
        assert!(server.accept(1) && server.accept(2) && !server.accept(3));
        server.next();
        assert!(!server.accept(3), "the one that was taken is open");
        server.connection_closed();
        assert!(server.accept(3));
    }
}
