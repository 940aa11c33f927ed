//! The worker of `node examples/sum.js`: it receives lists of numbers and sends back their sums.

use crossfork::{Error, blocking::Channel};

fn main() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    while let Some(message) = channel.recv()? {
        match message.decode::<Vec<f64>>() {
            Ok(numbers) => channel.send(&numbers.iter().sum::<f64>())?,
            Err(error) => channel.send(&error.to_string())?, // and goes on
        }
    }
    Ok(()) // the parent has disconnected
}
