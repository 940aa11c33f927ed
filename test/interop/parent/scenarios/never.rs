//! What would end or poison a Node child is an error of ours, and the same
//! child lives on and takes handles.

use std::fs::File;
use std::os::fd::OwnedFd;

use crossfork::{Error, Handle, HandleType, Outgoing, SendError};
use nix::sys::socket::SockType;
use serde_json::json;

use super::{Scenario, all, node, scenario};
use crate::child::{Child, Kind, Scope};
use crate::driver::Driver;
use crate::peers::{self, Listening};
use crate::support::descriptors::{
    epoll, eventfd, memfd, netlink, o_path, pidfd, pty, tcp_bound, tcp_pair, tcp_unbound, unix_pair,
};

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    vec![
        scenario(all, "HND-18..21/NEVER-5/6: descriptors that cannot travel are refused here", kinds),
        scenario(
            all,
            "HND-18..21/NEVER-5/6: a descriptor sent as the wrong type is refused here",
            in_disguise,
        ),
        scenario(all, "HND-21/NEVER-7: a type that does not fit its descriptor is refused here", misfits),
        scenario(all, "INT-1/NEVER-12: a reserved cmd is refused here", |t: &Scope<D>| {
            let child = t.peer();
            for cmd in ["NODE_FOO", "NODE_HANDLE", "NODE_HANDLE_ACK", "NODE_CLUSTER", "NODE_SOCKET_COUNT"] {
                match child.send(&json!({ "cmd": cmd })) {
                    Err(Error::Send(SendError::Reserved { cmd: named })) => assert_eq!(named, cmd),
                    other => panic!("{other:?}"),
                }
                lives(&child);
            }
        }),
        scenario(all, "INT-1/NEVER-12: a reserved cmd with a handle is refused here", |t: &Scope<D>| {
            let child = t.peer();
            let socket = peers::udp("udp4");
            let port = socket.local_addr().unwrap().port();
            let unsent = child.send_handle(&json!({ "cmd": "NODE_CLUSTER" }), socket.into()).unwrap_err();
            assert!(matches!(unsent.error, Error::Send(SendError::Reserved { .. })), "{}", unsent.error);
            let Some(Handle::UdpSocket(socket)) = unsent.handle else { panic!("the handle is returned") };
            assert_eq!(socket.local_addr().unwrap().port(), port);
            lives(&child);
        }),
        scenario(
            all,
            "NEVER-7: net.BoundSocket is refused until the peer is known to support it",
            |t: &Scope<D>| {
                let child = t.peer();
                let outgoing = Outgoing::from(peers::bound().0).wire_type(HandleType::NetBoundSocket);
                let unsent = child.send_handle(&json!("bound"), outgoing).unwrap_err();
                assert!(
                    matches!(unsent.error, Error::Send(SendError::UnknownToPeer { .. })),
                    "{}",
                    unsent.error
                );
                assert!(unsent.handle.is_some());
                lives(&child);
            },
        ),
        scenario(all, "NEVER-1: a value that is no JSON is refused here", |t: &Scope<D>| {
            let child = t.peer();
            let error = child.send(&std::collections::BTreeMap::from([(vec![1], 2)])).unwrap_err();
            assert!(matches!(error, Error::Send(SendError::Encode(_))), "{error}");
            lives(&child);
        })
        .in_json(),
        scenario(
            all,
            "NEVER-1/SER-11: pretty JSON and line ends inside a raw value are sent on one line",
            |t: &Scope<D>| {
                let child = t.peer();
                let raw =
                    serde_json::value::RawValue::from_string("{\n  \"a\": [1,\r\n 2]\n}".into()).unwrap();
                match child.send(&raw) {
                    Ok(()) => child.expect(&json!({ "a": [1, 2] })),
                    Err(e) => assert!(matches!(e, Error::Send(_)), "{e}"),
                }
                lives(&child);
            },
        )
        .in_json(),
        scenario(
            node,
            "NEVER-4/HND-12: twenty handles from the child are answered once each",
            |t: &Scope<D>| {
                let child = t.peer();
                child.request("net.Socket", 20, "tcp");
                for index in 0..20 {
                    drop(child.take("net.Socket", index));
                }
                lives(&child);
            },
        ),
    ]
}

/// A file that is surely there.
fn own_program() -> String {
    std::env::current_exe().unwrap().to_string_lossy().into_owned()
}

