//! The worker in a cluster: it listens through the primary.

use std::pin::pin;
use std::rc::Rc;

use crossfork::Error;
use crossfork::tokio::cluster::{Listener, UdpSocket, Worker};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::service::{Service, pause_after};
use super::{NAME, arrived, receive};
use crate::args::WorkerOptions;
use crate::report::report;

pub(super) async fn run(worker: Worker, options: &WorkerOptions) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let service = Service::new();
    let mut servers = Vec::new();
    for address in &options.listen {
        servers.push(Server::open(&worker, address).await?);
    }
    let mut serving = JoinSet::new();
    for server in &servers {
        serving.spawn_local(server.clone().serve(service.clone()));
    }

    let mut receiving = pin!(receive(worker.channel(), &service));
    let mut received = None;
    tokio::select! {
        result = receiving.as_mut() => received = Some(result),
        () = worker.stopping() => {}
        () = arrived(&mut terminate) => {}
        () = arrived(&mut interrupt) => {}
    }
    servers.iter().for_each(Server::close);
    let mut stop = pin!(async {
        // Connections that were accepted until now are served.
        serving.join_all().await;
        service.drain(options.drain_timeout).await
    });
    let drained = loop {
        tokio::select! {
            drained = stop.as_mut() => break drained,
            // Receiving continues meanwhile, so that connections in flight are returned to the primary.
            result = receiving.as_mut(), if received.is_none() => received = Some(result),
        }
    };
    if !drained {
        report(NAME, "requests in flight were cut off");
    }
    // Messages that the primary sent before it asked this worker to stop are answered.
    if received.is_none() && worker.is_stopping() {
        received = timeout(options.drain_timeout, receiving).await.ok();
    }
    received.unwrap_or(Ok(()))
}

/// A listener or UDP socket to serve.
#[derive(Clone)]
enum Server {
    Streams(Rc<Listener>),
    Datagrams(Rc<UdpSocket>),
}

impl Server {
    async fn open(worker: &Worker, address: &str) -> Result<Self, Error> {
        Ok(match address.strip_prefix("udp:") {
            Some(address) => Server::Datagrams(worker.bind_udp(address).await?.into()),
            None => Server::Streams(worker.listen(address).await?.into()),
        })
    }

    /// Serves until the socket is closed.
    async fn serve(self, service: Rc<Service>) {
        match self {
            Server::Streams(listener) => loop {
                match listener.accept().await {
                    Ok(Some(connection)) => service.connection(connection, None),
                    Ok(None) => return,
                    Err(Error::Listen { reason, .. }) => pause_after(&reason).await,
                    Err(_) => return,
                }
            },
            Server::Datagrams(socket) => {
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    match socket.recv_from(&mut buffer).await {
                        // An error reports an earlier datagram that could not be delivered.
                        Ok(Some((len, from))) => drop(socket.send_to(&buffer[..len], from).await),
                        Ok(None) => return,
                        Err(_) => {}
                    }
                }
            }
        }
    }

    fn close(&self) {
        match self {
            Server::Streams(listener) => listener.close(),
            Server::Datagrams(socket) => socket.close(),
        }
    }
}
