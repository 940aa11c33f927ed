//! A Rust parent in place of `parent.cjs`: `bench-parent blocking|tokio|bare`. The benchmark forks
//! it, gives it the same orders, one measurement at a time, and gets the same kind of answers.

#[path = "../contestants/mod.rs"]
#[allow(dead_code)] // what children do is the other programs'
mod contestants;
mod jobs;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{self, ExitStatus};
use std::time::Instant;

use contestants::bare::Bare;
use contestants::{Result, run_ready};
use crossfork::{Escalation, Stdio, blocking, tokio as tasks};
use jobs::{Took, perform};
use serde::{Deserialize, Serialize};

/// How often what, and with which child.
#[derive(Deserialize)]
struct Order {
    job: String,
    command: Vec<String>,
    #[serde(default = "one")]
    children: usize,
    #[serde(default)]
    size: usize,
    #[serde(default)]
    warm: u64,
    #[serde(default)]
    count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Result(Took),
    Error(String),
}

fn main() -> Result<()> {
    let measure = match std::env::args().nth(1).as_deref() {
        Some("blocking") => with_threads,
        Some("tokio") => with_tasks,
        Some("bare") => with_bare,
        _ => return Err("usage: bench-parent blocking|tokio|bare".into()),
    };
    let orders = blocking::Channel::from_env()?;
    while let Some(message) = orders.recv()? {
        let order: Order = message.decode()?;
        orders.send(&match measure(&order) {
            Ok(took) => Answer::Result(took),
            Err(e) => Answer::Error(format!("{}: {e}", order.command.join(" "))),
        })?;
    }
    Ok(())
}

fn with_threads(order: &Order) -> Result<Took> {
    let started = Instant::now();
    let children = start_all(order, |program, args| {
        let command = blocking::Command::new(program).args(args).stdio(0, Stdio::Null);
        Ok(command.kill_on_drop().spawn_with_channel(3)?)
    })?;
    let mut channels: Vec<_> = children.iter().map(|child| child.channel.clone()).collect();
    let took = run_ready(perform(&mut channels, order, started))?;
    for child in children {
        ended_well(child.stop(Escalation::default())?)?;
    }
    Ok(took)
}

fn with_tasks(order: &Order) -> Result<Took> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let started = Instant::now();
        let children = start_all(order, |program, args| {
            let command = tasks::Command::new(program).args(args).stdio(0, Stdio::Null);
            Ok(command.kill_on_drop().spawn_with_channel(3)?)
        })?;
        let mut channels: Vec<_> = children.iter().map(|child| child.channel.clone()).collect();
        let took = perform(&mut channels, order, started).await?;
        for child in children {
            ended_well(child.stop(Escalation::default()).await?)?;
        }
        Ok(took)
    })
}

/// The channel is at standard input, where std can put it.
fn with_bare(order: &Order) -> Result<Took> {
    let started = Instant::now();
    let (processes, mut channels): (Vec<_>, Vec<_>) = start_all(order, |program, args| {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = process::Command::new(program);
        command.args(args).env("NODE_CHANNEL_FD", "0").stdin(OwnedFd::from(theirs));
        Ok((command.spawn()?, Bare::new(ours.into())))
    })?
    .into_iter()
    .unzip();
    let took = run_ready(perform(&mut channels, order, started));
    drop(channels);
    for mut process in processes {
        ended_well(process.wait()?)?;
    }
    took
}

fn start_all<C>(order: &Order, start: impl Fn(&str, &[String]) -> Result<C>) -> Result<Vec<C>> {
    let (program, args) = order.command.split_first().ok_or("no command")?;
    (0..order.children).map(|_| start(program, args)).collect()
}

fn ended_well(status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(format!("ended with {status}").into()) }
}

fn one() -> usize {
    1
}
