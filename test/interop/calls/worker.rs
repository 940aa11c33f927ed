//! A service of every kind of handler, over either driver: `calls-worker blocking|tokio`.

mod tasks;

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crossfork::Handle;
use crossfork::blocking::{Context, Service};
use crossfork::calls::{Bytes, CallError, RpcError, Upload, WithHandle};
use crossfork::v8::Value;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Rectangle {
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Size {
    width: u32,
    area: u32,
}

fn area(r: Rectangle, _: &Context) -> Result<Size, io::Error> {
    match r.width.checked_mul(r.height) {
        Some(area) => Ok(Size { width: r.width, area }),
        None => Err(io::Error::other("too large")),
    }
}

fn echo(value: Value, _: &Context) -> Result<Value, RpcError> {
    Ok(value)
}

fn add((a, b): (i64, i64), _: &Context) -> Result<i64, RpcError> {
    Ok(a + b)
}

fn nothing((): (), _: &Context) -> Result<(), RpcError> {
    Ok(())
}

fn reverse(mut bytes: Vec<u8>, _: &Context) -> Result<Vec<u8>, RpcError> {
    bytes.reverse();
    Ok(bytes)
}

#[derive(Deserialize, Serialize)]
struct Outer {
    inner: Inner,
}

#[derive(Deserialize, Serialize)]
struct Inner {
    bytes: Bytes,
}

fn bytes(outer: Outer, _: &Context) -> Result<Outer, RpcError> {
    let bytes = outer.inner.bytes.iter().rev().copied().collect();
    Ok(Outer { inner: Inner { bytes } })
}

fn some_bytes(bytes: Bytes, _: &Context) -> Result<Bytes, RpcError> {
    Ok(bytes.iter().rev().copied().collect())
}

fn open(path: String, _: &Context) -> Result<(), io::Error> {
    std::fs::File::open(path).map(drop)
}

fn choose(code: i64, _: &Context) -> Result<(), RpcError> {
    Err(RpcError::new(code, "chosen"))
}

fn crash(text: String, _: &Context) -> Result<(), RpcError> {
    panic!("crashed: {text}")
}

/// Runs until it is cancelled.
fn forever(_: IgnoredAny, cx: &Context) -> Result<(), RpcError> {
    cx.progress("begun");
    while !cx.is_cancelled() {
        sleep(Duration::from_millis(1));
    }
    Err(RpcError::new(crossfork::calls::code::CANCELLED, "stopped"))
}

/// Sleeps, whatever its caller wants.
fn rest(ms: u64, _: &Context) -> Result<u64, RpcError> {
    sleep(Duration::from_millis(ms));
    Ok(ms)
}

fn count(n: u32, _: &Context) -> Result<impl Iterator<Item = u32> + use<>, RpcError> {
    Ok(0..n)
}

fn count_badly(
    n: u32,
    _: &Context,
) -> Result<impl Iterator<Item = Result<u32, io::Error>> + use<>, RpcError> {
    Ok((0..n).map(Ok).chain([Err(io::Error::other("the end"))]))
}

/// Calls its parent while it is called.
fn ask(question: String, cx: &Context) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let answer: String = cx.peer().call("answer", &question)?;
    Ok(format!("{question} {answer}"))
}

fn collect(n: u32, cx: &Context) -> Result<Vec<u32>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(cx.peer().stream("numbers", &n)?.collect::<Result<_, _>>()?)
}

fn deadline((): (), cx: &Context) -> Result<bool, RpcError> {
    Ok(cx.deadline().is_some())
}

/// Writes to the connection that came with the call.
fn greet((): (), cx: &Context) -> Result<bool, io::Error> {
    let Some(received) = cx.take_handle() else {
        return Ok(false);
    };
    if let (Handle::TcpStream(mut connection), _hold) = received.into_parts() {
        io::Write::write_all(&mut connection, b"hello")?;
    }
    Ok(true)
}

#[derive(Deserialize, Serialize)]
struct Import {
    table: String,
    rows: Upload<u32>,
    /// How many are read; all if it is not there.
    most: Option<usize>,
}

fn import(job: Import, cx: &Context) -> Result<(String, u32), CallError> {
    let mut sum = 0;
    for row in cx.items(job.rows)?.take(job.most.unwrap_or(usize::MAX)) {
        sum += row?;
    }
    Ok((job.table, sum))
}

