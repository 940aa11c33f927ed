//! The worker: this test program again, started with a channel.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Duration;

use crossfork::blocking::{Channel, Context, Service};
use crossfork::calls::{CallError, RpcError, Upload, WithHandle, code};
use crossfork::{Handle, ReceivedHandle};
use serde_json::{Value, json};

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
    if let Some(what) = std::env::var_os("BREAKS_RULES") {
        break_rules(what.to_str().unwrap());
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

/// A worker that is none of ours: it answers `pid`, and does what it must not do when it is called otherwise.
fn break_rules(what: &str) -> ! {
    let channel = Channel::from_env().unwrap();
    while let Some(message) = channel.recv().unwrap() {
        let call: Value = message.decode().unwrap();
        let answer = |result: Value| {
            let answer = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result });
            channel.send(&answer).unwrap();
        };
        match call["method"].as_str() {
            Some("$/crossfork/hello") => answer(json!({ "concurrency": 2 })),
            Some("pid") => answer(json!(std::process::id())),
            Some("work") => {
                let params = json!({ "token": call["params"]["workDoneToken"], "value": "half" });
                channel.send(&json!({ "jsonrpc": "2.0", "method": "$/progress", "params": params })).unwrap();
                answer(Value::Null);
            }
            Some("$/cancelRequest") if what == "overruns" => {
                let params = json!({ "token": call["params"]["id"], "value": { "items": [1] } });
                channel.send(&json!({ "jsonrpc": "2.0", "method": "$/progress", "params": params })).unwrap();
                let error = json!({ "code": code::CANCELLED, "message": "stopped" });
                let answer = json!({ "jsonrpc": "2.0", "id": call["params"]["id"], "error": error });
                channel.send(&answer).unwrap();
            }
            Some("$/cancelRequest") | None => {}
            Some(_) if what == "posts" => {
                channel.send(&"no call").unwrap();
                answer(Value::Null);
            }
            Some(_) if what == "is too long" => channel.send(&"y".repeat(100_000)).unwrap(),
            Some(_) => {
                let params =
                    json!({ "token": call["id"], "value": { "items": (0..65).collect::<Vec<_>>() } });
                channel.send(&json!({ "jsonrpc": "2.0", "method": "$/progress", "params": params })).unwrap();
            }
        }
    }
    exit(0)
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer<T> = Result<T, RpcError>;

fn service() -> Service {
    Service::new()
        .method("pid", |(): (), _: &Context| Answer::Ok(std::process::id()))
        .method("place", |(): (), _: &Context| std::env::var("CROSSFORK_WORKER_ID"))
        .method("trace", |(): (), cx: &Context| Answer::Ok(cx.traceparent().map(str::to_owned)))
        .method("turn", |(): (), _: &Context| Answer::Ok(TURN.fetch_add(1, Ordering::Relaxed) + 1))
        .method("double", |n: u64, _: &Context| Answer::Ok(2 * n))
        .method("fail", |(): (), _: &Context| Err::<(), _>(io::Error::other("on purpose")))
        .method("fail_with", |code: i64, _: &Context| Err::<(), _>(RpcError::new(code, "on purpose")))
        .method("fail_nested", |code: i64, cx: &Context| cx.peer().call::<()>("fail_with", &code))
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
        .method("note_and_ask", |n: u32, cx: &Context| {
            cx.peer().notify("note", &n)?;
            cx.peer().call::<u32>("noted", &())
        })
        .method("report", |n: u32, cx: &Context| {
            (1..=n).for_each(|i| cx.progress(&i));
            Answer::Ok(n)
        })
        .method("report_and_rest", |(): (), cx: &Context| {
            cx.progress("resting");
            rest(600_000, cx)
        })
        .method("report_and_count", |n: u32, cx: &Context| {
            cx.progress(&n);
            Answer::Ok((0..n).fuse())
        })
        .method("ask_and_listen", |n: u32, cx: &Context| {
            let (tell, told) = mpsc::channel::<u32>();
            let listener = move |n| tell.send(n).unwrap();
            cx.peer().request("triple", &n).on_progress(listener).call::<u32>()?;
            Ok::<_, BoxError>(told.iter().last())
        })
        .method("shout", |n: usize, _: &Context| {
            io::stdout().write_all(&vec![b'x'; n])?;
            io::stdout().flush()
        })
        .method("write_hello", |(): (), cx: &Context| write_hello(cx))
        .method("write_hello_and_die", |(): (), cx: &Context| -> io::Result<()> {
            write_hello(cx)?;
            exit(7)
        })
        .method("open", |(): (), _: &Context| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            io::Result::Ok(WithHandle::new(listener.local_addr()?.port(), listener))
        })
        .method("sum", |items: Upload<u64>, cx: &Context| cx.items(items)?.sum::<Result<u64, CallError>>())
        .method("first", |items: Upload<u64>, cx: &Context| cx.items(items)?.next().transpose())
        .method("sum_and_die", |items: Upload<u64>, cx: &Context| -> Result<u64, CallError> {
            cx.items(items)?.next();
            exit(7)
        })
        .method("listen", |(): (), cx: &Context| -> Result<bool, BoxError> {
            let (port, handle) = cx.peer().request("listen", &()).call_for_handle::<u16>()?;
            let Some((Handle::TcpListener(listener), _)) = handle.map(ReceivedHandle::into_parts) else {
                return Ok(false);
            };
            Ok(listener.local_addr()?.port() == port)
        })
        .method("port", |(): (), cx: &Context| -> io::Result<Option<u16>> {
            match cx.take_handle().map(ReceivedHandle::into_parts) {
                Some((Handle::TcpListener(listener), _)) => Ok(Some(listener.local_addr()?.port())),
                _ => Ok(None),
            }
        })
        .method("crash", |(): (), _: &Context| -> Answer<()> { panic!("on purpose") })
}

/// Writes into the connection that came with the call. False if none came.
fn write_hello(cx: &Context) -> io::Result<bool> {
    let Some((Handle::TcpStream(mut stream), _)) = cx.take_handle().map(ReceivedHandle::into_parts) else {
        return Ok(false);
    };
    stream.write_all(b"hello").map(|()| true)
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
