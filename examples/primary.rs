//! An unmodified Node program on two workers, under a primary in Rust; a worker that dies is replaced.
//! `cargo run --example primary --features tokio [-- --once]`

use std::io::{Read, Write};
use std::net::TcpStream;

use crossfork::tokio::cluster::{Event, Primary};

const WORKERS: usize = 2;

#[tokio::main]
async fn main() -> Result<(), crossfork::Error> {
    let once = std::env::args().any(|arg| arg == "--once");
    let primary = Primary::builder("examples/node/cluster.js").start();
    for _ in 0..WORKERS {
        primary.fork()?;
    }
    let mut listening = 0;
    while let Some(event) = primary.next().await {
        match event {
            Event::Listening { worker, address } => {
                let port = address.port.unwrap_or_default();
                println!(
                    "http://127.0.0.1:{port}/ is served by worker {}, process {}",
                    worker.id(),
                    worker.pid()
                );
                listening += 1;
                if once && listening == WORKERS {
                    let asked = tokio::task::spawn_blocking(move || (0..4).try_for_each(|_| ask(port)));
                    asked.await.map_err(std::io::Error::other)??;
                    primary.disconnect();
                }
            }
            Event::Exit { worker, code, signal } => {
                println!("worker {} ended: code {code:?}, signal {signal:?}", worker.id());
                if !worker.exited_after_disconnect() {
                    primary.fork()?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// One request over a connection of its own: each goes to the next worker.
fn ask(port: u16) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    println!("{}", answer.lines().last().unwrap_or_default());
    Ok(())
}
