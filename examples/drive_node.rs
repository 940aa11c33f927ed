//! Starts a Node worker, talks to it, and ends it: `cargo run --example drive_node`, and
//! `-- --advanced` for messages as V8 writes them.

use std::time::Duration;

use crossfork::blocking::Fork;
use crossfork::{Error, Serialization};

fn main() -> Result<(), Error> {
    let advanced = std::env::args().any(|arg| arg == "--advanced");
    let serialization = if advanced { Serialization::Advanced } else { Serialization::Json };
    let child = Fork::new("examples/node/upper.js").serialization(serialization).spawn()?;
    println!("node is process {}", child.process.id());

    for text in ["a message", "another \"one\", à la carte"] {
        child.channel.send(text)?;
        let answer = child.channel.recv_timeout(Duration::from_secs(10))?.expect("an answer");
        println!("{text} -> {}", answer.decode::<String>()?);
    }

    // A Node worker ends by itself when its channel does.
    let status = child.stop(Default::default())?;
    println!("it ended with {status}");
    Ok(())
}
