//! A child of the benchmark's parents: `bench-child blocking|tokio|bare|limit JOB [SIZE] [WARM COUNT]`,
//! or `... parcels KIND JOB SIZE WARM COUNT`. A job is done twice, first to warm up, and each time
//! ends with a report. `node.cjs` does the same.

#[path = "../contestants/mod.rs"]
#[allow(dead_code)] // reports are read by parents
mod contestants;
mod limit;
mod limit_frames;
mod parcels;

use std::net::TcpListener;

use contestants::bare::Bare;
use contestants::{Contestant, FIRST, Item, Result, cpu, pad, run_ready, run_tokio, standard_input};
use crossfork::{blocking, tokio as tasks};
use serde::Serialize;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["blocking", ref job @ ..] => run_ready(perform(blocking::Channel::from_env()?, job)),
        ["tokio", ref job @ ..] => run_tokio(async { perform(tasks::Channel::from_env()?, job).await }),
        ["bare", ref job @ ..] => run_ready(perform(Bare::new(standard_input()?), job)),
        ["limit", "parcels", kind, job, ref numbers @ ..] => {
            limit_frames::perform(standard_input()?, kind, job, &parse(numbers)?)
        }
        ["limit", job, ref numbers @ ..] => {
            run_ready(limit::perform(Bare::new(standard_input()?), job, &parse(numbers)?))
        }
        _ => Err("usage: bench-child blocking|tokio|bare|limit [parcels KIND] JOB [NUMBER...]".into()),
    }
}

fn parse(numbers: &[&str]) -> Result<Vec<u64>> {
    Ok(numbers.iter().map(|n| n.parse()).collect::<std::result::Result<_, _>>()?)
}

async fn perform(mut channel: impl Contestant, job: &[&str]) -> Result<()> {
    match *job {
        ["parcels", kind, job, ref numbers @ ..] => {
            parcels::perform(&mut channel, kind, job, &parse(numbers)?).await?
        }
        [job, ref numbers @ ..] => items(&mut channel, job, &parse(numbers)?).await?,
        [] => return Err("no job".into()),
    }
    // The parent looks at this process before it disconnects.
    while channel.echo().await? {}
    Ok(())
}

async fn items(channel: &mut impl Contestant, job: &str, numbers: &[u64]) -> Result<()> {
    match (job, numbers) {
        ("echo", []) => {}
        ("receive", &[warm, count]) => {
            for count in [warm, count] {
                receive(channel, count).await?;
            }
        }
        ("send" | "feed", &[size, warm, count]) => {
            let pad = pad(size as usize);
            for count in [warm, count] {
                send(channel, job == "feed", &pad, count).await?;
            }
        }
        ("take-handles", &[warm, count]) => {
            for count in [warm, count] {
                take_handles(channel, count).await?;
            }
        }
        ("give-handles", &[warm, count]) => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            for count in [warm, count] {
                give_handles(channel, &listener, count).await?;
            }
        }
        _ => return Err("no such job".into()),
    }
    Ok(())
}

/// What was done, and what it took.
#[derive(Serialize)]
struct Report {
    /// Over the items received: shows that they were decoded.
    sum: u64,
    /// In microseconds.
    cpu: i64,
}

async fn receive(channel: &mut impl Contestant, count: u64) -> Result<()> {
    let before = cpu()?;
    let mut sum = 0;
    for _ in 0..count {
        channel.receive(|item| sum += item.seq).await?.ok_or("the channel ended too early")?;
    }
    channel.send(&Report { sum, cpu: cpu()? - before }).await
}

async fn send(channel: &mut impl Contestant, feed: bool, pad: &str, count: u64) -> Result<()> {
    channel.signal().await?;
    let before = cpu()?;
    for seq in FIRST..FIRST + count {
        let item = Item { seq, pad };
        if feed {
            channel.feed(&item).await?;
        } else {
            channel.send(&item).await?;
        }
    }
    channel.flush().await?;
    channel.send(&Report { sum: 0, cpu: cpu()? - before }).await
}

async fn take_handles(channel: &mut impl Contestant, count: u64) -> Result<()> {
    let before = cpu()?;
    for _ in 0..count {
        channel.take_handle().await?;
    }
    channel.send(&Report { sum: 0, cpu: cpu()? - before }).await
}

async fn give_handles(channel: &mut impl Contestant, listener: &TcpListener, count: u64) -> Result<()> {
    channel.signal().await?;
    let before = cpu()?;
    for seq in FIRST..FIRST + count {
        channel.give_handle(&Item { seq, pad: "" }, listener).await?;
    }
    channel.send(&Report { sum: 0, cpu: cpu()? - before }).await
}
