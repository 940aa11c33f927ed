//! A worker that works on several requests at once. Its parent is `requests.js`.

use std::thread;

use crossfork::{Error, blocking::Channel};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Id {
    id: u64,
}

#[derive(Deserialize)]
struct Request {
    below: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Result { id: u64, result: usize },
    Error { id: u64, error: String, code: &'static str },
}

fn main() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    // A pool of four threads: each message arrives in one of them.
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| serve(&channel)));
        threads.into_iter().try_for_each(|thread| thread.join().expect("serve panicked"))
    })
}

fn serve(channel: &Channel) -> Result<(), Error> {
    loop {
        let message = match channel.recv() {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()), // the parent has disconnected
            Err(error) if error.is_protocol() => {
                eprintln!("skipped a message: {error}");
                continue;
            }
            Err(error) => return Err(error),
        };
        let Ok(Id { id }) = message.decode() else { continue };
        let answer = match message.decode() {
            Ok(Request { below }) => Answer::Result { id, result: primes(below) },
            Err(error) => Answer::Error { id, error: error.to_string(), code: error.code() },
        };
        match channel.send(&answer) {
            Err(error) if error.code() == "ERR_IPC_CHANNEL_CLOSED" => return Ok(()), // the parent has disconnected
            sent => sent?,
        }
    }
}

fn primes(below: u64) -> usize {
    (2..below).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}
