//! What the parent does with its children. The jobs have the names of what the child does.

use std::net::TcpListener;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Order;
use super::contestants::{Contestant, FIRST, Item, Result, cpu, pad};

/// Times are in microseconds, and memory is in bytes.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Took {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_cpu: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_rss: Option<u64>,
}

/// What a child says at the end of a round.
#[derive(Deserialize)]
struct Report {
    sum: u64,
}

pub async fn perform(children: &mut [impl Contestant], order: &Order, started: Instant) -> Result<Took> {
    match order.job.as_str() {
        "start" => {
            greet(children).await?;
            Ok(Took { time: Some(since(started)), ..Took::default() })
        }
        "idle" => {
            greet(children).await?;
            Ok(Took { parent_rss: resident_memory(), ..Took::default() })
        }
        job => {
            let [child] = children else {
                return Err("this job is one child's".into());
            };
            let pad = pad(order.size);
            // To warm up.
            round(child, job, &pad, order.warm).await?;
            round(child, job, &pad, order.count).await
        }
    }
}

/// A message to each child, and back.
async fn greet(children: &mut [impl Contestant]) -> Result<()> {
    for child in children {
        child.send(&Item { seq: 0, pad: "" }).await?;
        child.signal().await?;
    }
    Ok(())
}

async fn round(child: &mut impl Contestant, job: &str, pad: &str, count: u64) -> Result<Took> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (start, before) = (Instant::now(), cpu()?);
    match job {
        "receive" => send(child, pad, count).await?,
        "feed" => receive(child, count).await?,
        "trip" => trip(child, pad, count).await?,
        "take-handles" => give_handles(child, &listener, count).await?,
        "give-handles" => take_handles(child, count).await?,
        _ => return Err("no such job".into()),
    }
    Ok(Took { time: Some(since(start)), parent_cpu: Some(cpu()? - before), parent_rss: None })
}

async fn send(child: &mut impl Contestant, pad: &str, count: u64) -> Result<()> {
    for seq in FIRST..FIRST + count {
        child.feed(&Item { seq, pad }).await?;
    }
    child.flush().await?;
    let report: Report = child.decode().await?;
    expect(report.sum, count)
}

async fn receive(child: &mut impl Contestant, count: u64) -> Result<()> {
    child.send(&Item { seq: 0, pad: "" }).await?;
    let mut sum = 0;
    for _ in 0..count {
        child.receive(|item| sum += item.seq).await?.ok_or("the channel ended too early")?;
    }
    child.decode::<Report>().await?;
    expect(sum, count)
}

async fn trip(child: &mut impl Contestant, pad: &str, count: u64) -> Result<()> {
    let mut sum = 0;
    for seq in FIRST..FIRST + count {
        child.send(&Item { seq, pad }).await?;
        child.receive(|item| sum += item.seq).await?.ok_or("the channel ended too early")?;
    }
    expect(sum, count)
}

async fn give_handles(child: &mut impl Contestant, listener: &TcpListener, count: u64) -> Result<()> {
    for seq in FIRST..FIRST + count {
        child.give_handle(&Item { seq, pad: "" }, listener).await?;
    }
    child.decode::<Report>().await?;
    Ok(())
}

async fn take_handles(child: &mut impl Contestant, count: u64) -> Result<()> {
    child.send(&Item { seq: 0, pad: "" }).await?;
    for _ in 0..count {
        child.take_handle().await?;
    }
    child.decode::<Report>().await?;
    Ok(())
}

/// Every item has another number, so their sum shows that all were decoded.
fn expect(sum: u64, count: u64) -> Result<()> {
    let expected = (FIRST..FIRST + count).sum::<u64>();
    if sum == expected { Ok(()) } else { Err(format!("{sum} arrived and not {expected}").into()) }
}

fn since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// Of this process; `None` on systems that have no /proc.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}
