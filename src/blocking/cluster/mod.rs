//! Clusters as Node's: [`Worker`] is one of the processes that a primary has forked.

mod connection;
mod listener;
mod udp;
mod worker;

pub use connection::Connection;
pub use listener::Listener;
pub use udp::UdpSocket;
pub use worker::Worker;
