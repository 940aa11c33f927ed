//! Connections of the primary itself, to one worker that it chooses.

use super::servers::ServerState;
use super::{Action, PrimaryMachine, ServerId, WorkerId};
use crate::proto::cluster::message::{Act, AddressType, Body};

/// How clients come to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over TCP.
    Tcp,
    /// Over a Unix socket.
    Unix,
}

/// Commands.
impl<F> PrimaryMachine<F> {
    /// The first server on which the worker listens for connections, at this port or at any.
    pub fn server_of(&self, id: WorkerId, port: Option<u16>) -> Option<(ServerId, Transport)> {
        let worker = self.workers.get(&id).filter(|worker| !worker.life.is_leaving())?;
        worker.servers.iter().find_map(|server| {
            let found = self.servers.get(*server)?;
            let sockname = match &found.state {
                ServerState::Binding { .. } => return None,
                ServerState::Listening { sockname, .. } => sockname.as_ref(),
                ServerState::Shared => None,
            };
            let (address_type, wanted) = (found.query.address_type, found.query.port);
            let transport = match address_type {
                AddressType::Udp4 | AddressType::Udp6 => return None,
                AddressType::Path => Transport::Unix,
                AddressType::Fd if sockname.is_none() => Transport::Unix,
                AddressType::Fd | AddressType::Tcp4 | AddressType::Tcp6 => Transport::Tcp,
            };
            let is_it = port.is_none() || port == wanted || port == sockname.map(|name| name.port);
            is_it.then_some((*server, transport))
        })
    }

    /// Sends the worker this connection for this server, whoever is next. One that the worker refuses is closed,
    /// and goes to no other. A worker that accepts by itself, under [`Balance::Shared`](super::Balance::Shared),
    /// takes it too.
    pub fn connect(&mut self, worker: WorkerId, server: ServerId, fd: F) {
        if let Some(key) = self.servers.get(server).map(|found| found.key.clone()) {
            let message = self.message(Body::Act(Act::NewConnection { key }));
            self.actions.push_back(Action::Connect { worker, message, fd });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::cluster::message::{Message, Query, SockName};
    use crate::proto::cluster::primary::Balance;

    /// Worker 1 has asked for this, and has it. Worker 2 has nothing.
    fn listening(balance: Balance, query: Query, port: Option<u16>) -> PrimaryMachine<u32> {
        let mut machine = PrimaryMachine::new(balance, true);
        machine.add_worker(1);
        machine.add_worker(2);
        machine.handle_message(1, Message { seq: 0, body: Body::Act(Act::QueryServer(query)) });
        assert_eq!(machine.server_of(1, None), None, "its socket is not there yet");
        let sockname = port.map(|port| SockName { address: "::".to_owned(), is_ipv6: true, port });
        machine.handle_bound(ServerId(1), Ok(sockname));
        while machine.poll_action().is_some() {}
        machine
    }

    #[test]
    fn a_server_is_found_by_its_port_or_without_one() {
        use AddressType::*;
        let tcp = |port| Query { port: Some(port), ..Query::new(Tcp4) };
        let path = Query { address: Some("/tmp/s".to_owned()), ..Query::new(Path) };
        let fd = Query { fd: Some(3), ..Query::new(Fd) };
        let udp = Query { port: Some(80), ..Query::new(Udp4) };
        let (tcp_found, unix_found) = (Some(Transport::Tcp), Some(Transport::Unix));
        // Balance, query and real port; what is found without a port, at 80, and at 81.
        let rows = [
            (Balance::RoundRobin, tcp(80), Some(80), [tcp_found, tcp_found, None]),
            (Balance::RoundRobin, tcp(0), Some(81), [tcp_found, None, tcp_found]),
            (Balance::Shared, tcp(80), None, [tcp_found, tcp_found, None]),
            (Balance::RoundRobin, path, None, [unix_found, None, None]),
            (Balance::RoundRobin, fd.clone(), Some(80), [tcp_found, tcp_found, None]),
            (Balance::RoundRobin, fd, None, [unix_found, None, None]),
            (Balance::RoundRobin, udp, None, [None, None, None]),
        ];
        for (balance, query, port, expected) in rows {
            let text = format!("{balance:?} {query:?}");
            let machine = listening(balance, query, port);
            let found = |port| machine.server_of(1, port).map(|(_, transport)| transport);
            assert_eq!([found(None), found(Some(80)), found(Some(81))], expected, "{text}");
            assert_eq!(machine.server_of(2, None), None, "{text}");
        }
    }

    #[test]
    fn clu_13_a_connection_of_our_own_goes_to_the_worker_that_it_is_for() {
        for balance in [Balance::RoundRobin, Balance::Shared] {
            let query = Query { port: Some(80), ..Query::new(AddressType::Tcp4) };
            let mut machine = listening(balance, query, None);
            machine.connect(1, ServerId(1), 7);
            let Some(Action::Connect { worker: 1, message, fd: 7 }) = machine.poll_action() else {
                panic!("it is not sent");
            };
            assert_eq!(message.body, Body::Act(Act::NewConnection { key: "null:80:4:undefined".to_owned() }));
            machine.connect(1, ServerId(9), 8);
            assert_eq!(machine.poll_action(), None, "there is no such server");
        }
    }
}
