//! Parent to child: every type of handle arrives, and a real client is served
//! through it.

use crossfork::{Handle, HandleType, Outgoing};
use serde_json::json;

use super::{Scenario, all, bound_sockets, scenario, told};
use crate::child::Scope;
use crate::driver::Driver;
use crate::peers::{self, Listening};

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let mut list = Vec::new();
    for family in ["tcp", "unix"] {
        list.extend(streams(family));
    }
    for via in ["udp4", "udp6"] {
        for wire_type in [HandleType::DgramSocket, HandleType::DgramNative] {
            list.push(scenario(all, format!("HND-1/6: {wire_type} ({via})"), move |t: &Scope<D>| {
                let child = t.peer();
                let socket = peers::udp(via);
                let port = socket.local_addr().unwrap().port();
                child.give(Outgoing::from(socket).wire_type(wire_type), wire_type.as_str(), via);
                peers::echoes_datagrams(via, port);
            }));
        }
    }
    for wire_type in [HandleType::NetNative, HandleType::NetSocket] {
        let name = format!("HND-1/6: {wire_type} (FIFO), the end that is written to");
        list.push(scenario(told, name, move |t: &Scope<D>| {
            let child = t.peer();
            let (mut reader, writer) = std::io::pipe().expect("a pipe");
            let fifo = Outgoing::from(Handle::Pipe(writer.into())).wire_type(wire_type);
            child.give(fifo, wire_type.as_str(), "fifo");
            assert!(peers::read_to(&mut reader, "\n").starts_with("hello from"));
        }));
    }
    list.push(scenario(bound_sockets, "HND-1/6: net.BoundSocket", |t: &Scope<D>| {
        let child = t.peer();
        child.allow_bound_sockets();
        let (handle, port) = peers::bound();
        let bound = Outgoing::from(handle).wire_type(HandleType::NetBoundSocket);
        child.give(bound, "net.BoundSocket", "tcp-bound");
        child.echo(); // a Rust child has told of it before it listens
        peers::serves(&child, peers::dial(port));
    }));
    list.push(scenario(all, "HND-1: two children share one server", two_children));
    list.push(scenario(told, "HND-1: the message of a handle may be any JSON value", |t: &Scope<D>| {
        let child = t.peer();
        let long = json!("x".repeat(200_000));
        for value in [json!(null), json!(0), json!([]), json!({ "cmd": "NODE_" }), long] {
            child.send_handle(&value, peers::udp("udp4").into()).expect("a handle");
            child.expect_handle(&value, "dgram.Socket");
        }
    }));
    list
}

fn streams<D: Driver>(family: &'static str) -> Vec<Scenario<D>> {
    let listener = |wire_type: HandleType| {
        scenario(all, format!("HND-1/6/23: {wire_type} ({family}), a listener"), move |t: &Scope<D>| {
            let child = t.peer();
            let (listener, connect) = Listening::new(family).into_parts();
            let outgoing = Outgoing::from(listener).wire_type(wire_type);
            child.give(outgoing, wire_type.as_str(), &format!("{family}-listener"));
            // HND-23: it accepts without waiting, and answers meanwhile.
            child.echo();
            for _ in 0..3 {
                peers::serves(&child, connect());
            }
            child.echo();
        })
    };
    let connection = |wire_type: HandleType| {
        scenario(all, format!("HND-1/6: {wire_type} ({family}), a connection"), move |t: &Scope<D>| {
            let child = t.peer();
            let (client, accepted) = Listening::new(family).connection();
            let outgoing = Outgoing::from(accepted).wire_type(wire_type);
            child.give(outgoing, wire_type.as_str(), family);
            peers::serves(&child, client);
        })
    };
    vec![
        listener(HandleType::NetServer),
        listener(HandleType::NetNative),
        connection(HandleType::NetSocket),
        connection(HandleType::NetNative),
        scenario(
            all,
            format!("HND-13: a {family} connection sent with keep_open belongs to both"),
            move |t: &Scope<D>| {
                let child = t.peer();
                let (mut client, accepted) = Listening::new(family).connection();
                child.give(Outgoing::keep_open(&accepted).expect("a copy"), "net.Socket", family);
                peers::converses(&child, &mut *client);
                let mut ours = peers::blocking(accepted);
                peers::write(&mut *ours, "hello from the parent\n");
                drop(ours);
                assert_eq!(peers::read_to(&mut *client, "\n"), "hello from the parent\n");
            },
        ),
        scenario(
            all,
            format!("HND-13: after the acknowledgement we have no copy ({family})"),
            move |t: &Scope<D>| {
                let child = t.peer();
                child.echo();
                let listening = Listening::new(family);
                let mut clients = Vec::new();
                let before = crate::proc::open_descriptors();
                for _ in 0..5 {
                    let (client, accepted) = listening.connection();
                    child.give(accepted, "net.Socket", family);
                    clients.push(client);
                }
                assert_eq!(crate::proc::open_descriptors(), before + clients.len());
            },
        ),
    ]
}

fn two_children<D: Driver>(t: &Scope<D>) {
    let children = [t.peer(), t.peer()];
    let listening = Listening::new("tcp");
    for child in &children {
        child.give(listening.keep_open(), "net.Server", "tcp-listener");
    }
    let (listener, connect) = listening.into_parts();
    drop(listener);
    // The remaining child serves.
    children[0].kill(crossfork::Signal::KILL);
    children[0].dies_by(crossfork::Signal::KILL);
    for _ in 0..3 {
        peers::serves(&children[1], connect());
    }
}
