//! Two processes over a socket pair: `bench-pair blocking|tokio|bare send|feed|trip SIZE WARM COUNT
//! [PREFIX...]` prints the nanoseconds that COUNT messages took. The other process is this program
//! once more, started with the prefix (`taskset`) and with its end of the pair as standard input.

#[path = "../contestants/mod.rs"]
#[allow(dead_code)] // handles are the other program's
mod contestants;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use contestants::bare::Bare;
use contestants::{Contestant, FIRST, Item, Result, pad, run_ready, run_tokio, standard_input};
use crossfork::{Limits, blocking, tokio as tasks};

const USAGE: &str = "usage: bench-pair blocking|tokio|bare send|feed|trip SIZE WARM COUNT [PREFIX...]";

#[derive(Clone, Copy)]
struct Job<'a> {
    contestant: &'a str,
    name: &'a str,
    size: usize,
    warm: u64,
    count: u64,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["follow", ref job @ ..] => {
            run(parse(job)?, standard_input()?, false)?;
            Ok(())
        }
        [contestant, name, size, warm, count, ref prefix @ ..] => {
            let job = [contestant, name, size, warm, count];
            let program = std::env::current_exe()?;
            let command = [prefix, &[program.to_str().ok_or("an odd path")?, "follow"], &job].concat();
            let time = measure(parse(&job)?, &command)?;
            println!("{}", time.as_nanos());
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

fn parse<'a>(args: &[&'a str]) -> Result<Job<'a>> {
    let &[contestant, name, size, warm, count] = args else {
        return Err(USAGE.into());
    };
    Ok(Job { contestant, name, size: size.parse()?, warm: warm.parse()?, count: count.parse()? })
}

fn measure(job: Job, follower: &[&str]) -> Result<Duration> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut follower =
        Command::new(follower[0]).args(&follower[1..]).stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    let time = run(job, ours.into(), true);
    let ended = follower.wait()?;
    if ended.success() { time } else { Err("the other process failed".into()) }
}

/// Either end, over the contestant's kind of channel.
fn run(job: Job, socket: OwnedFd, leads: bool) -> Result<Duration> {
    match job.contestant {
        "blocking" => run_ready(part(blocking::Channel::from_socket(socket, Limits::default())?, job, leads)),
        "tokio" => run_tokio(async {
            part(tasks::Channel::from_socket(socket, Limits::default())?, job, leads).await
        }),
        "bare" => run_ready(part(Bare::new(socket), job, leads)),
        _ => Err("no such contestant".into()),
    }
}

async fn part(mut channel: impl Contestant, job: Job<'_>, leads: bool) -> Result<Duration> {
    if !leads {
        follow(&mut channel, job).await?;
        return Ok(Duration::ZERO);
    }
    lead(&mut channel, job, job.warm).await?;
    let start = Instant::now();
    lead(&mut channel, job, job.count).await?;
    Ok(start.elapsed())
}

/// Sends what is measured, and waits until it is received.
async fn lead(channel: &mut impl Contestant, job: Job<'_>, count: u64) -> Result<()> {
    let pad = pad(job.size);
    for seq in FIRST..FIRST + count {
        let item = Item { seq, pad: &pad };
        match job.name {
            "send" => channel.send(&item).await?,
            "feed" => channel.feed(&item).await?,
            "trip" => {
                channel.send(&item).await?;
                channel.signal().await?;
            }
            _ => return Err("no such job".into()),
        }
    }
    if job.name != "trip" {
        channel.flush().await?;
        channel.signal().await?;
    }
    Ok(())
}

async fn follow(channel: &mut impl Contestant, job: Job<'_>) -> Result<()> {
    if job.name == "trip" {
        while channel.echo().await? {}
        return Ok(());
    }
    for count in [job.warm, job.count] {
        let mut sum = 0;
        for _ in 0..count {
            channel.receive(|item| sum += item.seq).await?.ok_or("the channel ended too early")?;
        }
        if sum != (FIRST..FIRST + count).sum::<u64>() {
            return Err("what was received is not what was sent".into());
        }
        channel.send(&Item { seq: sum, pad: "" }).await?;
    }
    Ok(())
}
