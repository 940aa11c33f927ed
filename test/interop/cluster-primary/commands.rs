//! Commands for the primary.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use crossfork::tokio::cluster::{Event, ForkedWorker, Primary, WorkerId};
use crossfork::{Error, Handle, Signal};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{report, starving};

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Command {
    Fork {
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    Send {
        worker: WorkerId,
        message: Value,
    },
    /// Connects with this port, and sends the connection.
    SendSocket {
        worker: WorkerId,
        port: u16,
    },
    /// Sends back the handle that came last.
    ReturnHandle {
        worker: WorkerId,
    },
    /// How long the worker's event loop takes to answer, in milliseconds; null if it does not for `patience`.
    Delay {
        worker: WorkerId,
        patience: u64,
    },
    DisconnectWorker {
        worker: WorkerId,
    },
    Kill {
        worker: WorkerId,
        signal: String,
    },
    Disconnect,
    CloseUnused,
    /// Opens a listening socket that can be asked for by its number.
    Open {
        inheritable: bool,
    },
    /// Stops taking events, or resumes.
    Deaf {
        deaf: bool,
    },
    /// Opens descriptors up to the limit, or closes them again.
    Starve,
    Feed,
    /// Which workers are there, and how many descriptors are open.
    Look,
}

pub struct State {
    primary: Primary,
    workers: BTreeMap<WorkerId, ForkedWorker>,
    /// The last one that has exited: kept, its channel would be too.
    gone: Option<ForkedWorker>,
    listeners: Vec<TcpListener>,
    handle: Option<Handle>,
    hoard: Vec<File>,
    pub deaf: bool,
}

impl State {
    pub fn new(primary: Primary) -> Self {
        State {
            primary,
            workers: BTreeMap::new(),
            gone: None,
            listeners: Vec::new(),
            handle: None,
            hoard: Vec::new(),
            deaf: false,
        }
    }

    /// Keeps what commands may be about.
    pub fn keep(&mut self, event: Event) {
        match event {
            Event::Fork { worker } => drop(self.workers.insert(worker.id(), worker)),
            Event::Exit { worker, .. } => self.gone = self.workers.remove(&worker.id()),
            Event::Message { mut message, .. } => {
                if let Some(handle) = message.take_handle() {
                    self.handle = Some(handle.into_parts().0);
                }
            }
            _ => {}
        }
    }

    /// Executes the command line, and answers with a line.
    pub async fn command(&mut self, line: &str) {
        let command = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let answer = match self.carry_out(command).await {
            Ok(answer) => json!({ "answer": answer }),
            Err(e) => json!({ "answer": null, "failed": e.code(), "text": e.to_string() }),
        };
        report::line(&answer);
    }

    async fn carry_out(&mut self, command: Command) -> Result<Value, Error> {
        Ok(match command {
            Command::Fork { env } => json!(self.primary.fork_with(env)?.id()),
            Command::Send { worker, message } => {
                self.worker(worker).send(&message).await?;
                Value::Null
            }
            Command::SendSocket { worker, port } => {
                let socket = TcpStream::connect(("127.0.0.1", port))?;
                self.worker(worker).send_handle(&"a socket", socket).await?;
                Value::Null
            }
            Command::ReturnHandle { worker } => {
                let handle = self.handle.take().expect("a handle has come");
                self.worker(worker).send_handle(&"your handle", handle).await?;
                Value::Null
            }
            Command::Delay { worker, patience } => {
                let delay = self.worker(worker).event_loop_delay();
                match timeout(Duration::from_millis(patience), delay).await {
                    Ok(delay) => json!(delay?.as_secs_f64() * 1000.0),
                    Err(_) => Value::Null,
                }
            }
            Command::DisconnectWorker { worker } => {
                self.worker(worker).disconnect();
                json!(self.worker(worker).exited_after_disconnect())
            }
            Command::Kill { worker, signal } => {
                let signal = Signal::from_name(&signal).expect("a signal");
                json!(self.worker(worker).kill(signal)?)
            }
            Command::Disconnect => {
                self.primary.disconnect();
                Value::Null
            }
            Command::CloseUnused => {
                self.primary.close_unused_servers();
                Value::Null
            }
            Command::Deaf { deaf } => {
                self.deaf = deaf;
                Value::Null
            }
            Command::Open { inheritable } => self.open(inheritable)?,
            Command::Starve => {
                self.hoard = starving::hoard();
                Value::Null
            }
            Command::Feed => {
                self.hoard.clear();
                Value::Null
            }
            Command::Look => json!({
                "workers": self.primary.workers().iter().map(ForkedWorker::id).collect::<Vec<_>>(),
                "descriptors": fs::read_dir("/proc/self/fd")?.count(),
            }),
        })
    }

    fn worker(&self, id: WorkerId) -> &ForkedWorker {
        let gone = self.gone.as_ref().filter(|worker| worker.id() == id);
        self.workers.get(&id).or(gone).unwrap_or_else(|| panic!("no worker {id}"))
    }

    fn open(&mut self, inheritable: bool) -> Result<Value, Error> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        if inheritable {
            fcntl(listener.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).expect("a flag");
        }
        let answer = json!({ "fd": listener.as_raw_fd(), "port": listener.local_addr()?.port() });
        self.listeners.push(listener);
        Ok(answer)
    }
}
