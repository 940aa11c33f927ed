//! Child to parent: every type of handle arrives as what it is, and works.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crossfork::{Handle, Signal};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{Backlog, listen};
use serde_json::json;

use super::{Scenario, all, bound_sockets, node, scenario};
use crate::child::{Child, Kind, Scope};
use crate::driver::{Driver, patience};
use crate::peers;
use crate::proc::is_stopped;

const COUNT: usize = 3;

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let mut list = Vec::new();
    for via in ["tcp", "unix"] {
        for wire_type in ["net.Socket", "net.Native"] {
            list.push(scenario(
                all,
                format!("HND-1/6/16: {wire_type} ({via}) is connected"),
                move |t: &Scope<D>| {
                    let child = t.peer();
                    for handle in take(&child, wire_type, via) {
                        let mut stream = peers::blocking(handle);
                        peers::write(&mut *stream, "ping\n");
                        // The Rust children greet.
                        let text = peers::read_to(&mut *stream, "ping\n");
                        assert!(text == "ping\n" || text == "hello from rust\nping\n", "{text:?}");
                    }
                },
            ));
        }
        list.push(scenario(all, format!("HND-1/6/16: net.Server ({via}) accepts"), move |t: &Scope<D>| {
            take_alone(&t.peer(), "net.Server", via).into_iter().for_each(accepts);
        }));
    }
    for via in ["udp4", "udp6"] {
        for wire_type in ["dgram.Socket", "dgram.Native"] {
            list.push(scenario(
                all,
                format!("HND-1/6/16: {wire_type} ({via}) receives"),
                move |t: &Scope<D>| {
                    for handle in take_alone(&t.peer(), wire_type, via) {
                        receives(handle, via);
                    }
                },
            ));
        }
    }
    list.push(scenario(bound_sockets, "HND-1/6/16: net.BoundSocket can listen", |t: &Scope<D>| {
        let child = t.peer();
        for handle in take_alone(&child, "net.BoundSocket", "tcp") {
            let Handle::TcpBound(fd) = handle else { panic!("{handle:?}") };
            listen(&fd, Backlog::new(8).unwrap()).expect("a listener");
            accepts(Handle::TcpListener(fd.into()));
        }
    }));
    list.push(scenario(node, "HND-1/6: what has sent a net.BoundSocket may be sent one", |t: &Scope<D>| {
        if t.runtime.major < 26 {
            return;
        }
        let child = t.peer();
        for handle in take(&child, "net.BoundSocket", "tcp") {
            let outgoing = crossfork::Outgoing::from(handle).wire_type(crossfork::HandleType::NetBoundSocket);
            child.give(outgoing, "net.BoundSocket", "tcp-bound");
        }
    }));
    list.push(scenario(all, "HND-7: 50 connections arrive in order", fifty));
    list.push(scenario(
        node,
        "HND-10/12: a double-wrapped message is answered once and delivered once",
        |t: &Scope<D>| {
            let child = t.peer();
            for _ in 0..COUNT {
                child.send(&json!({ "op": "send-wrapped" })).expect("a request");
                let mut message = child.receive("the inner message");
                assert_eq!(message.decode::<&str>().expect("a text"), "inner");
                let handle = message.take_handle().expect("a handle");
                assert_eq!(handle.wire_type().as_str(), "net.Socket");
                // A second answer would end the child.
                child.echo();
            }
        },
    ));
    list
}

fn take<D: Driver>(child: &Child<D>, wire_type: &str, via: &str) -> Vec<Handle> {
    child.request(wire_type, COUNT, via);
    let take = |index| {
        let (handle, hold) = child.take(wire_type, index).into_parts();
        // HND-16
        let flags = OFlag::from_bits_retain(fcntl(handle.as_fd(), FcntlArg::F_GETFL).expect("flags"));
        assert!(flags.contains(OFlag::O_NONBLOCK), "it is blocking");
        drop(hold);
        handle
    };
    let handles = (0..COUNT).map(take).collect();
    child.echo();
    handles
}

/// Takes what the child has as well (HND-13), and would use before us.
fn take_alone<D: Driver>(child: &Child<D>, wire_type: &str, via: &str) -> Vec<Handle> {
    let handles = take(child, wire_type, via);
    child.kill(Signal::from_name("SIGSTOP").unwrap());
    peers::until("it has stopped", || is_stopped(child.id()));
    handles
}

fn accepts(handle: Handle) {
    match handle {
        Handle::TcpListener(listener) => {
            let address = listener.local_addr().expect("an address");
            let mut client = peers::dial(address.port());
            listener.set_nonblocking(false).expect("a mode");
            let (mut accepted, _) = listener.accept().expect("a connection");
            peers::write(&mut accepted, "hello from the parent\n");
            assert_eq!(peers::read_to(&mut *client, "\n"), "hello from the parent\n");
        }
        Handle::UnixListener(listener) => {
            let address = listener.local_addr().expect("an address");
            let mut client = UnixStream::connect_addr(&address).expect("a connection");
            listener.set_nonblocking(false).expect("a mode");
            let (mut accepted, _) = listener.accept().expect("a connection");
            peers::write(&mut accepted, "hello from the parent\n");
            assert_eq!(peers::read_to(&mut client, "\n"), "hello from the parent\n");
        }
        other => panic!("{other:?} does not listen"),
    }
}

fn receives(handle: Handle, via: &str) {
    let Handle::UdpSocket(socket) = handle else { panic!("{handle:?}") };
    socket.set_nonblocking(false).expect("a mode");
    socket.set_read_timeout(Some(patience())).expect("a timeout");
    let address = socket.local_addr().expect("an address");
    assert_eq!(address.is_ipv6(), via == "udp6");
    let client = peers::udp(via);
    client
        .send_to(b"ping", SocketAddr::new(client.local_addr().unwrap().ip(), address.port()))
        .expect("a datagram");
    let mut buffer = [0; 10];
    let (length, _) = socket.recv_from(&mut buffer).expect("the datagram");
    assert_eq!(&buffer[..length], b"ping");
}

fn fifty<D: Driver>(t: &Scope<D>) {
    let child = t.peer();
    child.request("net.Socket", 50, "tcp");
    for index in 0..50 {
        let mut stream = peers::blocking(child.take("net.Socket", index).into_parts().0);
        peers::write(&mut *stream, "ping\n");
        assert!(peers::read_to(&mut *stream, "ping\n").ends_with("ping\n"));
    }
    if child.runtime.kind != Kind::Command {
        child.echo();
    }
}
