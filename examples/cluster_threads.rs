//! A worker of Node's cluster that needs no async runtime: a thread for each connection.
//! `node examples/cluster_threads.js` is its primary.

use std::io::Write;

use crossfork::{Error, blocking::cluster::Worker};

fn main() -> Result<(), Error> {
    let worker = Worker::from_env()?;
    let address = std::env::args().nth(1).expect("an address to listen on");
    let listener = worker.listen(address)?;
    while let Some(mut client) = listener.accept()? {
        std::thread::spawn(move || client.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello from Rust\n"));
    }
    worker.closed(); // graceful shutdown: the primary asked to stop, and the last connection is closed
    Ok(())
}
