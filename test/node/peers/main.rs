//! A peer in Rust: the same parts as peer.py, through `crossfork::fd` alone.

use std::fs::File;
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};

use crossfork::fd::{self, SocketType};

fn main() -> io::Result<()> {
    let args: Vec<_> = std::env::args().collect();
    let kind = if args[2] == "stream" { SocketType::Stream } else { SocketType::SeqPacket };
    let socket = fd::connect(args[3].as_bytes(), kind)?;
    let mut buffer = vec![0; 65536];
    loop {
        let received = fd::recv(&socket, &mut buffer, fd::MAX_FDS)?;
        if received.end {
            return Ok(());
        }
        let bytes = &buffer[..received.len];
        match args[1].as_str() {
            "echo" => {
                let fds: Vec<BorrowedFd<'_>> = received.fds.iter().map(AsFd::as_fd).collect();
                fd::send(&socket, bytes, &fds)?;
            }
            "read" => {
                let mut text = Vec::new();
                let file = received.fds.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
                File::from(file).read_to_end(&mut text)?;
                fd::send(&socket, &text, &[])?;
            }
            _ => {
                // serve: answers one connection after the other.
                let server = received.fds.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
                fd::set_nonblocking(&server, false)?;
                let server = TcpListener::from(server);
                fd::send(&socket, std::process::id().to_string().as_bytes(), &[])?;
                for connection in server.incoming() {
                    let answer = format!("from {}", std::process::id());
                    io::Write::write_all(&mut connection?, answer.as_bytes())?;
                }
            }
        }
    }
}
