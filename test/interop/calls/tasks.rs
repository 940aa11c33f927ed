//! The same service, in tasks.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use crossfork::Handle;
use crossfork::calls::{Bytes, CallError, RpcError, Upload, WithHandle};
use crossfork::tokio::{Context, Service, Stream};
use crossfork::v8::Value;
use serde::de::IgnoredAny;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::{Import, Inner, Outer, Rectangle, Size};

async fn area(r: Rectangle, _: Context) -> Result<Size, io::Error> {
    match r.width.checked_mul(r.height) {
        Some(area) => Ok(Size { width: r.width, area }),
        None => Err(io::Error::other("too large")),
    }
}

/// A synchronous one among the others.
fn echo(value: Value, _: &Context) -> Result<Value, RpcError> {
    Ok(value)
}

async fn add((a, b): (i64, i64), _: &Context) -> Result<i64, RpcError> {
    tokio::task::yield_now().await;
    Ok(a + b)
}

async fn nothing((): (), _: &Context) -> Result<(), RpcError> {
    Ok(())
}

async fn reverse(mut bytes: Vec<u8>, _: Context) -> Result<Vec<u8>, RpcError> {
    bytes.reverse();
    Ok(bytes)
}

async fn bytes(outer: Outer, _: Context) -> Result<Outer, RpcError> {
    let bytes = outer.inner.bytes.iter().rev().copied().collect();
    Ok(Outer { inner: Inner { bytes } })
}

async fn some_bytes(bytes: Bytes, _: Context) -> Result<Bytes, RpcError> {
    Ok(bytes.iter().rev().copied().collect())
}

async fn open(path: String, _: Context) -> Result<(), io::Error> {
    std::fs::File::open(path).map(drop)
}

async fn choose(code: i64, _: Context) -> Result<(), RpcError> {
    Err(RpcError::new(code, "chosen"))
}

async fn crash(text: String, _: Context) -> Result<(), RpcError> {
    tokio::task::yield_now().await;
    panic!("crashed: {text}")
}

/// Runs until it is dropped.
async fn forever(_: IgnoredAny, cx: &Context) -> Result<(), RpcError> {
    cx.progress("begun");
    std::future::pending().await
}

async fn rest(ms: u64, _: Context) -> Result<u64, RpcError> {
    sleep(Duration::from_millis(ms)).await;
    Ok(ms)
}

/// A stream that is not ready at once.
struct Count {
    next: u32,
    end: u32,
    was_pending: bool,
}

