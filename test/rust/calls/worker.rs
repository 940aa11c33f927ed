//! The worker: this test program again, started with a channel.

use std::io::{self, Write};
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crossfork::blocking::{Context, Service};
use crossfork::calls::{RpcError, code};

/// How it is started.
pub const EXACT: &str = "--exact";
pub const NAME: &str = "worker::serves_if_it_was_started_with_a_channel";

static TURN: AtomicU64 = AtomicU64::new(0);
static HAS_NOTED: AtomicBool = AtomicBool::new(false);
static IS_RESTED: AtomicBool = AtomicBool::new(false);

#[test]
fn serves_if_it_was_started_with_a_channel() {
    if std::env::var_os("NODE_CHANNEL_FD").is_none() {
        return;
    }
    if std::env::var_os("FAILS_IF").is_some_and(|path| std::fs::exists(path).unwrap()) {
        exit(1);
    }
    // At least one thread more than a pool uses, for calls of every worker.
    let service = service().threads(4.try_into().unwrap());
    let ends = std::env::var_os("ENDS_ON_PANIC").is_some();
    let service = if ends { service.end_on_panic() } else { service };
    service.run().unwrap();
    if std::env::var_os("STAYS").is_some() {
        sleep(Duration::from_secs(600));
    }
    exit(0);
}

type Answer<T> = Result<T, RpcError>;

fn service() -> Service {
    Service::new()
        .method("pid", |(): (), _: &Context| Answer::Ok(std::process::id()))
        .method("place", |(): (), _: &Context| std::env::var("CROSSFORK_WORKER_ID"))
        .method("trace", |(): (), cx: &Context| Answer::Ok(cx.traceparent().map(str::to_owned)))
        .method("turn", |(): (), _: &Context| Answer::Ok(TURN.fetch_add(1, Ordering::Relaxed) + 1))
        .method("double", |n: u64, _: &Context| Answer::Ok(2 * n))
        .method("fail", |(): (), _: &Context| Err::<(), _>(io::Error::other("on purpose")))
        .method("die", |(): (), _: &Context| -> Answer<()> { exit(7) })
        .method("die_slowly", die_slowly)
        .method("die_once", die_once)
        .method("rest", rest)
        .method("stop_resting", |(): (), _: &Context| {
            IS_RESTED.store(true, Ordering::Relaxed);
            Answer::Ok(())
        })
        .method("sleep_on", sleep_on)
        .method("note_and_sleep", |ms: u64, cx: &Context| {
            HAS_NOTED.store(true, Ordering::Relaxed);
            sleep_on(ms, cx)
        })
        .method("has_noted", |(): (), _: &Context| Answer::Ok(HAS_NOTED.load(Ordering::Relaxed)))
        .method("say", |(): (), _: &Context| {
            io::stdout().write_all(b"to stdout\n")?;
            io::stdout().flush()?;
            io::stderr().write_all(b"to stderr\n")
        })
        .method("count", |n: u32, _: &Context| Answer::Ok((0..n).fuse()))
        .method("ask", |n: u32, cx: &Context| cx.peer().call::<u32>("triple", &n))
        .method("crash", |(): (), _: &Context| -> Answer<()> { panic!("on purpose") })
}

fn sleep_on(ms: u64, _: &Context) -> Answer<u64> {
    sleep(Duration::from_millis(ms));
    Ok(ms)
}

fn die_slowly(ms: u64, _: &Context) -> io::Result<()> {
    sleep(Duration::from_millis(ms));
    io::stderr().write_all(b"farewell\n")?;
    exit(7)
}

/// Dies if the file is not there, and makes it.
fn die_once(path: String, _: &Context) -> Answer<&'static str> {
    match std::fs::File::create_new(path) {
        Ok(_) => exit(7),
        Err(_) => Ok("alive"),
    }
}

/// Sleeps until it is cancelled, or told to stop.
fn rest(ms: u64, cx: &Context) -> Answer<u64> {
    for _ in 0..ms {
        if IS_RESTED.load(Ordering::Relaxed) {
            break;
        }
        if cx.is_cancelled() {
            return Err(RpcError::new(code::CANCELLED, "stopped"));
        }
        sleep(Duration::from_millis(1));
    }
    Ok(ms)
}
