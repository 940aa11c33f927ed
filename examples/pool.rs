//! A pool of Node workers, called from threads: `cargo run --example pool --features calls`.

use crossfork::blocking::Pool;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::builder("examples/node/calls_worker.mjs").start()?;
    let sum: u32 = pool.call("add", &json!({ "a": 2, "b": 3 }))?;
    println!("{sum}"); // 5
    for i in pool.stream::<u32>("countTo", &3)? {
        println!("{}", i?); // 1, 2, 3
    }
    pool.close();
    Ok(())
}
