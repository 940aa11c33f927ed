//! Clusters as Node's: [`Worker`] is one of the processes that a primary has forked.

mod worker;

pub use worker::{Connection, Listener, UdpSocket, Worker};