impl futures_core::Stream for Count {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<u32>> {
        self.was_pending = !self.was_pending;
        if self.was_pending {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.next == self.end {
            return Poll::Ready(None);
        }
        self.next += 1;
        Poll::Ready(Some(self.next - 1))
    }
}

async fn count(end: u32, _: Context) -> Result<Count, RpcError> {
    Ok(Count { next: 0, end, was_pending: false })
}

async fn count_badly(
    n: u32,
    _: Context,
) -> Result<impl Iterator<Item = Result<u32, io::Error>> + use<>, RpcError> {
    Ok((0..n).map(Ok).chain([Err(io::Error::other("the end"))]))
}

async fn ask(question: String, cx: &Context) -> Result<String, Box<dyn Error + Send + Sync>> {
    let answer: String = cx.peer().call("answer", &question).await?;
    Ok(format!("{question} {answer}"))
}

async fn collect(n: u32, cx: Context) -> Result<Vec<u32>, Box<dyn Error + Send + Sync>> {
    let mut stream = cx.peer().stream("numbers", &n)?;
    let mut all = Vec::new();
    while let Some(item) = stream.next().await {
        all.push(item?);
    }
    Ok(all)
}

async fn deadline((): (), cx: Context) -> Result<bool, RpcError> {
    Ok(cx.deadline().is_some())
}

/// Writes to the connection that came with the call.
async fn greet((): (), cx: &Context) -> Result<bool, io::Error> {
    let Some(received) = cx.take_handle() else {
        return Ok(false);
    };
    if let (Handle::TcpStream(mut connection), _hold) = received.into_parts() {
        io::Write::write_all(&mut connection, b"hello")?;
    }
    Ok(true)
}

async fn import(job: Import, cx: &Context) -> Result<(String, u32), CallError> {
    let mut rows = cx.items(job.rows)?;
    let (mut sum, mut left) = (0, job.most.unwrap_or(usize::MAX));
    while left > 0
        && let Some(row) = rows.next().await
    {
        sum += row?;
        left -= 1;
    }
    Ok((job.table, sum))
}

async fn sum(rows: Upload<u32>, cx: &Context) -> Result<u32, CallError> {
    let (mut rows, mut sum) = (cx.items(rows)?, 0);
    while let Some(row) = rows.next().await {
        sum += row?;
    }
    Ok(sum)
}

async fn pipe(rows: Upload<Value>, cx: Context) -> Result<Stream<Value>, CallError> {
    cx.items(rows)
}

async fn upload((count, fails): (u32, bool), cx: Context) -> Result<u32, CallError> {
    let rows = match fails {
        false => Upload::stream(Count { next: 0, end: count, was_pending: false }),
        true => Upload::try_new((0..count).map(Ok).chain([Err(io::Error::other("no more rows"))])),
    };
    cx.peer().call("import", &Import { table: "t".to_owned(), rows, most: None }).await
}

async fn listen((): (), _: &Context) -> io::Result<WithHandle<u16>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(WithHandle::new(listener.local_addr()?.port(), listener))
}

async fn exchange((): (), cx: Context) -> Result<(u16, u16, bool), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let request = cx.peer().request("exchange", &port).handle(listener);
    let (other, handle) = request.call_for_handle::<u16>().await?;
    let got = match handle.map(|handle| handle.into_parts()) {
        Some((Handle::TcpListener(listener), _)) => listener.local_addr()?.port(),
        _ => 0,
    };
    let left: u16 = cx.peer().call("exchange", &0).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let taken = cx.peer().request("ignore", &()).handle(listener).call::<bool>().await?;
    Ok((other, got, left > 0 && taken))
}

static TICKS: AtomicU32 = AtomicU32::new(0);

async fn tick(n: u32, _: &Context) -> Result<(), RpcError> {
    let in_order = TICKS.compare_exchange(n, n + 1, Ordering::Relaxed, Ordering::Relaxed);
    in_order.map(drop).map_err(|found| RpcError::new(1, format!("{found}")))
}

async fn ticks((): (), _: &Context) -> Result<u32, RpcError> {
    Ok(TICKS.load(Ordering::Relaxed))
}

static NOTES: Mutex<Vec<u32>> = Mutex::new(Vec::new());

async fn note(n: u32, _: Context) -> Result<(), RpcError> {
    if n.is_multiple_of(7) {
        sleep(Duration::from_millis(1)).await;
    }
    NOTES.lock().unwrap().push(n);
    Ok(())
}

async fn notes((): (), _: Context) -> Result<Vec<u32>, RpcError> {
    Ok(NOTES.lock().unwrap().clone())
}

pub fn service() -> Service {
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
        .method("descriptors", |(): (), _: &Context| std::fs::read_dir("/proc/self/fd").map(Iterator::count))
        .method("tick", tick)
        .method("ticks", ticks)
        .method("note", note)
        .method("notes", notes)
        .method("closure", async |n: u32, _: Context| Ok::<_, RpcError>(n + 1))
        .on_message(|message, peer| {
            let text = message.value().map(|value| value.to_string()).unwrap_or_default();
            let _ = peer.notify("message", &text);
        })
        .set_up(async |_| Ok::<_, io::Error>(()))
        .tear_down(async || {
            let _ = io::Write::write_all(&mut io::stderr(), b"torn down\n");
        })
}