fn cannot_travel() -> Vec<(&'static str, OwnedFd)> {
    let (master, slave) = pty();
    vec![
        ("a file", File::open(own_program()).unwrap().into()),
        ("a memfd", memfd()),
        ("/dev/null", File::open("/dev/null").unwrap().into()),
        ("a terminal's master", master),
        ("a terminal's slave", slave),
        ("a directory", File::open("/").unwrap().into()),
        ("O_PATH", o_path(&own_program())),
        ("an eventfd", eventfd()),
        ("an epoll", epoll()),
        ("a pidfd", pidfd()),
        ("a netlink socket", netlink()),
        ("Unix datagrams", unix_pair(SockType::Datagram)),
        ("Unix packets", unix_pair(SockType::SeqPacket)),
    ]
}

fn kinds<D: Driver>(t: &Scope<D>) {
    let child = t.peer();
    for (what, fd) in cannot_travel() {
        assert!(Outgoing::keep_open(&fd).is_err(), "{what}");
        let error = Handle::try_from(fd).expect_err(what);
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{what}");
    }
    lives(&child);
}

fn in_disguise<D: Driver>(t: &Scope<D>) {
    let child = t.peer();
    let guises: [fn(OwnedFd) -> Handle; 7] = [
        |fd| Handle::TcpStream(fd.into()),
        |fd| Handle::TcpListener(fd.into()),
        |fd| Handle::UnixStream(fd.into()),
        |fd| Handle::UnixListener(fd.into()),
        |fd| Handle::UdpSocket(fd.into()),
        Handle::Pipe,
        Handle::TcpBound,
    ];
    for guise in guises {
        for (what, fd) in cannot_travel() {
            refuses(&child, what, guise(fd).into());
        }
    }
    lives(&child);
}

type Make<'a> = &'a dyn Fn() -> Handle;

fn misfits<D: Driver>(t: &Scope<D>) {
    let child = t.peer();
    let stream = || Handle::from(tcp_pair().0);
    let tcp_listener = || Listening::new("tcp").into_parts().0;
    let unix_listener = || Listening::new("unix").into_parts().0;
    let unix = || Handle::from(std::os::unix::net::UnixStream::pair().unwrap().0);
    let udp = || Handle::from(peers::udp("udp6"));
    let fifo = || Handle::Pipe(std::io::pipe().unwrap().0.into());
    let unbound = || Handle::TcpBound(tcp_unbound());
    let pairs: Vec<(&str, Make, &[HandleType])> = {
        use HandleType::*;
        vec![
            ("a TCP connection", &stream, &[NetServer, DgramSocket, DgramNative, NetBoundSocket]),
            ("a TCP listener", &tcp_listener, &[NetSocket, DgramSocket, DgramNative, NetBoundSocket]),
            ("a Unix connection", &unix, &[NetServer, DgramSocket, DgramNative, NetBoundSocket]),
            ("a Unix listener", &unix_listener, &[NetSocket, DgramSocket, DgramNative, NetBoundSocket]),
            ("a UDP socket", &udp, &[NetSocket, NetServer, NetNative, NetBoundSocket]),
            ("a FIFO", &fifo, &[NetServer, DgramSocket, DgramNative, NetBoundSocket]),
            (
                "an unbound socket",
                &unbound,
                &[NetSocket, NetServer, DgramSocket, DgramNative, NetBoundSocket],
            ),
            ("a bound socket", &|| Handle::TcpBound(tcp_bound()), &[DgramSocket, DgramNative]),
        ]
    };
    for (what, make, wire_types) in pairs {
        for wire_type in wire_types {
            refuses(&child, &format!("{what} as {wire_type}"), Outgoing::from(make()).wire_type(*wire_type));
        }
    }
    lives(&child);
}

fn refuses<D: Driver>(child: &Child<D>, what: &str, outgoing: Outgoing) {
    let unsent = child.send_handle(&json!(what), outgoing).expect_err(what);
    let refused = matches!(
        unsent.error,
        Error::Send(SendError::InvalidHandle { .. } | SendError::UnknownToPeer { .. })
    );
    assert!(refused, "{what}: {}", unsent.error);
    assert!(unsent.handle.is_some(), "{what}: the handle comes back");
}

/// The child answers, and a handle still reaches it as itself.
fn lives<D: Driver>(child: &Child<D>) {
    child.echo();
    let (client, accepted) = Listening::new("tcp").connection();
    child.give(accepted, "net.Socket", "tcp");
    if child.runtime.kind != Kind::Command {
        peers::serves(child, client);
    }
}
