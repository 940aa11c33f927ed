//! Encodes and decodes values over and over, as the benchmark orders: it forks this program in the
//! `advanced` mode, and sends each value with its order. The value comes back, to be compared.

#[path = "../contestants/mod.rs"]
#[allow(dead_code)] // the channel is only the way to the benchmark
mod contestants;

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use contestants::Result;
use contestants::parcels::{Blob, Thing};
use crossfork::blocking::Channel;
use crossfork::v8::{self, Options, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    job: String,
    contestant: String,
    /// What the value is, to those who have types for it.
    kind: String,
    warm: u64,
    count: u64,
    value: Value,
}

#[derive(Serialize)]
struct Answer<T> {
    result: Took,
    value: T,
}

/// In microseconds.
#[derive(Serialize)]
struct Took {
    time: f64,
}

fn main() -> Result<()> {
    let orders = Channel::from_env()?;
    while let Some(message) = orders.recv()? {
        let order: Order = message.decode()?;
        match (order.contestant.as_str(), order.kind.as_str()) {
            ("memcpy", _) => memcpy(&orders, order)?,
            ("value", _) => value(&orders, order)?,
            ("typed", "object") => typed::<Thing>(&orders, order)?,
            ("typed", "array") => typed::<Vec<Thing>>(&orders, order)?,
            ("typed", "string") => typed::<String>(&orders, order)?,
            ("typed", "bytes") => typed::<Blob>(&orders, order)?,
            ("typed", "vec") => typed::<Vec<u8>>(&orders, order)?,
            _ => return Err("no such contestant".into()),
        }
    }
    Ok(())
}

/// Types of one's own.
fn typed<T: Serialize + DeserializeOwned>(orders: &Channel, order: Order) -> Result<()> {
    let record = order.value.encode(&Options::new())?;
    let value: T = v8::from_slice(&record)?;
    let result = match order.job.as_str() {
        "encode" => measure(&order, || v8::to_vec(&value, &Options::new()))?,
        _ => measure(&order, || v8::from_slice::<T>(&record))?,
    };
    Ok(orders.send(&Answer { result, value })?)
}

/// JavaScript's own values.
fn value(orders: &Channel, order: Order) -> Result<()> {
    let record = Bytes::from(order.value.encode(&Options::new())?);
    let value = Value::decode_bytes(&record)?;
    let result = match order.job.as_str() {
        "encode" => measure(&order, || value.encode(&Options::new()))?,
        _ => measure(&order, || Value::decode_bytes(&record))?,
    };
    Ok(orders.send(&Answer { result, value })?)
}

/// The limit: the record's bytes, copied into memory of their own.
fn memcpy(orders: &Channel, order: Order) -> Result<()> {
    let record = order.value.encode(&Options::new())?;
    let result = measure(&order, || Ok(black_box(&record).to_vec()))?;
    Ok(orders.send(&Answer { result, value: order.value })?)
}

fn measure<T>(order: &Order, mut work: impl FnMut() -> std::result::Result<T, v8::Error>) -> Result<Took> {
    for _ in 0..order.warm {
        black_box(work()?);
    }
    let start = Instant::now();
    for _ in 0..order.count {
        black_box(work()?);
    }
    Ok(Took { time: start.elapsed().as_secs_f64() * 1e6 })
}
