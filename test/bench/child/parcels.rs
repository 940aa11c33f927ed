//! The jobs of `main.rs` with what the serializations are compared by.

use std::hint::black_box;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Report;
use super::contestants::parcels::{Parcel, base64, bytes, json_buffer, thing, things};
use super::contestants::{Contestant, FIRST, Result, cpu};

pub async fn perform(channel: &mut impl Contestant, kind: &str, job: &str, numbers: &[u64]) -> Result<()> {
    let &[size, warm, count] = numbers else {
        return Err("a parcel has a size, and there are two counts".into());
    };
    let (size, counts) = (size as usize, [warm, count]);
    match kind {
        "object" => rounds(channel, job, counts, thing(0)).await,
        "array" => rounds(channel, job, counts, things()).await,
        "buffer" => rounds(channel, job, counts, bytes(size)).await,
        "to-json" => rounds(channel, job, counts, json_buffer(size)).await,
        "base64" => rounds(channel, job, counts, base64(size)).await,
        _ => Err("no such parcel".into()),
    }
}

async fn rounds<T: DeserializeOwned + Serialize>(
    channel: &mut impl Contestant,
    job: &str,
    counts: [u64; 2],
    body: T,
) -> Result<()> {
    let mut parcel = Parcel { seq: FIRST, body };
    for count in counts {
        match job {
            "receive" => receive::<T>(channel, count).await?,
            "send" | "feed" => send(channel, job == "feed", &mut parcel, count).await?,
            _ => return Err("no such job".into()),
        }
    }
    Ok(())
}

async fn receive<T: DeserializeOwned>(channel: &mut impl Contestant, count: u64) -> Result<()> {
    let before = cpu()?;
    let mut sum = 0;
    for _ in 0..count {
        let parcel: Parcel<T> = channel.decode().await?;
        sum += parcel.seq;
        black_box(parcel.body);
    }
    channel.send(&Report { sum, cpu: cpu()? - before }).await
}

async fn send<T: Serialize>(
    channel: &mut impl Contestant,
    feed: bool,
    parcel: &mut Parcel<T>,
    count: u64,
) -> Result<()> {
    channel.signal().await?;
    let before = cpu()?;
    for seq in FIRST..FIRST + count {
        parcel.seq = seq;
        if feed {
            channel.feed(parcel).await?;
        } else {
            channel.send(parcel).await?;
        }
    }
    channel.flush().await?;
    channel.send(&Report { sum: 0, cpu: cpu()? - before }).await
}
