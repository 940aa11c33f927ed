//! What the crate tells `tracing`.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Once;

use crossfork::tokio::cluster::{Event, Primary};
use crossfork::{HandleType, Limits, Outgoing, Signal, blocking, tokio as tasks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

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

thread_local!(static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

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
