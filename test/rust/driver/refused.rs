//! Messages and handles that would crash or break a Node process are never sent (HND-18 to HND-21,
//! NEVER-4 to NEVER-7).

use std::fs::File;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use crossfork::HandleType::{self, *};
use crossfork::{Error, Handle, Outgoing, SendError};
use nix::sys::socket::SockType;
use serde_json::json;

use crate::support::deadline::in_time;
use crate::support::descriptors::{self as make, identity, watched};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, Peer, connect, handle_line};

in_both_modes!(in_time:
    hnd_18_hnd_19_unsendable_descriptors_are_refused_and_returned,
    hnd_21_each_type_accepts_only_the_descriptors_that_node_accepts,
    never_7_a_bound_socket_is_sent_only_to_a_peer_that_supports_it,
    never_7_a_peer_that_has_sent_a_bound_socket_supports_it,
    never_12_an_internal_message_cannot_carry_a_handle,
    a_message_that_cannot_be_encoded_returns_the_handle,
);

const TYPES: [HandleType; 5] = [NetSocket, NetServer, NetNative, DgramSocket, DgramNative];

/// Descriptors of every kind that must not be sent: a name, the descriptor, and the error's name for it.
pub fn what_cannot_travel() -> Vec<(&'static str, OwnedFd, &'static str)> {
    let (master, slave) = make::pty();
    let terminal = "a terminal or other character device";
    let mut all = vec![
        ("regular file", File::open(std::env::current_exe().unwrap()).unwrap().into(), "a file"),
        ("directory", File::open("/").unwrap().into(), "a directory"),
        ("/dev/null", File::open("/dev/null").unwrap().into(), terminal),
        ("terminal (master)", master, terminal),
        ("terminal (slave)", slave, terminal),
        ("unix datagram", make::unix_pair(SockType::Datagram), "a Unix packet socket"),
        ("unix seqpacket", make::unix_pair(SockType::SeqPacket), "a Unix packet socket"),
    ];
    #[cfg(target_os = "linux")]
    all.extend([
        ("memfd", make::memfd(), "a file"),
        ("eventfd", make::eventfd(), "not a socket or pipe"),
        ("epoll", make::epoll(), "not a socket or pipe"),
        ("O_PATH of a file", make::o_path("/proc/self/exe"), "not a socket or pipe"),
        ("O_PATH of a device", make::o_path("/dev/null"), "not a socket or pipe"),
        ("netlink", make::netlink(), "a socket of another family"),
    ]);
    all
}

/// Asserts that the channel has sent nothing yet, and still works.
fn assert_goes_on<D: Driver>(channel: &D, peer: &mut Peer) {
    channel.send(&json!("still here")).unwrap();
    assert_eq!(peer.line(), "\"still here\"");
    assert!(peer.fds.is_empty(), "a descriptor was sent");
}

