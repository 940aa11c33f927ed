//! Children that do no work, to see what the parent can do: a sink that counts lines, and a source
//! of lines that were made before.

use std::io::{Read, Write};

use super::Report;
use super::contestants::bare::Bare;
use super::contestants::{Contestant, FIRST, Item, Result, cpu, pad};

const CHUNK: usize = 64 * 1024;

pub async fn perform(mut channel: Bare, job: &str, numbers: &[u64]) -> Result<()> {
    match (job, numbers) {
        ("receive", &[warm, count]) => {
            for count in [warm, count] {
                sink(&mut channel, count).await?;
            }
        }
        ("send" | "feed", &[size, warm, count]) => {
            let item = Item { seq: FIRST, pad: &pad(size as usize) };
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            for count in [warm, count] {
                source(&mut channel, &line, count as usize).await?;
            }
        }
        _ => return Err("no such job".into()),
    }
    while channel.echo().await? {}
    Ok(())
}

async fn sink(channel: &mut Bare, count: u64) -> Result<()> {
    let before = cpu()?;
    let mut buffer = vec![0; CHUNK];
    let mut lines = 0;
    while lines < count {
        let n = channel.socket.read(&mut buffer)?;
        if n == 0 {
            return Err("the channel ended too early".into());
        }
        lines += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
    }
    channel.send(&Report { sum: 0, cpu: cpu()? - before }).await
}

async fn source(channel: &mut Bare, line: &[u8], count: usize) -> Result<()> {
    channel.signal().await?;
    let before = cpu()?;
    let together = (CHUNK / line.len()).max(1);
    let lines = line.repeat(together);
    for _ in 0..count / together {
        channel.socket.write_all(&lines)?;
    }
    channel.socket.write_all(&lines[..count % together * line.len()])?;
    channel.send(&Report { sum: 0, cpu: cpu()? - before }).await
}
