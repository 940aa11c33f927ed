//! A Node worker of a cluster, which serves HTTP, and whose calls go through its primary.

use std::time::Duration;

use crossfork::calls::RpcError;
use crossfork::tokio::cluster::{Event, ForkedWorker, Primary};
use crossfork::tokio::{Context, Peer, Service};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::behaviours::Worker;

const LONG: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
pub async fn cluster(worker: &Worker) {
    let settings = Primary::builder(&worker.module).exec_path(&worker.runtime);
    let primary = settings.serialization(worker.serialization).start();
    let (one, peer) = fork(&primary);
    let (_, other) = fork(&primary);
    let port = listening(&primary).await;

    // Both answer, and serve, and neither gets what is the other's.
    assert_eq!(peer.call::<u32>("id", &()).await.unwrap(), 1);
    assert_eq!(other.call::<u32>("id", &()).await.unwrap(), 2);
    let asked: Vec<_> = (0..200)
        .map(|n: u32| {
            let peer = if n.is_multiple_of(2) { &peer } else { &other }.clone();
            tokio::spawn(async move { (peer.call::<u32>("ask", &n).await.unwrap(), 3 * n) })
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(get(port).await, "hello");
    }
    for asked in asked {
        let (got, expected) = asked.await.unwrap();
        assert_eq!(got, expected);
    }

    // What is no call is an event, in its order.
    for n in 0..50 {
        one.send(&n).await.unwrap();
        peer.notify("note", &n).unwrap();
    }
    for n in 0..50 {
        let Event::Message { worker, message } = next(&primary).await else { panic!("a message") };
        assert_eq!((worker.id(), message.decode::<Value>().unwrap()), (1, json!({ "echo": n })));
    }
    assert_eq!(peer.call::<u32>("noted", &()).await.unwrap(), 50);

    // It shuts down as a worker of a cluster does, and the other goes on.
    peer.close();
    loop {
        if let Event::Exit { worker, code, .. } = next(&primary).await {
            assert_eq!((worker.id(), code, worker.exited_after_disconnect()), (1, Some(0), true));
            break;
        }
    }
    timeout(LONG, peer.closed()).await.unwrap().unwrap();
    assert_eq!(get(port).await, "hello");
    let dying = tokio::spawn(async move { other.call::<()>("die", &()).await });
    let lost = timeout(LONG, dying).await.unwrap().unwrap().unwrap_err();
    assert_eq!(lost.code(), "ERR_IPC_DISCONNECTED");
}

fn fork(primary: &Primary) -> (ForkedWorker, Peer) {
    let worker = primary.fork().unwrap();
    let triple = |n: u32, _: &Context| Ok::<_, RpcError>(3 * n);
    let peer = Service::new().method("triple", triple).connect_worker(&worker).unwrap();
    (worker, peer)
}

async fn next(primary: &Primary) -> Event {
    timeout(LONG, primary.next()).await.expect("an event in time").expect("an event")
}

/// Waits until both listen.
async fn listening(primary: &Primary) -> u16 {
    let mut ports = Vec::new();
    while ports.len() < 2 {
        match next(primary).await {
            Event::Listening { address, .. } => ports.push(address.port.unwrap()),
            Event::Exit { worker, .. } => panic!("worker {} has ended", worker.id()),
            Event::Message { message, .. } => panic!("a call is no event: {message:?}"),
            _ => {}
        }
    }
    ports[0]
}

async fn get(port: u16) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    response.rsplit("\r\n").next().unwrap().to_owned()
}
