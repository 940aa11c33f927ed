//! What the crate tells `tracing`.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Once};
use std::time::Duration;

use crossfork::tokio::cluster::{Event, Primary};
use crossfork::{HandleType, Limits, Outgoing, Signal, blocking, tokio as tasks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use crate::deadline::in_time;

#[test]
fn a_process_is_reported_when_it_was_started_and_once_when_it_was_waited_for() {
    let (pid, lines) = Log::of(|| {
        let process = blocking::Command::shell("exit 3").spawn().unwrap();
        process.wait().unwrap();
        process.wait().unwrap();
        process.id()
    });
    let expected = [
        format!("DEBUG crossfork::process spawned program=/bin/sh pid={pid}"),
        format!("DEBUG crossfork::process exited pid={pid} code=3"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_process_of_tokio_is_reported_too() {
    let (pid, lines) = Log::of(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let process = tasks::Command::new("sleep").arg("60").spawn().unwrap();
            process.kill(Signal::KILL).unwrap();
            process.wait().await.unwrap();
            process.wait().await.unwrap();
            process.try_wait().unwrap();
            LINES.with_borrow(|lines| lines[0].rsplit_once('=').unwrap().1.to_owned())
        })
    });
    let expected = [
        format!("DEBUG crossfork::process spawned program=sleep pid={pid}"),
        format!("DEBUG crossfork::process exited pid={pid} signal=9"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_is_refused_or_skipped_is_reported_with_the_reason() {
    let ((), lines) = Log::of(|| {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        let channel = blocking::Channel::from_socket(ours, Limits::default()).unwrap();
        peer.write_all(b"?\n").unwrap();
        channel.recv().unwrap_err();
        let (socket, _) = UnixStream::pair().unwrap();
        channel.send_handle(&1, Outgoing::from(socket).wire_type(HandleType::DgramSocket)).unwrap_err();
    });
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("WARN crossfork::channel skipped error=the line \"?\" is not JSON"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("WARN crossfork::channel refused wire_type=dgram.Socket error="),
        "{lines:?}"
    );
}

/// One that sends a program's log to its parent does.
#[test]
fn a_subscriber_may_use_the_channel_that_it_is_told_about() {
    in_time("a_subscriber_may_use_the_channel_that_it_is_told_about", || {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        let channel = blocking::Channel::from_socket(ours, Limits::default()).unwrap();
        peer.write_all(b"?\n?\n?\n").unwrap();
        let used = channel.clone();
        Log::then(move || _ = used.queued_bytes());
        channel.recv().unwrap_err();
        channel.try_recv().unwrap_err();
        channel.recv_timeout(Duration::from_secs(60)).unwrap_err();
        let (socket, _) = UnixStream::pair().unwrap();
        channel.send_handle(&1, Outgoing::from(socket).wire_type(HandleType::DgramSocket)).unwrap_err();
        drop(peer);
        let (socket, _) = UnixStream::pair().unwrap();
        channel.send_handle(&1, socket).unwrap_err();
    });
}

#[test]
fn a_subscriber_may_use_the_channel_of_tokio_that_it_is_told_about() {
    in_time("a_subscriber_may_use_the_channel_of_tokio_that_it_is_told_about", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, mut peer) = UnixStream::pair().unwrap();
            let channel = tasks::Channel::from_socket(ours, Limits::default()).unwrap();
            peer.write_all(b"?\n?\n").unwrap();
            let used = channel.clone();
            Log::then(move || _ = used.queued_bytes());
            channel.recv().await.unwrap_err();
            channel.try_recv().unwrap_err();
            let (socket, _) = UnixStream::pair().unwrap();
            let handle = Outgoing::from(socket).wire_type(HandleType::DgramSocket);
            channel.send_handle(&1, handle).await.unwrap_err();
        });
    });
}

#[test]
fn a_subscriber_may_use_the_process_that_it_is_told_about() {
    in_time("a_subscriber_may_use_the_process_that_it_is_told_about", || {
        let process = Arc::new(blocking::Command::new("true").spawn().unwrap());
        let used = process.clone();
        Log::then(move || drop(used.try_wait()));
        process.wait().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for is_tried in [false, true] {
                let process = Arc::new(tasks::Command::new("true").spawn().unwrap());
                let used = process.clone();
                Log::then(move || drop(used.try_wait()));
                if is_tried {
                    while process.try_wait().unwrap().is_none() {
                        tokio::task::yield_now().await;
                    }
                }
                process.wait().await.unwrap();
            }
        });
    });
}

#[test]
fn a_subscriber_may_use_the_cluster_that_it_is_told_about() {
    in_time("a_subscriber_may_use_the_cluster_that_it_is_told_about", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let primary = Primary::program("/bin/true").stdio(1, File::open("/dev/null").unwrap()).start();
            let used = primary.clone();
            Log::then(move || used.workers().iter().for_each(|worker| drop(worker.kill(Signal::TERM))));
            primary.fork().unwrap();
            primary.disconnect();
            while let Some(event) = primary.next().await {
                if matches!(event, Event::Exit { .. }) {
                    break;
                }
            }
        });
    });
}

#[test]
fn the_life_of_a_worker_is_reported() {
    let ((), lines) = Log::of(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let primary = Primary::program("/bin/true").stdio(1, File::open("/dev/null").unwrap()).start();
            primary.fork().unwrap();
            primary.disconnect();
            while let Some(event) = primary.next().await {
                if matches!(event, Event::Exit { .. }) {
                    break;
                }
            }
        });
    });
    let lines: Vec<_> = lines.into_iter().filter(|line| line.contains("crossfork::cluster")).collect();
    let expected = [
        "DEBUG crossfork::cluster forked worker=1",
        "DEBUG crossfork::cluster disconnected worker=1",
        "DEBUG crossfork::cluster exited worker=1 code=0 voluntary=true",
    ];
    assert_eq!(lines, expected);
}

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// What is done with each event besides.
    static THEN: RefCell<Box<dyn Fn()>> = RefCell::new(Box::new(|| {}));
}

/// Each event as a line, for the thread in which it happened. There is one subscriber for the process: one
/// for each thread can miss events while another thread's begins.
struct Log;

impl Log {
    /// The lines of what this thread does.
    fn of<T>(action: impl FnOnce() -> T) -> (T, Vec<String>) {
        static START: Once = Once::new();
        START.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
        let value = action();
        (value, Log::take())
    }

    /// From now on this is done too with each event of this thread.
    fn then(action: impl Fn() + 'static) {
        Log::of(|| THEN.set(Box::new(action)));
    }

    fn take() -> Vec<String> {
        LINES.take()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("crossfork::")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (event.metadata().level(), event.metadata().target());
        let line = format!("{level} {target} {}{}", fields.message, fields.others);
        LINES.with_borrow_mut(|lines| lines.push(line));
        THEN.with_borrow(|then| then());
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.others, " {}={value}", field.name()).unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.others, " {name}={value:?}").unwrap(),
        }
    }
}
