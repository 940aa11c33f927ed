//! Who listens on what: queries of workers, and the servers that they lead to (CLU-11).

use super::balance::Rotation;
use super::servers::{ServerState, key};
use super::{Action, Balance, Member, PrimaryMachine, ServerId, WorkerId};
use crate::proto::cluster::message::{AddressType, Body, Message, Query, Reply, SockName};

/// How many servers one worker may have. Each may cost the primary a descriptor.
const MAX_SERVERS_OF_ONE: usize = 256;

/// Input.
impl<F> PrimaryMachine<F> {
    /// The server's socket was made, and has this name if it is one of TCP; or the system gave
    /// the number of an error.
    pub fn handle_bound(&mut self, server: ServerId, bound: Result<Option<SockName>, i32>) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let ServerState::Binding { shared, asked } = &mut found.state else {
            return;
        };
        let (shared, asked) = (*shared, std::mem::take(asked));
        match bound {
            Ok(_) if shared => found.state = ServerState::Shared,
            Ok(sockname) => found.state = ServerState::Listening { sockname, rotation: Rotation::new() },
            Err(errno) => return self.unbound(server, asked, errno),
        }
        for (worker, seq) in asked {
            self.admit(worker, seq, server);
        }
    }

    /// The server's path leads to its socket: to the one before, or to a new one. Or the system gave the number of
    /// an error, and this worker cannot listen. The others keep the socket that they have.
    pub fn handle_rebound(&mut self, id: WorkerId, seq: u64, server: ServerId, bound: Result<(), i32>) {
        let asks = |worker: &Member| worker.servers.contains(&server);
        if !self.workers.get(&id).is_some_and(asks) {
            return;
        }
        let Err(errno) = bound else {
            return self.admit(id, seq, server);
        };
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let (key, data) = (Some(found.key.clone()), found.query.data.clone());
        self.refuse(id, server, Reply { ack: seq, key, data, ..Reply::default() }, errno);
    }

    /// The worker cannot have the shared socket that this reply was to bring.
    pub fn handle_unshared(&mut self, id: WorkerId, server: ServerId, reply: Message, errno: i32) {
        if let Body::Reply(reply) = reply.body {
            self.refuse(id, server, reply, errno);
        }
    }
}

