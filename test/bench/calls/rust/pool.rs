//! A pool in Rust that is measured: `bench-calls-pool SIZE CONCURRENCY json|advanced PROGRAM [ARG...]`, or with `node`
//! before a script. It tells its parent how long its start took; and for each message `[case, count, inFlight]` how long
//! that took, in nanoseconds.

mod values;

use std::error::Error;
use std::num::NonZero;
use std::time::{Duration, Instant};

use crossfork::tokio::pool::Call;
use crossfork::tokio::{Channel, Command, Fork, Pool};
use crossfork::{Serialization, Stdio};
use tokio::task::JoinSet;
use values::{Bytes, Record};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// As calls are made: with a timeout.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [size, concurrency, serialization, program, rest @ ..] = &args[..] else {
        return Err("usage: bench-calls-pool SIZE CONCURRENCY json|advanced PROGRAM [ARG...]".into());
    };
    let serialization: Serialization = serialization.parse()?;
    let began = Instant::now();
    let builder = match (program.as_str(), rest) {
        ("node", [node, script]) => {
            Pool::fork(Fork::new(script).exec_path(node).serialization(serialization))
        }
        _ => Pool::command(
            Command::new(program).args(rest).stdio(1, Stdio::Inherit).serialization(serialization),
        ),
    };
    let pool = builder.size(size.parse::<NonZero<usize>>()?).concurrency(concurrency.parse()?).start()?;
    pool.ready().await?;
    let parent = Channel::from_env()?;
    parent.send(&nanos(began)).await?;
    while let Some(message) = parent.recv().await? {
        let (case, count, in_flight): (String, usize, usize) = message.decode()?;
        let began = Instant::now();
        run(&pool, &case, count, in_flight).await?;
        parent.send(&nanos(began)).await?;
    }
    pool.close().await;
    Ok(())
}

fn nanos(began: Instant) -> u64 {
    began.elapsed().as_nanos() as u64
}

async fn run(pool: &Pool, case: &str, count: usize, in_flight: usize) -> Result<()> {
    if case == "items" {
        let mut stream = pool.stream::<u32>("items", &count).await?;
        let mut came = 0;
        while let Some(item) = stream.next().await {
            item?;
            came += 1;
        }
        return if came == count { Ok(()) } else { Err(format!("{came} items").into()) };
    }
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let (pool, case) = (pool.clone(), case.to_owned());
        let count = (count + caller) / in_flight;
        callers.spawn(async move { call(&pool, &case, count).await });
    }
    while let Some(called) = callers.join_next().await {
        called??;
    }
    Ok(())
}

async fn call(pool: &Pool, case: &str, count: usize) -> Result<()> {
    let how = || Call::new().timeout(TIMEOUT);
    match case {
        "record" => {
            let tags = (0..20).map(|i| format!("tag {i}")).collect();
            let record = Record { id: 12345, name: "x".repeat(400), tags, text: "y".repeat(300) };
            for _ in 0..count {
                pool.call_with::<Record>("record", &record, how()).await?;
            }
        }
        "bytes" => {
            let bytes = Bytes(vec![1; 1 << 20]);
            for _ in 0..count {
                pool.call_with::<Bytes>("bytes", &bytes, how()).await?;
            }
        }
        _ => {
            for _ in 0..count {
                pool.call_with::<u64>("echo", &0_u64, how()).await?;
            }
        }
    }
    Ok(())
}
