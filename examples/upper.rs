//! Rust starts a Node program, asks it something, and stops it: `cargo run --example upper`.

use crossfork::{Error, blocking::Fork};

fn main() -> Result<(), Error> {
    let node = Fork::new("examples/node/upper.js").spawn()?;
    node.channel.send("a message")?;
    if let Some(answer) = node.channel.recv()? {
        println!("{}", answer.decode::<String>()?);
    }
    node.stop(Default::default())?;
    Ok(())
}
