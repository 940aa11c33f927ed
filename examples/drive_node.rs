//! Starts a Node worker, talks to it, and ends it: `cargo run --example drive_node`.

use std::time::Duration;

use crossfork::Error;
use crossfork::blocking::Fork;

fn main() -> Result<(), Error> {
    let child = Fork::new("examples/node/upper.js").spawn()?;
    println!("node is process {}", child.process.id());

    for text in ["a message", "another one"] {
        child.channel.send(text)?;
        let answer = child.channel.recv_timeout(Duration::from_secs(10))?.expect("an answer");
        println!("{text} -> {}", answer.json::<&str>()?);
    }

    // A Node worker ends by itself when its channel does.
    let status = child.stop(Default::default())?;
    println!("it ended with {status}");
    Ok(())
}
