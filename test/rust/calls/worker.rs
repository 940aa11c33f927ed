//! The worker: this test program again, started with a channel.

use std::io;
use std::process::exit;
use std::thread::sleep;
use std::time::Duration;

use crossfork::blocking::{Context, Service};
use crossfork::calls::{RpcError, code};
use crossfork::tokio::Command;
use crossfork::{Serialization, Stdio};

/// How it is started.
pub fn command() -> Command {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker::serves_if_it_was_started_with_a_channel", "--nocapture"])
        .stdio(1, Stdio::Null)
        .serialization(Serialization::Advanced)
}

#[test]
fn serves_if_it_was_started_with_a_channel() {
    if std::env::var_os("NODE_CHANNEL_FD").is_some() {
        let threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
        let service = service().threads(threads.try_into().unwrap());
        let ends = std::env::var_os("ENDS_ON_PANIC").is_some();
        let service = if ends { service.end_on_panic() } else { service };
        service.run().unwrap();
        exit(0);
    }
}

fn service() -> Service {
    Service::new()
        .method("pid", |(): (), _: &Context| Ok::<_, RpcError>(std::process::id()))
        .method("double", |n: u64, _: &Context| Ok::<_, RpcError>(2 * n))
        .method("fail", |(): (), _: &Context| Err::<(), _>(io::Error::other("on purpose")))
        .method("die", |(): (), _: &Context| -> Result<(), RpcError> { exit(7) })
        .method("die_once", die_once)
        .method("rest", rest)
        .method("sleep_on", |ms: u64, _: &Context| {
            sleep(Duration::from_millis(ms));
            Ok::<_, RpcError>(ms)
        })
        .method("count", |n: u32, _: &Context| Ok::<_, RpcError>((0..n).fuse()))
        .method("ask", |n: u32, cx: &Context| cx.peer().call::<u32>("triple", &n))
        .method("crash", |(): (), _: &Context| -> Result<(), RpcError> { panic!("on purpose") })
}

/// Dies if the file is not there, and makes it.
fn die_once(path: String, _: &Context) -> Result<&'static str, RpcError> {
    match std::fs::File::create_new(path) {
        Ok(_) => exit(7),
        Err(_) => Ok("alive"),
    }
}

/// Sleeps until it is cancelled.
fn rest(ms: u64, cx: &Context) -> Result<u64, RpcError> {
    for _ in 0..ms {
        if cx.is_cancelled() {
            return Err(RpcError::new(code::CANCELLED, "stopped"));
        }
        sleep(Duration::from_millis(1));
    }
    Ok(ms)
}