impl<F> PrimaryMachine<F> {
    /// A worker wants to listen (CLU-6).
    pub(super) fn query(&mut self, id: WorkerId, seq: u64, query: Query) {
        let rebinds = self.rebinds_paths && query.address_type == AddressType::Path;
        let shared = query.address_type.is_udp() || self.balance == Balance::Shared && !rebinds;
        let its = self.workers.get(&id).map_or(0, |worker| worker.servers.len());
        let found = match its < MAX_SERVERS_OF_ONE {
            true => self.servers.join(id, &query, shared),
            false => Err(libc::EMFILE),
        };
        match found {
            Ok((server, is_new)) => {
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.servers.insert(server);
                }
                if rebinds && self.rotation(server).is_some() {
                    return self.actions.push_back(Action::Rebind { server, query, worker: id, seq });
                }
                if is_new {
                    self.actions.push_back(Action::Bind { server, query, accept: !shared });
                }
                self.admit(id, seq, server);
            }
            Err(errno) => {
                let key = Some(key(&query));
                let server = Some(Err(errno));
                let data = query.data.clone();
                self.send(id, Body::Reply(Reply { ack: seq, server, key, data, ..Reply::default() }));
                self.listen_failed(id, query, errno);
            }
        }
    }

    /// Answers a query, now or when the socket is made (CLU-11).
    fn admit(&mut self, id: WorkerId, seq: u64, server: ServerId) {
        let takes_connections = self.workers.get(&id).is_some_and(|worker| worker.life.takes_connections());
        let unanswered = self.unanswered(id, server);
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        let mut reply = Reply {
            ack: seq,
            server: Some(Ok(())),
            key: Some(found.key.clone()),
            data: found.query.data.clone(),
            ..Reply::default()
        };
        match &mut found.state {
            ServerState::Binding { asked, .. } => asked.push((id, seq)),
            ServerState::Listening { sockname, rotation } => {
                reply.sockname = sockname.clone();
                if takes_connections {
                    rotation.add(id, unanswered);
                }
                self.send(id, Body::Reply(reply));
                self.distribute(server);
            }
            ServerState::Shared => {
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.may_have_served = true;
                }
                let reply = self.message(Body::Reply(reply));
                self.actions.push_back(Action::Share { worker: id, server, reply });
            }
        }
    }

    /// The worker was to have this server, and cannot.
    fn refuse(&mut self, id: WorkerId, server: ServerId, reply: Reply, errno: i32) {
        let query = self.servers.get_mut(server).map(|found| found.query.clone());
        if self.workers.get_mut(&id).is_some_and(|worker| worker.servers.remove(&server)) {
            self.leave(id, server);
        }
        self.send(id, Body::Reply(Reply { server: Some(Err(errno)), ..reply }));
        // If the worker is gone, it has not failed to listen.
        if let Some(query) = query.filter(|_| errno != libc::EPIPE) {
            self.listen_failed(id, query, errno);
        }
    }

    /// The socket could not be made. The next query for it tries again.
    fn unbound(&mut self, server: ServerId, asked: Vec<(WorkerId, u64)>, errno: i32) {
        let Some(gone) = self.servers.remove(server) else {
            return;
        };
        for (worker, seq) in asked {
            if let Some(worker) = self.workers.get_mut(&worker) {
                worker.servers.remove(&server);
            }
            let (key, data) = (Some(gone.key.clone()), gone.query.data.clone());
            let server = Some(Err(errno));
            self.send(worker, Body::Reply(Reply { ack: seq, server, key, data, ..Reply::default() }));
            self.listen_failed(worker, gone.query.clone(), errno);
        }
    }

    fn listen_failed(&mut self, worker: WorkerId, query: Query, errno: i32) {
        let query = Query { data: None, ..query };
        self.actions.push_back(Action::ListenFailed { worker, query, errno });
    }

    /// The worker does not listen on this server any more. Without workers, it is closed.
    pub(super) fn leave(&mut self, id: WorkerId, server: ServerId) {
        let Some(found) = self.servers.get_mut(server) else {
            return;
        };
        found.workers.remove(&id);
        match &mut found.state {
            ServerState::Binding { asked, .. } => asked.retain(|(worker, _)| *worker != id),
            ServerState::Listening { rotation, .. } => rotation.remove(id),
            ServerState::Shared => {}
        }
        if found.workers.is_empty() && !self.keep_servers {
            self.close(server);
        }
    }

    /// Closes the server, and the connections that wait for it.
    pub(super) fn close(&mut self, server: ServerId) {
        if self.servers.remove(server).is_some() {
            self.actions.push_back(Action::Close { server });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::cluster::message::Act;

    const SERVER: ServerId = ServerId(1);
    const KEY: &str = "null:80:4:undefined";

    type Machine = PrimaryMachine<u32>;

    fn says(machine: &mut Machine, worker: WorkerId, act: Act) {
        machine.handle_message(worker, Message { seq: 9, body: Body::Act(act) });
    }

    fn listen(machine: &mut Machine, worker: WorkerId) {
        says(machine, worker, Act::QueryServer(Query { port: Some(80), ..Query::new(AddressType::Tcp4) }));
    }

    fn binding(balance: Balance) -> Machine {
        let mut machine = PrimaryMachine::new(balance, false);
        machine.add_worker(1);
        machine.add_worker(2);
        listen(&mut machine, 1);
        actions(&mut machine);
        machine
    }

    fn bound(balance: Balance) -> Machine {
        let mut machine = binding(balance);
        machine.handle_bound(SERVER, Ok(None));
        actions(&mut machine);
        machine
    }

    fn name(machine: &mut Machine) -> &'static str {
        match machine.servers.get_mut(SERVER).map(|server| &server.state) {
            None => "none",
            Some(ServerState::Binding { .. }) => "binding",
            Some(ServerState::Listening { .. }) => "listening",
            Some(ServerState::Shared) => "shared",
        }
    }

    fn actions(machine: &mut Machine) -> String {
        let mut seen = Vec::new();
        while let Some(action) = machine.poll_action() {
            seen.push(match action {
                Action::Send { worker, message } => match message.body {
                    Body::Reply(Reply { server: Some(Ok(())), .. }) => format!("grant {worker}"),
                    Body::Reply(Reply { server: Some(Err(errno)), .. }) => format!("{errno} to {worker}"),
                    _ => "another message".to_owned(),
                },
                Action::Share { worker, .. } => format!("share with {worker}"),
                Action::Offer { worker, fd, .. } => format!("offer {fd} to {worker}"),
                Action::Close { .. } => "close".to_owned(),
                Action::ListenFailed { worker, errno, .. } => format!("{errno} told of {worker}"),
                other => format!("{other:?}"),
            });
        }
        seen.join(", ")
    }

    /// Each row: the input, and for each state the state after it and what is to be done.
    #[test]
    fn clu_11_every_state_of_a_server_answers_every_input() {
        let states: [fn() -> Machine; 4] = [
            || binding(Balance::RoundRobin),
            || binding(Balance::Shared),
            || bound(Balance::RoundRobin),
            || bound(Balance::Shared),
        ];
        type Row<'a> = (&'a str, fn(&mut Machine), [(&'a str, &'a str); 4]);
        let rows: [Row<'_>; 6] = [
            (
                "bound",
                |machine| machine.handle_bound(SERVER, Ok(None)),
                [("listening", "grant 1"), ("shared", "share with 1"), ("listening", ""), ("shared", "")],
            ),
            (
                "not bound",
                |machine| machine.handle_bound(SERVER, Err(98)),
                [
                    ("none", "98 to 1, 98 told of 1"),
                    ("none", "98 to 1, 98 told of 1"),
                    ("listening", ""),
                    ("shared", ""),
                ],
            ),
            (
                "another asks",
                |machine| listen(machine, 2),
                [("binding", ""), ("binding", ""), ("listening", "grant 2"), ("shared", "share with 2")],
            ),
            (
                "the same asks",
                |machine| listen(machine, 1),
                [
                    ("binding", "98 to 1, 98 told of 1"),
                    ("binding", "98 to 1, 98 told of 1"),
                    ("listening", "98 to 1, 98 told of 1"),
                    ("shared", "98 to 1, 98 told of 1"),
                ],
            ),
            (
                "a connection",
                |machine| machine.handle_connection(SERVER, 7),
                [("binding", ""), ("binding", ""), ("listening", "offer 7 to 1"), ("shared", "")],
            ),
            (
                "the last one leaves",
                |machine| says(machine, 1, Act::Close { key: KEY.to_owned() }),
                [("none", "close"), ("none", "close"), ("none", "close"), ("none", "close")],
            ),
        ];
        for (input, apply, outcomes) in rows {
            for (make, outcome) in states.iter().zip(outcomes) {
                let mut machine = make();
                let before = name(&mut machine);
                apply(&mut machine);
                let seen = actions(&mut machine);
                assert_eq!((name(&mut machine), seen.as_str()), outcome, "{before} x {input}");
            }
        }
    }
}
