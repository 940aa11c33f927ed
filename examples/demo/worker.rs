//! The worker of the demo. Each message is a job, and brings the client's socket: the worker answers the client itself.

use std::io::Write;

use crossfork::{Error, Handle, blocking::Channel};

#[derive(serde::Deserialize)]
struct Job {
    id: u32,
    /// Count the primes below this number.
    below: u32,
}

fn main() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    while let Some(mut message) = channel.recv()? {
        let job: Job = message.decode()?;
        let primes = (2..job.below).filter(|n| is_prime(*n)).count();
        if let Some((Handle::TcpStream(mut client), _)) = message.take_handle().map(|h| h.into_parts()) {
            let body = format!("{primes} primes, counted by {}", std::process::id());
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}", body.len());
            // In one write: if this process is killed, the answer is sent as a whole or not at all.
            // A client that has left misses its answer, and nobody else does.
            let _ = client.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
        }
        channel.send(&job.id)?;
    }
    Ok(())
}

fn is_prime(n: u32) -> bool {
    (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}
