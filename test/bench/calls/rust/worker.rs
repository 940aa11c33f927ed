//! A worker that gives back what it gets: `bench-calls-worker blocking|tokio`, with a `Service`; or `alone`, by hand, with
//! one message a call, as an end that does not know bundles.

mod values;

use crossfork::blocking::Channel;
use crossfork::calls::RpcError;
use crossfork::{Error, blocking, tokio as tasks};
use serde::{Deserialize, Serialize};
use values::{Bytes, Record};

fn main() -> Result<(), Error> {
    match std::env::args().nth(1).as_deref() {
        Some("tokio") => in_tasks(),
        Some("alone") => alone(),
        _ => on_threads(),
    }
}

fn on_threads() -> Result<(), Error> {
    use blocking::{Context, Service};
    Service::new()
        .method("echo", |n: u64, _: &Context| Ok::<_, RpcError>(n))
        .method("record", |record: Record, _: &Context| Ok::<_, RpcError>(record))
        .method("bytes", |bytes: Bytes, _: &Context| Ok::<_, RpcError>(bytes))
        .method("items", |n: u32, _: &Context| Ok::<_, RpcError>((0..n).fuse()))
        .run()
}

fn in_tasks() -> Result<(), Error> {
    use tasks::{Context, Service};
    Service::new()
        .method("echo", async |n: u64, _: Context| Ok::<_, RpcError>(n))
        .method("record", async |record: Record, _: Context| Ok::<_, RpcError>(record))
        .method("bytes", async |bytes: Bytes, _: Context| Ok::<_, RpcError>(bytes))
        .method("items", async |n: u32, _: Context| Ok::<_, RpcError>((0..n).fuse()))
        .run()
}

#[derive(Deserialize)]
struct Call {
    id: Option<u64>,
    method: String,
    params: Option<[u64; 1]>,
}

#[derive(Serialize)]
struct Answer {
    jsonrpc: &'static str,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RpcFailure>,
}

#[derive(Serialize)]
struct RpcFailure {
    code: i32,
    message: &'static str,
}

fn alone() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    while let Some(message) = channel.recv()? {
        let Ok(Call { id: Some(id), method, params }) = message.decode() else {
            continue;
        };
        let answer = Answer { jsonrpc: "2.0", id, result: None, error: None };
        let answer = match params {
            Some([n]) if method == "echo" => Answer { result: Some(n), ..answer },
            _ => Answer { error: Some(RpcFailure { code: -32601, message: "unknown" }), ..answer },
        };
        channel.send(&answer)?;
    }
    Ok(())
}
