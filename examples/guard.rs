//! A process guard: Rust keeps two Node workers alive on one listener, and gives up when they die too often.
//! `cargo run --example guard`, and `-- --once` to see a worker killed and replaced.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crossfork::blocking::{Child, Fork};
use crossfork::{Error, Outgoing, Signal};

const WORKERS: usize = 2;
const RESTARTS_A_MINUTE: usize = 10;

fn main() -> Result<(), Error> {
    let once = std::env::args().any(|arg| arg == "--once");
    // Rust never accepts. While no worker is alive, clients wait in the queue of this socket.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/ is served by Node", listener.local_addr()?);

    let (ended, exits) = mpsc::channel();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(start(&listener, &ended)?);
    }
    if once {
        request(&listener)?;
        workers[0].process.kill(Signal::KILL)?;
    }
    let mut restarts: Vec<Instant> = Vec::new();
    for pid in exits {
        println!("worker {pid} ended");
        workers.retain(|worker| worker.process.id() != pid);
        restarts.retain(|time| time.elapsed() < Duration::from_secs(60));
        if restarts.len() == RESTARTS_A_MINUTE {
            eprintln!("more than {RESTARTS_A_MINUTE} restarts in a minute: giving up");
            break;
        }
        restarts.push(Instant::now());
        workers.push(start(&listener, &ended)?);
        if once {
            request(&listener)?;
            break;
        }
    }
    workers.iter().try_for_each(|worker| worker.stop(Default::default()).map(drop))
}

/// Starts a worker, waits until it serves, and reports its end.
fn start(listener: &TcpListener, ended: &mpsc::Sender<u32>) -> Result<Arc<Child>, Error> {
    let worker = Arc::new(Fork::new("examples/node/http.js").kill_on_drop().spawn()?);
    worker.channel.send_handle("server", Outgoing::keep_open(listener)?)?;
    worker.channel.recv()?; // "listening"
    println!("worker {} serves", worker.process.id());
    let (child, ended) = (worker.clone(), ended.clone());
    thread::spawn(move || child.process.wait().is_ok() && ended.send(child.process.id()).is_ok());
    Ok(worker)
}

fn request(listener: &TcpListener) -> Result<(), Error> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    client.read_to_string(&mut response)?;
    println!("{}", response.trim_end().lines().last().unwrap_or_default());
    Ok(())
}
