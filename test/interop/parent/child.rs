//! A child as a scenario sees it. The scripts in children/ and `interop-child` have one contract:
//! see `operate` in children/peer.cjs. The `crossfork` command has its own requests, and serves
//! HTTP where the others greet and echo.

use std::ffi::OsStr;
use std::fs::File;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crossfork::process::Fork;
use crossfork::{Message, Outgoing, ReceivedHandle, Signal};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::driver::{Driver, patience};

/// What the child runs on.
#[derive(Debug, Deserialize)]
pub struct Runtime {
    pub kind: Kind,
    #[serde(default)]
    pub major: u32,
    pub bin: PathBuf,
    /// Where packages from npm are.
    pub modules: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Node,
    Bun,
    Deno,
    /// `crossfork worker`.
    Command,
    /// `interop-child blocking`.
    Blocking,
    /// `interop-child tokio`.
    Tokio,
}

impl Kind {
    /// Whether it runs the scripts.
    pub fn runs_scripts(self) -> bool {
        matches!(self, Kind::Node | Kind::Bun | Kind::Deno)
    }
}

/// What a scenario works with. Its children do not outlive it.
pub struct Scope<D: Driver> {
    pub runtime: Arc<Runtime>,
    children: Mutex<Vec<(D, File)>>,
}

impl<D: Driver> Scope<D> {
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Scope { runtime, children: Mutex::new(Vec::new()) }
    }

    /// A builder for one of the scripts; the Rust children are what they are.
    pub fn script(&self, name: &str) -> Fork<D::Mark> {
        let module = match self.runtime.kind {
            Kind::Command => "worker".to_owned(),
            Kind::Blocking => "blocking".to_owned(),
            Kind::Tokio => "tokio".to_owned(),
            _ => script_path(name),
        };
        self.module(module)
    }

    /// A builder for a module.
    pub fn module(&self, module: impl AsRef<OsStr>) -> Fork<D::Mark> {
        let arguments: &[&str] = match self.runtime.kind {
            Kind::Deno => &["run", "--quiet", "--allow-all"],
            _ => &[],
        };
        let fork = Fork::new(module).exec_path(&self.runtime.bin).exec_argv(arguments);
        fork.serialization(crate::serialization())
    }

    /// A child that does what it is told.
    pub fn peer(&self) -> Child<D> {
        self.start(self.script("peer.cjs"))
    }

    /// Starts it; what it writes is kept for the report of a failure, unless `fork` says otherwise.
    pub fn start(&self, fork: Fork<D::Mark>) -> Child<D> {
        let (file, copies) = log();
        let [out, err] = copies;
        let fork = fork.stdio(1, out).stdio(2, err);
        self.keep(D::fork(fork).unwrap_or_else(|e| panic!("{e}")), file)
    }

    /// As [`start`](Self::start), with a standard output of one's own.
    pub fn start_with_stdout(&self, fork: Fork<D::Mark>, stdout: OwnedFd) -> Child<D> {
        let (file, [_, err]) = log();
        let fork = fork.stdio(1, stdout).stdio(2, err);
        self.keep(D::fork(fork).unwrap_or_else(|e| panic!("{e}")), file)
    }

    /// Sees to the end of a child that was started in another way.
    pub fn adopt(&self, driver: D) -> Child<D> {
        self.keep(driver, log().0)
    }

    fn keep(&self, driver: D, file: File) -> Child<D> {
        self.children.lock().unwrap().push((driver.clone(), file));
        Child { driver, runtime: self.runtime.clone() }
    }

    /// What the children wrote.
    pub fn output(&self) -> String {
        let mut all = String::new();
        for (driver, file) in self.children.lock().unwrap().iter() {
            let mut bytes = [0; 2000];
            let length = file.read_at(&mut bytes, 0).unwrap_or(0);
            if length > 0 {
                let text = String::from_utf8_lossy(&bytes[..length]);
                all += &format!("\n[output of {}] {text}", driver.id());
            }
        }
        all
    }

    pub fn end_children(&self) {
        for (driver, _) in self.children.lock().unwrap().drain(..) {
            driver.kill(Signal::KILL);
            driver.wait();
        }
    }
}

