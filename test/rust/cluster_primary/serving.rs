//! Servers of a primary, and the clients that connect to them.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crossfork::Signal;
use crossfork::tokio::cluster::{Balance, Event, ForkedWorker, Primary, Settings};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::{PATIENCE, cluster, gone, next, script, until_exit};

/// The worker asks for a server, reports its port, and waits for its end.
const SERVES: &str = r#"read reply <&3; printf '%s\n' "{\"reply\":$reply}" >&3; cat <&3 >/dev/null"#;

async fn serving(settings: Settings) -> (Primary, ForkedWorker, u16) {
    let primary = settings.start();
    let worker = primary.fork().expect("is started");
    loop {
        if let Event::Message { message, .. } = next(&primary).await.expect("an event") {
            let said: serde_json::Value = message.decode().expect("JSON");
            let port = said["reply"]["sockname"]["port"].as_u64().expect("a port");
            return (primary, worker, port as u16);
        }
    }
}

const QUERY: &str = r#""act":"queryServer","index":0,"address":"127.0.0.1","port":0,"addressType":4,"seq":1"#;

fn server() -> Settings {
    script(&(cluster(QUERY) + SERVES))
}

/// The worker asks for a server and reports its port. It is slow to accept each connection, and closes it
/// at once.
const IS_SLOW: &str = r#"read reply <&3; printf '%s\n' "{\"reply\":$reply}" >&3
    while read offer <&3; do
        seq=${offer##*'"seq":'}
        seq=${seq%%[!0-9]*}
        sleep 0.01
        printf '{"cmd":"NODE_HANDLE_ACK"}\n{"cmd":"NODE_CLUSTER","ack":%d,"accepted":true}\n' "$seq" >&3
    done"#;

/// The program may swallow the error that it gets: then nothing else tells that it serves nobody.
#[tokio::test]
async fn clu_12_a_worker_that_cannot_listen_is_told_to_the_user_too() {
    let occupied = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = occupied.local_addr().expect("its name").port();
    for balance in [Balance::RoundRobin, Balance::Shared] {
        let query = QUERY.replace(r#""port":0"#, &format!(r#""port":{port}"#));
        let primary = script(&(cluster(&query) + "read reply <&3")).balance(balance).start();
        primary.fork().expect("is started");
        let (address, error) = loop {
            if let Event::ListenFailed { address, error, .. } = next(&primary).await.expect("an event") {
                break (address, error);
            }
        };
        assert_eq!(address.to_string(), format!("127.0.0.1:{port}"));
        assert_eq!(error.code(), "EADDRINUSE");
        assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{error}");
    }
}

#[tokio::test]
async fn life_12_dropping_the_last_primary_closes_everything_and_kills_no_worker() {
    let (primary, worker, port) = serving(server()).await;
    TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let second = primary.clone();
    drop(primary);
    TcpStream::connect(("127.0.0.1", port)).expect("the server still listens");
    assert!(worker.is_connected());
    drop(second);
    let refused = TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|e| e.kind());
    assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    assert!(!worker.is_connected());
    worker.disconnect();
    // It exits because its channel ends, and is not a zombie.
    gone(&worker).await;
}

#[tokio::test]
async fn clu_16_a_server_ends_with_its_last_worker_and_closes_waiting_clients() {
    let (primary, worker, port) = serving(server()).await;
    let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    assert!(worker.kill(Signal::KILL).expect("a signal"));
    until_exit(&primary).await;
    assert!(!worker.kill(Signal::KILL).expect("nothing is sent"));
    let mut client = tokio::net::TcpStream::from_std({
        client.set_nonblocking(true).expect("a flag");
        client
    })
    .expect("a client");
    let ended = timeout(PATIENCE, client.read(&mut [0])).await.expect("its end, in time");
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

/// With any delay between them, because the delay decides whether the socket is watched when they arrive.
#[tokio::test]
async fn clu_16_connections_that_arrive_while_all_workers_are_busy_are_served() {
    let (_primary, _worker, port) = serving(script(&(cluster(QUERY) + IS_SLOW))).await;
    let mut clients = Vec::new();
    for millis in (0..40).map(|i| i % 13) {
        clients.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens"));
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    for (i, mut client) in clients.into_iter().enumerate() {
        let ended = timeout(PATIENCE, client.read(&mut [0])).await;
        assert!(matches!(ended, Ok(Ok(0))), "client {i}: {ended:?}");
    }
}

#[tokio::test]
async fn clu_18_clients_that_have_connected_before_a_disconnect_are_served() {
    let (primary, _worker, port) = serving(script(&(cluster(QUERY) + IS_SLOW))).await;
    // The runtime does not run in the meantime, so that nothing is accepted.
    let clients: Vec<_> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("it listens")).collect();
    primary.disconnect();
    let refused = TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|e| e.kind());
    assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    for (i, client) in clients.into_iter().enumerate() {
        client.set_nonblocking(true).expect("a flag");
        let mut client = tokio::net::TcpStream::from_std(client).expect("a client");
        let ended = timeout(PATIENCE, client.read(&mut [0])).await;
        assert!(matches!(ended, Ok(Ok(0))), "client {i}: {ended:?}");
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn clu_16_connections_are_accepted_even_if_no_worker_answers() {
    let (_primary, _worker, port) = serving(server()).await;
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it listens"));
    }
    // The last ones arrive after the primary has stopped watching.
    timeout(PATIENCE, async {
        while in_the_kernel(port) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("all are accepted in time");
}

/// The number of connections to this port that were not accepted.
#[cfg(target_os = "linux")]
fn in_the_kernel(port: u16) -> u32 {
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("a file");
    let listens = format!(":{port:04X} 00000000:0000 0A ");
    let at = sockets.find(&listens).expect("it listens") + listens.len();
    let received = sockets[at..].split(':').nth(1).expect("a length");
    u32::from_str_radix(&received[..8], 16).expect("a number")
}

#[tokio::test]
async fn hnd_9_clu_13_a_connection_refused_by_a_worker_is_offered_again_instead_of_resent() {
    // Our worker replies like this without a free descriptor. It would answer each transmission.
    let refuses = r#"read reply <&3; printf '%s\n' "{\"reply\":$reply}" >&3
        read first <&3; number=${first##*\"seq\":}
        printf '%s\n' '{"cmd":"NODE_HANDLE_NACK"}' >&3
        printf '%s\n' "{\"cmd\":\"NODE_CLUSTER\",\"ack\":${number%%\}*},\"accepted\":false,\"seq\":2}" >&3
        read second <&3; printf '%s\n' "[$first,$second]" >&3; cat <&3 >/dev/null"#;
    let (primary, _worker, port) = serving(script(&(cluster(QUERY) + refuses))).await;
    let _client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let offers: serde_json::Value = loop {
        if let Event::Message { message, .. } = next(&primary).await.expect("an event") {
            break message.decode().expect("JSON");
        }
    };
    assert_eq!(offers[1]["msg"]["act"], "newconn");
    assert_ne!(offers[0]["msg"]["seq"], offers[1]["msg"]["seq"], "{offers}");
}
