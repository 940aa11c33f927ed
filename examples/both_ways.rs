//! Calls between Rust and one Node program, in both directions. `cargo run --example both_ways --features calls`

use std::collections::HashMap;

use crossfork::blocking::{Context, Fork, Service};
use crossfork::calls::RpcError;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prices = HashMap::from([("chair", 40), ("table", 120)]);
    let price = move |article: String, _: &Context| {
        let unknown = || RpcError::new(404, format!("there is no {article}"));
        prices.get(&*article).copied().ok_or_else(unknown)
    };

    let node = Fork::new("examples/node/cart.mjs").spawn()?;
    let peer = Service::new().method("price", price).connect(&node.channel)?;
    let total: u32 = peer.call("total", &["chair", "chair", "table"])?;
    println!("{total}"); // 200
    let error = peer.call::<u32>("total", &["lamp"]).unwrap_err();
    println!("{error}"); // there is no lamp
    node.stop(Default::default())?;
    Ok(())
}
