//! What a worker and its primary say about servers.

use super::server::{Answer, Next, ServerState, WorkerServer};
use super::{Carried, Change, ReplyTo, ServerId, WorkerMachine};
use crate::proto::cluster::message::{Act, Body, Query, Reply};

/// Opening and closing.
impl<F> WorkerMachine<F> {
    /// Asks the primary for a server (CLU-6). [`take_answer`](Self::take_answer) gives the answer. The
    /// query's index is set here.
    pub fn listen(&mut self, mut query: Query) -> ServerId {
        if self.is_stopping() {
            return self.refused(query, Answer::Stopped);
        }
        match self.places.take(&query) {
            Some(index) => query.index = index,
            None => return self.refused(query, Answer::InUse),
        }
        let seq = self.send(Body::Act(Act::QueryServer(query.clone())));
        let id = self.add(WorkerServer::asked(query, seq));
        self.replies.insert(seq, ReplyTo::Query(id));
        id
    }

    /// A server whose socket is the worker's own: it is counted and closed as the others are.
    pub fn own_server(&mut self) -> ServerId {
        let mut server = WorkerServer::own();
        if self.is_stopping() {
            server.close();
        }
        self.add(server)
    }

    /// The answer to a query, once, when it is known.
    pub fn take_answer(&mut self, id: ServerId) -> Option<Answer<F>> {
        self.servers.get_mut(&id)?.take_answer()
    }

    /// Tells the primary that the server listens (CLU-8), and at which port.
    pub fn listening(&mut self, id: ServerId, port: Option<u16>) {
        if let Some(server) = self.servers.get(&id).filter(|server| server.has_key()) {
            let query = Query { port, ..server.query.clone() };
            self.send(Body::Act(Act::Listening(query)));
        }
    }

    /// Takes no more connections for this server (CLU-9).
    pub fn close(&mut self, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        self.changes.push_back(Change::All(id));
        match server.close() {
            ServerState::Asked(seq) => {
                self.replies.insert(seq, ReplyTo::DroppedQuery(server.query.clone()));
            }
            ServerState::Open { key: Some(key) } => {
                self.places.free(&server.query);
                self.keys.remove(&key);
                self.send(Body::Act(Act::Close { key }));
            }
            ServerState::Open { key: None } | ServerState::Closed => {}
        }
    }

    /// Closes a server and forgets it, with the connections that nobody has taken.
    pub fn release(&mut self, id: ServerId) {
        self.close(id);
        if let Some(server) = self.servers.remove(&id) {
            self.busy = self.busy.saturating_sub(server.waiting());
        }
    }

    pub(super) fn close_all(&mut self) {
        let mut ids: Vec<_> = self.servers.keys().copied().collect();
        ids.sort_by_key(|id| id.0);
        ids.into_iter().for_each(|id| self.close(id));
    }

    fn refused(&mut self, query: Query, answer: Answer<F>) -> ServerId {
        self.add(WorkerServer::refused(query, answer))
    }

    fn add(&mut self, server: WorkerServer<F>) -> ServerId {
        let id = ServerId(self.next_server);
        self.next_server += 1;
        self.servers.insert(id, server);
        id
    }
}

/// Connections.
impl<F> WorkerMachine<F> {
    /// Refuses connections while so many are open (CLU-13).
    pub fn set_max_connections(&mut self, id: ServerId, max: Option<usize>) {
        if let Some(server) = self.servers.get_mut(&id) {
            server.set_max(max);
            self.changes.push_back(Change::All(id));
        }
    }

    /// The next connection that the primary has handed over.
    pub fn next_connection(&mut self, id: ServerId) -> Next<F> {
        self.servers.get_mut(&id).map_or(Next::Closed, WorkerServer::next)
    }

    /// Whether this server still takes connections.
    pub fn is_open(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(WorkerServer::is_open)
    }

    /// Whether the limit allows one more connection.
    pub fn has_room(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(WorkerServer::has_room)
    }

    /// Whether there is a limit.
    pub fn is_limited(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(WorkerServer::is_limited)
    }

    /// A connection was accepted from a shared socket.
    pub fn connection_opened(&mut self, id: ServerId) {
        self.busy += 1;
        if let Some(server) = self.servers.get_mut(&id) {
            server.connection_opened();
        }
    }

    /// A connection that was taken or accepted is closed now.
    pub fn connection_closed(&mut self, id: ServerId) {
        self.busy = self.busy.saturating_sub(1);
        if let Some(server) = self.servers.get_mut(&id) {
            server.connection_closed();
            if server.is_limited() {
                self.changes.push_back(Change::One(id));
            }
        }
    }
}

/// What the primary says.
impl<F> WorkerMachine<F> {
    /// The primary has replied to a query (CLU-11).
    pub(super) fn replied(&mut self, id: ServerId, reply: Reply, carried: Carried<F>) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        self.changes.push_back(Change::One(id));
        let Reply { key, data, sockname, server: outcome, .. } = reply;
        let failure = match (outcome, &key) {
            (Some(Err(errno)), _) => Some(Answer::Failed(errno)),
            (None, _) | (_, None) => Some(Answer::Invalid("it grants a server without saying which")),
            // Not given back, because that would close the server that has this key.
            (_, Some(key)) if self.keys.contains_key(key) => {
                Some(Answer::Invalid("it grants a server that this worker has"))
            }
            _ => None,
        };
        let granted = match (failure, carried, key) {
            (Some(failure), ..) => Err((failure, None)),
            (None, Carried::Handle(fd), Some(key)) => Ok((key, Answer::Shared { fd, data })),
            (None, Carried::Lost, key) => Err((Answer::Invalid("its socket did not come"), key)),
            // Datagrams have no round robin.
            (None, Carried::Nothing, key) if server.query.address_type.is_udp() => {
                Err((Answer::Invalid("it comes without a socket"), key))
            }
            (None, Carried::Nothing, Some(key)) => Ok((key, Answer::RoundRobin { sockname, data })),
            (None, _, None) => Err((Answer::Invalid("it grants a server without saying which"), None)),
        };
        match granted {
            Ok((key, answer)) => {
                server.granted(key.clone(), answer);
                self.keys.insert(key, id);
            }
            Err((answer, key)) => {
                server.failed(answer);
                self.places.free(&server.query);
                if let Some(key) = key {
                    self.send(Body::Act(Act::Close { key }));
                }
            }
        }
    }

    /// The reply to a query for a server that was closed meanwhile.
    pub(super) fn unwanted(&mut self, query: &Query, reply: Reply) {
        self.places.free(query);
        if let (Some(Ok(())), Some(key)) = (reply.server, reply.key)
            && !self.keys.contains_key(&key)
        {
            self.send(Body::Act(Act::Close { key }));
        }
    }

    /// A connection comes for the server of this key (CLU-13). Says whether it is accepted.
    pub(super) fn accept(&mut self, key: &str, carried: Carried<F>) -> bool {
        let Some((id, server)) = self.keys.get(key).and_then(|id| Some((*id, self.servers.get_mut(id)?)))
        else {
            return false;
        };
        let accepted = match carried {
            Carried::Handle(connection) => server.accept(connection),
            Carried::Nothing | Carried::Lost => false,
        };
        if accepted {
            self.busy += 1;
            self.changes.push_back(Change::One(id));
        }
        accepted
    }
}
