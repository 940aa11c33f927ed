//! Rust listens, Node serves: the listener goes to two Node workers that run plain `http`.
//! `cargo run --example hand_over`, and `-- --once` for a few requests and the end; with
//! `--advanced`, messages are as V8 writes them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crossfork::blocking::{Child, Fork};
use crossfork::{Error, Escalation, Outgoing, Serialization};

fn main() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let workers = (0..2).map(|_| start(&listener)).collect::<Result<Vec<Child>, Error>>()?;
    drop(listener); // the workers have it now
    println!("http://{address}/ is served by Node");

    if asked("--once") {
        for _ in 0..6 {
            let mut client = TcpStream::connect(address)?;
            client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut response = String::new();
            client.read_to_string(&mut response)?;
            println!("{}", response.trim_end().lines().last().unwrap_or_default());
        }
        for worker in &workers {
            worker.stop(Escalation::default())?;
        }
    }
    for worker in &workers {
        println!("process {} ended with {}", worker.process.id(), worker.process.wait()?);
    }
    Ok(())
}

fn asked(option: &str) -> bool {
    std::env::args().any(|arg| arg == option)
}

fn start(listener: &TcpListener) -> Result<Child, Error> {
    let serialization = if asked("--advanced") { Serialization::Advanced } else { Serialization::Json };
    let worker = Fork::new("examples/node/http.js").serialization(serialization).kill_on_drop().spawn()?;
    worker.channel.send_handle(&"server", Outgoing::keep_open(listener)?)?;
    match worker.channel.recv()? {
        Some(message) => assert_eq!(message.decode::<String>()?, "listening"),
        None => eprintln!("process {} ended too early", worker.process.id()),
    }
    Ok(worker)
}
