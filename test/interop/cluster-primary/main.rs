//! A primary under remote control: JSON commands come in, one per line, and events go out.
//!
//!     interop-primary <settings as JSON>
//!
//! `settings`: {"module", "execPath"?, "execArgv"?, "args"?, "cwd"?, "env"?, "serialization"?, "balance"?, "keepServers"?}

mod commands;
mod report;
#[path = "../cluster/starving.rs"]
mod starving;

use std::process::ExitCode;

use crossfork::Serialization;
use crossfork::tokio::cluster::{Balance, Primary};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;
use tokio::sync::mpsc;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    module: String,
    exec_path: Option<String>,
    #[serde(default)]
    exec_argv: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    serialization: Option<String>,
    balance: Option<String>,
    #[serde(default)]
    keep_servers: bool,
}

impl Wanted {
    fn start(self) -> Primary {
        let mut settings = Primary::builder(self.module)
            .exec_argv(self.exec_argv)
            .args(self.args)
            .keep_servers(self.keep_servers);
        if let Some(program) = self.exec_path {
            settings = settings.exec_path(program);
        }
        if let Some(cwd) = self.cwd {
            settings = settings.cwd(cwd);
        }
        for (name, value) in self.env {
            settings = settings.env(name, value);
        }
        if let Some(name) = self.serialization {
            settings = settings.serialization(Serialization::from_name(&name).expect("a serialization"));
        }
        match self.balance.as_deref() {
            Some("rr") => settings = settings.balance(Balance::RoundRobin),
            Some("shared") => settings = settings.balance(Balance::Shared),
            Some(other) => panic!("no balance {other}"),
            None => {}
        }
        settings.start()
    }
}

fn main() -> ExitCode {
    let Some(settings) = std::env::args().nth(1) else {
        eprintln!("usage: interop-primary <settings as JSON>");
        return ExitCode::from(64);
    };
    let wanted: Wanted = serde_json::from_str(&settings).expect("settings, as JSON");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(run(wanted));
    ExitCode::SUCCESS
}

async fn run(wanted: Wanted) {
    let primary = wanted.start();
    let mut commands = lines();
    let mut state = commands::State::new(primary.clone());
    loop {
        tokio::select! {
            event = primary.next(), if !state.deaf => match event {
                Some(event) => {
                    report::event(&event);
                    state.keep(event);
                }
                None => break,
            },
            line = commands.recv() => match line {
                Some(line) => state.command(&line).await,
                // Our own end: no message is sent.
                None => break,
            },
        }
    }
    report::line(&serde_json::json!({ "finished": true }));
}

/// What comes on standard input.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