fn hnd_18_hnd_19_unsendable_descriptors_are_refused_and_returned<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for (name, fd, expected) in what_cannot_travel() {
        let kept = Outgoing::keep_open(&fd).unwrap_err();
        assert_eq!(kept.kind(), ErrorKind::InvalidInput, "{name}: {kept}");
        assert!(kept.to_string().contains(expected), "{name}: {kept}");
        let taken = Handle::try_from(fd.try_clone().unwrap()).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::InvalidInput, "{name}: {taken}");
        // Declared as a type that may be sent.
        for wire_type in TYPES {
            let handle = Handle::Pipe(fd.try_clone().unwrap());
            let number = handle.as_fd().as_raw_fd();
            let unsent =
                channel.send_handle(&json!(1), Outgoing::from(handle).wire_type(wire_type)).unwrap_err();
            match unsent.error {
                Error::Send(SendError::InvalidHandle { wire_type: said, found }) => {
                    assert_eq!((said, found), (wire_type.as_str(), expected), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
            let back = unsent.handle.expect("the handle is returned");
            assert_eq!(back.as_fd().as_raw_fd(), number);
            assert_eq!(identity(&back), identity(&fd), "{name}");
            // All processes that share the file share the flag: the shell uses the terminal too (HND-16).
            assert!(!make::is_nonblocking(&back), "{name} is left as it was");
        }
    }
    #[cfg(target_os = "linux")]
    {
        // Its kind of file depends on the kernel.
        let refused = Handle::try_from(make::pidfd()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    }
    assert_goes_on(&channel, &mut peer);
}

fn hnd_21_each_type_accepts_only_the_descriptors_that_node_accepts<D: Driver>() {
    let path = std::env::temp_dir().join(format!("crossfork-refused-{}-{}", std::process::id(), D::NAME));
    let _ = std::fs::remove_file(&path);
    let unix_listener = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    let rows: [(&str, OwnedFd, &[HandleType]); 10] = [
        ("tcp", make::tcp_pair().0.into(), &[NetSocket, NetNative]),
        ("tcp listening", TcpListener::bind("127.0.0.1:0").unwrap().into(), &[NetServer, NetNative]),
        // A connection that its client has reset looks like this.
        ("tcp bound", make::tcp_bound(), &[NetSocket, NetServer, NetNative]),
        ("tcp unbound", make::tcp_unbound(), &[NetNative]),
        ("udp4", make::udp4().into(), &[DgramSocket, DgramNative]),
        ("udp6", make::udp6().into(), &[DgramSocket, DgramNative]),
        ("unix stream", UnixStream::pair().unwrap().0.into(), &[NetSocket, NetNative]),
        ("unix listening", unix_listener.into(), &[NetServer, NetNative]),
        ("pipe, reading", pipe().0, &[NetSocket, NetNative]),
        ("pipe, writing", pipe().1, &[NetSocket, NetNative]),
    ];
    let (channel, peer) = connect::<D>();
    let replying = thread::spawn({
        let count = rows.iter().map(|(_, _, fitting)| fitting.len()).sum();
        let mut peer = peer;
        move || {
            let mut sent = Vec::new();
            for _ in 0..count {
                let (line, fd) = peer.line_with_fd();
                peer.write(format!("{ACK}\n"));
                sent.push((line, identity(&fd)));
            }
            (sent, peer)
        }
    });
    let mut expected = Vec::new();
    for (name, fd, fitting) in &rows {
        for wire_type in TYPES {
            let outgoing = Outgoing::keep_open(fd).unwrap().wire_type(wire_type);
            let sent = channel.send_handle(&json!([name, wire_type.as_str()]), outgoing);
            if fitting.contains(&wire_type) {
                sent.unwrap();
                expected.push((json!([name, wire_type.as_str()]).to_string(), identity(fd)));
            } else {
                let unsent = sent.unwrap_err();
                let refused = matches!(&unsent.error, Error::Send(SendError::InvalidHandle { .. }));
                assert!(refused, "{name} as {wire_type}: {unsent:?}");
                assert_eq!(identity(unsent.handle.unwrap()), identity(fd));
            }
        }
    }
    let (sent, mut peer) = replying.join().unwrap();
    for ((line, arrived), (message, fd)) in sent.iter().zip(&expected) {
        assert!(line.contains(message), "{line} is not {message}");
        assert_eq!(arrived, fd);
    }
    assert_goes_on(&channel, &mut peer);
}

fn never_7_a_bound_socket_is_sent_only_to_a_peer_that_supports_it<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let bound = make::tcp_bound();
    let outgoing = || Outgoing::keep_open(&bound).unwrap().wire_type(NetBoundSocket);
    let unsent = channel.send_handle(&json!(1), outgoing()).unwrap_err();
    match unsent.error {
        Error::Send(SendError::UnknownToPeer { wire_type: "net.BoundSocket" }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(identity(unsent.handle.unwrap()), identity(&bound));
    assert_goes_on(&channel, &mut peer);
    channel.allow_bound_sockets();
    // The descriptor must still be a bound socket.
    let stream = Outgoing::from(make::tcp_pair().0).wire_type(NetBoundSocket);
    let unsent = channel.send_handle(&json!(1), stream).unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::InvalidHandle { .. })), "{unsent:?}");
    let sender = thread::spawn({
        let (channel, outgoing) = (channel.clone(), outgoing());
        move || channel.send_handle(&json!(1), outgoing)
    });
    assert_eq!(peer.line_with_fd().0 + "\n", handle_line("net.BoundSocket", "1"));
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
}

fn never_7_a_peer_that_has_sent_a_bound_socket_supports_it<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let bound = make::tcp_bound();
    peer.write_with(handle_line("net.BoundSocket", "1"), &[bound.as_fd()]);
    let received = channel.recv().unwrap().unwrap().take_handle().unwrap();
    assert_eq!(received.wire_type(), NetBoundSocket);
    assert_eq!(peer.line(), ACK);
    let sender = thread::spawn(move || {
        let (handle, _hold) = received.into_parts();
        channel.send_handle(&json!(2), Outgoing::from(handle).wire_type(NetBoundSocket))
    });
    let (line, fd) = peer.line_with_fd();
    assert_eq!(line + "\n", handle_line("net.BoundSocket", "2"));
    assert_eq!(identity(&fd), identity(&bound));
    peer.write(format!("{ACK}\n"));
    sender.join().unwrap().unwrap();
}

fn never_12_an_internal_message_cannot_carry_a_handle<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    for message in [
        json!({ "cmd": "NODE_CLUSTER", "act": "newconn" }),
        json!({ "cmd": "NODE_HANDLE", "type": "net.Socket", "msg": 1 }),
    ] {
        let (socket, witness) = watched();
        let unsent = channel.send_handle(&message, socket).unwrap_err();
        assert!(matches!(unsent.error, Error::Send(SendError::Reserved { .. })), "{unsent:?}");
        drop(unsent.handle.expect("the handle is returned"));
        witness.assert_closed();
    }
    assert_goes_on(&channel, &mut peer);
}

fn a_message_that_cannot_be_encoded_returns_the_handle<D: Driver>() {
    struct Unwritable;
    impl serde::Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("on purpose"))
        }
    }
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let unsent = channel.send_handle(&Unwritable, socket).unwrap_err();
    assert!(matches!(unsent.error, Error::Send(SendError::Encode(_))), "{unsent:?}");
    witness.assert_open();
    drop(unsent.handle.expect("the handle is returned"));
    witness.assert_closed();
    let unsent = channel.send(&Unwritable);
    assert!(matches!(unsent, Err(Error::Send(SendError::Encode(_)))), "{unsent:?}");
    assert_goes_on(&channel, &mut peer);
}
