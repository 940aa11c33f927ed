//! The least that a primary has to do for each connection, to see how far ours is from it:
//! `bench-cluster-limit WORKERS NODE SCRIPT`. It accepts, sends, reads the answer and closes; it
//! checks nothing, and knows no more of the protocol than this one worker needs.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{ControlMessage, MsgFlags, recvmsg, sendmsg};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LISTENER: u64 = u64::MAX;
const KEY: &str = "it";

struct Worker {
    channel: UnixStream,
    process: Child,
    /// It was offered this connection, and has not accepted it.
    offered: Option<TcpStream>,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [count, node, script] = &args[..] else {
        return Err("usage: bench-cluster-limit WORKERS NODE SCRIPT".into());
    };
    let port: u16 = std::env::var("PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;

    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut workers = Vec::new();
    for id in 1..=count.parse()? {
        let worker = start(node, script, id)?;
        epoll.add(&worker.channel, EpollEvent::new(EpollFlags::EPOLLIN, workers.len() as u64))?;
        workers.push(worker);
    }
    let mut free = VecDeque::new();
    let mut watched = true;
    let mut events = [EpollEvent::empty(); 16];
    loop {
        let n = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            n => n?,
        };
        for event in events[..n].iter().filter(|event| event.data() != LISTENER) {
            let index = event.data() as usize;
            match hear(&mut workers[index], port)? {
                Heard::Accepts => free.push_back(index),
                Heard::Else => {}
                Heard::End => return end(workers),
            }
        }
        // Connections that nobody can take yet wait in the kernel, and wake nobody.
        let watch = loop {
            let Some(index) = free.front() else {
                break false;
            };
            if !offer(&listener, &mut workers[*index])? {
                break true;
            }
            free.pop_front();
        };
        if watch != watched {
            watched = watch;
            let events = if watch { EpollFlags::EPOLLIN } else { EpollFlags::empty() };
            epoll.modify(&listener, &mut EpollEvent::new(events, LISTENER))?;
        }
    }
}

fn start(node: &str, script: &str, id: u32) -> Result<Worker> {
    let (channel, theirs) = UnixStream::pair()?;
    let process = Command::new(node)
        .arg(script)
        .env("NODE_UNIQUE_ID", id.to_string())
        .env("NODE_CHANNEL_FD", "0")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    Ok(Worker { channel, process, offered: None })
}

/// Accepts a connection, if there is one, and offers it to the worker.
fn offer(listener: &TcpListener, worker: &mut Worker) -> Result<bool> {
    let connection = match listener.accept() {
        Ok((connection, _)) => connection,
        Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
        Err(e) => return Err(e.into()),
    };
    connection.set_nonblocking(true)?;
    let message = format!(
        "{{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Native\",\"msg\":{{\"cmd\":\"NODE_CLUSTER\",\"act\":\"newconn\",\"key\":\"{KEY}\",\"seq\":0}}}}\n"
    );
    let fds = [connection.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(
        worker.channel.as_raw_fd(),
        &[IoSlice::new(message.as_bytes())],
        &rights,
        MsgFlags::empty(),
        None,
    )?;
    worker.offered = Some(connection);
    Ok(true)
}

enum Heard {
    /// It can be offered a connection.
    Accepts,
    Else,
    End,
}

/// Reads what the worker says, and answers if it asks.
fn hear(worker: &mut Worker, port: u16) -> Result<Heard> {
    let mut buffer = [0; 16 * 1024];
    let mut room = [IoSliceMut::new(&mut buffer)];
    let n = recvmsg::<()>(worker.channel.as_raw_fd(), &mut room, None, MsgFlags::empty())?.bytes;
    let mut heard = if n == 0 { Heard::End } else { Heard::Else };
    for line in buffer[..n].split_inclusive(|byte| *byte == b'\n') {
        // The rest of a line that was read in parts is not expected of this worker.
        let message: Value = serde_json::from_slice(line)?;
        if message["act"] == "queryServer" {
            let name = json!({ "address": "127.0.0.1", "family": "IPv4", "port": port });
            let reply = json!({ "cmd": "NODE_CLUSTER", "ack": message["seq"], "key": KEY, "sockname": name });
            writeln!(worker.channel, "{reply}")?;
        } else if message["act"] == "listening" {
            heard = Heard::Accepts;
        } else if message["accepted"] == true {
            worker.offered = None;
            heard = Heard::Accepts;
        }
    }
    Ok(heard)
}

fn end(workers: Vec<Worker>) -> Result<()> {
    for mut worker in workers {
        worker.process.kill()?;
        worker.process.wait()?;
    }
    Ok(())
}