pub fn script_path(name: &str) -> String {
    format!("{}/test/interop/parent/children/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A file without a name, and two copies to write to.
fn log() -> (File, [OwnedFd; 2]) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("crossfork-{}-{}.log", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let file = File::options().read(true).append(true).create_new(true).open(&path).expect("a log file");
    std::fs::remove_file(&path).expect("its removal");
    let copy = || OwnedFd::from(file.try_clone().expect("a descriptor"));
    let copies = [copy(), copy()];
    (file, copies)
}

pub struct Child<D: Driver> {
    driver: D,
    pub runtime: Arc<Runtime>,
}

impl<D: Driver> Deref for Child<D> {
    type Target = D;
    fn deref(&self) -> &D {
        &self.driver
    }
}

impl<D: Driver> Child<D> {
    /// The next message.
    pub fn receive(&self, what: &str) -> Message {
        match self.recv() {
            Ok(Some(message)) => message,
            Ok(None) => {
                panic!("the channel ended where {what} was expected; it ended with {:?}", self.wait())
            }
            Err(e) => panic!("instead of {what}: {e}"),
        }
    }

    /// The next message, which comes alone.
    pub fn value(&self, what: &str) -> Value {
        let message = self.receive(what);
        assert!(message.handle().is_none(), "{what} came with a handle");
        message.decode().unwrap_or_else(|e| panic!("instead of {what}: {e}"))
    }

    /// Asserts what the next message is.
    pub fn expect(&self, expected: &Value) {
        let value = self.value(&format!("the message {}", abbreviate(expected)));
        assert!(value == *expected, "{} is not {}", abbreviate(&value), abbreviate(expected));
    }

    /// Sends a value and waits until it has come back: everything before it was dealt with.
    pub fn echo(&self) {
        self.round_trip(&json!("echo"));
    }

    pub fn round_trip(&self, value: &Value) {
        self.send(value).unwrap_or_else(|e| panic!("{} was not sent: {e}", abbreviate(value)));
        self.expect(value);
    }

    /// Sends a request and gives the answer.
    pub fn ask(&self, request: Value) -> Value {
        self.send(&request).unwrap_or_else(|e| panic!("{request} was not sent: {e}"));
        self.value(&format!("the answer to {request}"))
    }

    /// Hands something over, to be treated as `kind`, and waits for the word that it arrived as
    /// its type.
    pub fn give(&self, handle: impl Into<Outgoing>, wire_type: &str, kind: &str) {
        let value = json!({ "given": wire_type, "as": kind });
        self.send_handle(&value, handle.into()).unwrap_or_else(|e| panic!("{e}"));
        self.expect_handle(&value, wire_type);
    }

    /// Waits for the word that a handle has come.
    pub fn expect_handle(&self, value: &Value, wire_type: &str) {
        if self.runtime.kind == Kind::Command {
            return self.echo();
        }
        let report = self.value("the report of a handle");
        assert_eq!(report["op"], "handle", "{report}");
        assert_eq!(report["type"], wire_type, "{report}");
        assert_eq!(report["value"], *value, "{report}");
    }

    /// Asks for handles.
    pub fn request(&self, wire_type: &str, count: usize, via: &str) {
        let verb = if self.runtime.kind == Kind::Command { "crossfork" } else { "op" };
        let request = json!({ verb: "send", "type": wire_type, "count": count, "via": via });
        self.send(&request).expect("the request to be sent");
    }

    /// The handle of this number of those that were asked for.
    pub fn take(&self, wire_type: &str, index: usize) -> ReceivedHandle {
        let mut message = self.receive(&format!("{wire_type} number {index}"));
        let value: Value = message.decode().expect("JSON");
        assert_eq!(value["type"], wire_type, "{value}");
        assert_eq!(value["index"], index, "{value}");
        let handle = message.take_handle().unwrap_or_else(|| panic!("{value} came without its handle"));
        assert_eq!(handle.wire_type().as_str(), wire_type);
        handle
    }

    /// The end of the channel, with nothing before it.
    pub fn expect_end(&self) {
        match self.recv() {
            Ok(None) => {}
            Ok(Some(message)) => panic!("{:?} came where the end was expected", message.payload()),
            Err(e) => panic!("instead of the end: {e}"),
        }
    }

    /// Waits for the exit, and asserts its code.
    pub fn exits_with(&self, code: i32) {
        let status = self.exit();
        assert_eq!(status.code(), Some(code), "it ended with {status}");
    }

    pub fn dies_by(&self, signal: Signal) {
        let status = self.exit();
        let by = status.signal().and_then(Signal::from_number);
        assert_eq!(by, Some(signal), "it ended with {status}");
    }

    fn exit(&self) -> std::process::ExitStatus {
        self.wait().unwrap_or_else(|| panic!("process {} has not ended after {:?}", self.id(), patience()))
    }
}

fn abbreviate(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}... ({} bytes)", &text[..at], text.len()),
        None => text,
    }
}