fn sum(rows: Upload<u32>, cx: &Context) -> Result<u32, CallError> {
    cx.items(rows)?.sum()
}

/// Sends back what it reads.
fn pipe(
    rows: Upload<Value>,
    cx: &Context,
) -> Result<impl Iterator<Item = Result<Value, CallError>> + use<>, CallError> {
    cx.items(rows)
}

/// Its parent reads what it sends.
fn upload((count, fails): (u32, bool), cx: &Context) -> Result<u32, CallError> {
    let end = fails.then(|| Err(io::Error::other("no more rows")));
    let rows = Upload::try_new((0..count).map(Ok).chain(end));
    cx.peer().call("import", &Import { table: "t".to_owned(), rows, most: None })
}

/// Gives its caller a server.
fn listen((): (), _: &Context) -> io::Result<WithHandle<u16>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(WithHandle::new(listener.local_addr()?.port(), listener))
}

/// Gives its parent a server, and gets one.
fn exchange((): (), cx: &Context) -> Result<(u16, u16, bool), Box<dyn std::error::Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let request = cx.peer().request("exchange", &port).handle(listener);
    let (other, handle) = request.call_for_handle::<u16>()?;
    let got = match handle.map(|handle| handle.into_parts()) {
        Some((Handle::TcpListener(listener), _)) => listener.local_addr()?.port(),
        _ => 0,
    };
    // One that nobody asks for, and one that nobody takes.
    let left: u16 = cx.peer().call("exchange", &0)?;
    let taken = cx.peer().request("ignore", &()).handle(TcpListener::bind("127.0.0.1:0")?).call::<bool>()?;
    Ok((other, got, left > 0 && taken))
}

fn descriptors((): (), _: &Context) -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

static TICKS: AtomicU32 = AtomicU32::new(0);

fn tick(n: u32, _: &Context) -> Result<(), RpcError> {
    let in_order = TICKS.compare_exchange(n, n + 1, Ordering::Relaxed, Ordering::Relaxed);
    in_order.map(drop).map_err(|found| RpcError::new(1, format!("{found}")))
}

fn ticks((): (), _: &Context) -> Result<u32, RpcError> {
    Ok(TICKS.load(Ordering::Relaxed))
}

static NOTES: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn note(n: u32, _: &Context) -> Result<(), RpcError> {
    if n.is_multiple_of(7) {
        sleep(Duration::from_millis(1));
    }
    NOTES.lock().unwrap().push(n);
    Ok(())
}

fn notes((): (), _: &Context) -> Result<Vec<u32>, RpcError> {
    Ok(NOTES.lock().unwrap().clone())
}

fn main() -> ExitCode {
    let result = match std::env::args().any(|arg| arg == "tokio") {
        true => tasks::service().run(),
        false => service().run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = io::Write::write_all(&mut io::stderr(), format!("{error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn service() -> Service {
    let ordered = std::env::args().any(|arg| arg == "ordered");
    let service = if ordered { Service::new().ordered() } else { Service::new() };
    let ends = std::env::args().any(|arg| arg == "ends");
    let service = if ends { service.end_on_panic() } else { service };
    service
        .method("area", area)
        .method("echo", echo)
        .method("add", add)
        .method("nothing", nothing)
        .method("reverse", reverse)
        .method("bytes", bytes)
        .method("someBytes", some_bytes)
        .method("open", open)
        .method("choose", choose)
        .method("crash", crash)
        .method("forever", forever)
        .method("rest", rest)
        .method("count", count)
        .method("countBadly", count_badly)
        .method("ask", ask)
        .method("collect", collect)
        .method("deadline", deadline)
        .method("greet", greet)
        .method("import", import)
        .method("sum", sum)
        .method("pipe", pipe)
        .method("upload", upload)
        .method("listen", listen)
        .method("exchange", exchange)
        .method("descriptors", descriptors)
        .method("tick", tick)
        .method("ticks", ticks)
        .method("note", note)
        .method("notes", notes)
        .method("closure", |n: u32, _: &Context| Ok::<_, RpcError>(n + 1))
        .on_message(|message, peer| {
            let text = message.value().map(|value| value.to_string()).unwrap_or_default();
            let _ = peer.notify("message", &text);
        })
        .set_up(|_| Ok::<_, io::Error>(()))
        .tear_down(|| {
            let _ = io::Write::write_all(&mut io::stderr(), b"torn down\n");
        })
}
