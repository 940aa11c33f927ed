//! The child of the interop matrix, over either driver: `interop-child blocking|tokio`. What it
//! can be asked is in `operate`. The serialization is the one that its parent has chosen.

#[path = "../../rust/support/drivers.rs"]
#[allow(dead_code)]
mod drivers;
mod serve;

use std::process::{Command, ExitCode};

use crossfork::{Error, HandleType, Limits, Message, ProtocolError, Serialization, blocking, v8};
use drivers::{Driver, Tasks};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let driver = std::env::args().find(|arg| arg == "blocking" || arg == "tokio");
    let result = match driver.as_deref() {
        Some("blocking") => run::<blocking::Channel>(),
        Some("tokio") => run::<Tasks>(),
        _ => {
            eprintln!("usage: interop-child blocking|tokio");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("interop-child: {}: {e}", e.code());
            ExitCode::FAILURE
        }
    }
}

fn run<D: Driver>() -> Result<(), Error> {
    // Before tokio's threads are there, so that what we start by `std::process` is not told of it.
    let (socket, serialization) = crossfork::env::take_channel()?;
    let channel = D::from_socket_with(socket, serialization, Limits::default())?;
    loop {
        let mut message = match channel.recv() {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(e @ Error::Protocol(ProtocolError::BunFormat)) => return Err(e),
            Err(Error::Protocol(e)) => {
                channel.send(&json!({ "op": "error", "code": e.code(), "text": e.to_string() }))?;
                continue;
            }
            Err(e) => return Err(e),
        };
        if let Some(handle) = message.take_handle() {
            let value = message.decode::<Value>()?;
            channel.send(&json!({
                "op": "handle", "type": handle.wire_type().as_str(), "kind": serve::kind(&handle), "value": value,
            }))?;
            serve::serve(handle)?;
            continue;
        }
        if recode(&channel, &message)? {
            continue;
        }
        let operation = message.decode::<Value>().ok().filter(|value| value["op"].is_string());
        let Some(request) = operation else {
            channel.send_payload(message.payload())?;
            continue;
        };
        if operate(&channel, &request)? == Then::Exit {
            return Ok(());
        }
    }
}

#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Exit,
}

fn operate<D: Driver>(channel: &D, request: &Value) -> Result<Then, Error> {
    match request["op"].as_str().unwrap_or_default() {
        "echo" => channel.send(request)?,
        "argv" => {
            let argv: Vec<String> = std::env::args().collect();
            channel.send(&json!({ "op": "argv", "argv": argv, "env": node_variables() }))?;
        }
        "spawn-env" => channel.send(&what_a_grandchild_sees()?)?,
        "descriptors" => {
            channel.send(&json!({ "op": "descriptors", "count": serve::open_descriptors()? }))?;
        }
        "burst" => burst(channel, request)?,
        "burst-then-close" => {
            burst(channel, request)?;
            channel.disconnect()?;
            return Ok(Then::Exit);
        }
        "close" => {
            channel.disconnect()?;
            return Ok(Then::Exit);
        }
        "send" => send_handles(channel, request)?,
        _ => channel.send(request)?,
    }
    Ok(Then::GoOn)
}

/// Takes a value to pieces, and puts it together for a Node of that version. Values of every kind
/// may be in the request, so that it is none for `operate`.
fn recode<D: Driver>(channel: &D, message: &Message) -> Result<bool, Error> {
    if message.payload().serialization() != Serialization::Advanced {
        return Ok(false);
    }
    let request = message.value().unwrap_or(v8::Value::Undefined);
    if request.get("op").and_then(v8::Value::as_str) != Some("recode") {
        return Ok(false);
    }
    let member = |name| request.get(name).expect("a member");
    let major = member("node").as_f64().expect("a version");
    channel.set_v8_options(v8::Options::new().oldest_node(major as u32));
    channel.send(&v8::Value::object([("op", "recoded".into()), ("value", member("value").clone())]))?;
    Ok(true)
}

fn burst<D: Driver>(channel: &D, request: &Value) -> Result<(), Error> {
    let pad = "x".repeat(request["size"].as_u64().unwrap_or(0) as usize);
    for i in 0..request["count"].as_u64().unwrap_or(0) {
        channel.feed(&json!({ "i": i, "pad": pad }))?;
    }
    channel.flush()
}

fn send_handles<D: Driver>(channel: &D, request: &Value) -> Result<(), Error> {
    let name = request["type"].as_str().unwrap_or_default();
    let wire_type = HandleType::from_name(name).expect("a known type");
    if wire_type == HandleType::NetBoundSocket {
        channel.allow_bound_sockets();
    }
    for index in 0..request["count"].as_u64().unwrap_or(1) {
        let message = json!({ "op": "sent", "type": name, "index": index });
        let handle = serve::create(wire_type, request["via"].as_str(), index)?;
        channel.send_handle(&message, handle.wire_type(wire_type))?;
    }
    Ok(())
}

fn node_variables() -> Vec<String> {
    std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("NODE_")).collect()
}

fn what_a_grandchild_sees() -> Result<Value, Error> {
    let env = Command::new("env").output()?;
    let names: Vec<String> = String::from_utf8_lossy(&env.stdout)
        .lines()
        .filter_map(|line| line.split('=').next().map(str::to_owned))
        .filter(|name| name.starts_with("NODE_"))
        .collect();
    let ls = Command::new("ls").arg("/proc/self/fd").output()?;
    let fds: Vec<i32> =
        String::from_utf8_lossy(&ls.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect();
    Ok(json!({ "op": "spawn-env", "names": names, "fds": fds }))
}
