//! The worker of `node examples/sum.js`: it receives lists of numbers and sends back their sums.

use crossfork::{Error, blocking::Channel};

fn main() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    while let Some(message) = channel.recv()? {
        let numbers: Vec<f64> = message.decode()?;
        channel.send(&numbers.iter().sum::<f64>())?;
    }
    Ok(()) // the parent has disconnected
}
