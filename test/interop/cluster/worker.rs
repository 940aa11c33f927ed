//! The worker of the cluster matrix, over either driver: `interop-cluster-worker blocking|tokio
//! [--listen ADDRESS]...`. It serves HTTP as `crossfork worker` does, and does what it is asked in
//! messages with an `op`; others are echoed.

mod starving;
#[path = "../../rust/support/workers.rs"]
#[allow(dead_code)]
mod workers;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossfork::cluster::{BindOptions, ListenAddress, ListenOptions};
use crossfork::{Error, Limits, blocking, v8};
use serde_json::{Value, json};
use workers::{Datagrams, Listen, TaskWorker, Work};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args[0].as_str() {
        "blocking" => run::<blocking::cluster::Worker>(&args),
        "tokio" => run::<TaskWorker>(&args),
        other => panic!("no driver {other}"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("interop-cluster-worker: {}: {e}", e.code());
            ExitCode::FAILURE
        }
    }
}

fn run<W: Work>(args: &[String]) -> Result<(), Error> {
    // Before tokio's threads are there, so that what we start by `std::process` is not told of it.
    let (id, socket, serialization) = crossfork::env::take_worker()?;
    let worker = W::from_socket(socket, id, serialization, Limits::default())?;
    let servers = Servers::default();
    for pair in args[1..].chunks(2) {
        assert_eq!(pair[0], "--listen");
        match pair[1].strip_prefix("udp:") {
            Some(address) => servers.echo(worker.bind_udp(address.into(), BindOptions::default())?),
            None => servers.serve(&pair[1], worker.listen(pair[1].as_str().into(), Default::default())?),
        }
    }
    while let Some(mut message) = worker.recv()? {
        if let Some(handle) = message.take_handle() {
            let kind = handle.wire_type().as_str();
            worker.send(&json!({ "op": "handle", "type": kind }))?;
            continue;
        }
        let request: Value = message.decode()?;
        // Some calls wait for other messages.
        let (worker, servers) = (worker.clone(), servers.clone());
        thread::spawn(move || {
            if let Err(e) = operate(&worker, &servers, &request) {
                let _ = worker.send(&json!({ "op": "error", "code": e.code(), "text": e.to_string() }));
            }
        });
    }
    // Asked to stop, or it wanted to, and the channel has ended with the last connection.
    servers.join();
    Ok(())
}

fn operate<W: Work>(worker: &W, servers: &Servers<W>, request: &Value) -> Result<(), Error> {
    let name = request["name"].as_str().unwrap_or("a server");
    match request["op"].as_str().unwrap_or_default() {
        "listen" => {
            let listener = worker.listen(address(request), options(request))?;
            if let Some(max) = request["max"].as_u64() {
                listener.set_max_connections(Some(max as usize));
            }
            let data = listener.data().and_then(|data| data.as_str().map(str::to_owned));
            let port = listener.local_addr().map(|address| address.port());
            servers.serve(name, listener);
            worker.send(&json!({ "op": "listening", "port": port, "data": data }))
        }
        "udp" => {
            let options = BindOptions::new()
                .ipv6_only(request["ipv6Only"] == true)
                .reuse_addr(request["reuseAddr"] == true);
            let socket = worker.bind_udp(address(request), options)?;
            let port = socket.local_addr()?.port();
            servers.echo(socket);
            worker.send(&json!({ "op": "bound", "port": port }))
        }
        "close" => {
            servers.close(name);
            worker.send(&json!({ "op": "closed" }))
        }
        "disconnect" => worker.disconnect(),
        "kill" => worker.kill(),
        "id" => worker.send(&json!({ "op": "id", "id": worker.id() })),
        "starve" => {
            *servers.hoard.lock().unwrap() = starving::hoard();
            worker.send(request)
        }
        "feed" => {
            servers.hoard.lock().unwrap().clear();
            worker.send(request)
        }
        "env" => {
            let names = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("NODE_"));
            worker.send(&json!({ "op": "env", "names": names.collect::<Vec<_>>() }))
        }
        _ => worker.send(request),
    }
}

fn address(request: &Value) -> ListenAddress {
    match (&request["address"], request["fd"].as_i64(), request["path"].as_str()) {
        (_, Some(fd), _) => ListenAddress::fd(fd as i32),
        (_, _, Some(path)) => ListenAddress::path(path),
        (Value::Number(port), ..) => ListenAddress::from(port.as_u64().expect("a port") as u16),
        (text, ..) => text.as_str().expect("an address").into(),
    }
}

fn options(request: &Value) -> ListenOptions {
    let mut options = ListenOptions::new()
        .ipv6_only(request["ipv6Only"] == true)
        .exclusive(request["exclusive"] == true)
        .readable_all(request["readableAll"] == true)
        .writable_all(request["writableAll"] == true);
    options.backlog = request["backlog"].as_u64().map(|n| n as u32);
    options.data = request["data"].as_str().map(v8::Value::from);
    options
}

/// What is served on, by name, and the threads that do so.
#[derive(Clone)]
struct Servers<W: Work> {
    listeners: Arc<Mutex<HashMap<String, W::Listener>>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// Descriptors withheld from the rest of the process.
    hoard: Arc<Mutex<Vec<File>>>,
}

impl<W: Work> Default for Servers<W> {
    fn default() -> Self {
        Servers { listeners: Arc::default(), threads: Arc::default(), hoard: Arc::default() }
    }
}

impl<W: Work> Servers<W> {
    fn serve(&self, name: &str, listener: W::Listener) {
        self.listeners.lock().unwrap().insert(name.to_owned(), listener.clone());
        let threads = self.threads.clone();
        self.spawn(move || {
            loop {
                match listener.accept() {
                    Ok(Some(connection)) => {
                        let thread = thread::spawn(move || respond(connection));
                        threads.lock().unwrap().push(thread);
                    }
                    Ok(None) => break,
                    // No descriptor is free now; some will be later.
                    Err(_) => thread::sleep(Duration::from_millis(50)),
                }
            }
        });
    }

    fn echo(&self, socket: W::Udp) {
        self.spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(Some((len, from))) = socket.recv_from(&mut buffer) {
                socket.send_to(&buffer[..len], from).expect("sent");
            }
        });
    }

    fn close(&self, name: &str) {
        self.listeners.lock().unwrap().get(name).expect("a server").close();
    }

    fn spawn(&self, body: impl FnOnce() + Send + 'static) {
        self.threads.lock().unwrap().push(thread::spawn(body));
    }

    fn join(&self) {
        loop {
            let next = self.threads.lock().unwrap().pop();
            let Some(thread) = next else { return };
            thread.join().expect("no panic");
        }
    }
}

/// One request of HTTP, and its answer.
fn respond<C: Read + Write>(mut connection: C) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&buffer[..n]),
        }
    }
    let body = format!("handled by child, pid is {}\n", std::process::id());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // The client may have disconnected.
    let _ = connection.write_all((head + &body).as_bytes());
}
