//! The order of handles and messages, and a child that has no room for them.

use crossfork::process::Command;
use crossfork::{Error, Outgoing, SendError};
use serde_json::json;

use super::{Scenario, all, node, scenario};
use crate::child::{Kind, Scope, script_path};
use crate::driver::Driver;
use crate::peers::{self, Listening};

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    vec![
        scenario(all, "HND-7/11: 50 sockets between plain messages keep their places", interleaved),
        scenario(all, "HND-7: what other threads send meanwhile keeps its order", threads),
        scenario(node, "HND-9: a handle refused four times is returned, and the next one arrives", refused),
        scenario(node, "HND-9: a server that is refused comes back as well", refused_server),
    ]
}

fn interleaved<D: Driver>(t: &Scope<D>) {
    const COUNT: usize = 50;
    let child = t.peer();
    let listening = Listening::new("tcp");
    let mut clients = Vec::new();
    for i in 0..COUNT {
        let (client, accepted) = listening.connection();
        clients.push(client);
        // Of every size, so that a handle's message lies across the reader's buffers (HND-11).
        let pad = "x".repeat(i * 1400);
        child.feed(&json!({ "plain": i, "pad": pad })).expect("a message");
        child.send_handle(&json!({ "i": i, "as": "tcp", "pad": pad }), accepted.into()).expect("a handle");
    }
    for i in 0..COUNT {
        let pad = "x".repeat(i * 1400);
        child.expect(&json!({ "plain": i, "pad": pad }));
        if child.runtime.kind != Kind::Command {
            child.expect_handle(&json!({ "i": i, "as": "tcp", "pad": pad }), "net.Socket");
        }
    }
    // Each with its own descriptor: all are open, and each answers by itself.
    for mut client in clients {
        peers::converses(&child, &mut *client);
    }
}

fn threads<D: Driver>(t: &Scope<D>) {
    const PLAIN: usize = 2000;
    const HANDLES: usize = 30;
    let child = t.peer();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for i in 0..PLAIN {
                child.send(&i).expect("a message");
            }
        });
        threads.spawn(|| {
            for i in 0..HANDLES {
                let value = json!({ "i": i, "as": "udp4" });
                child.send_handle(&value, peers::udp("udp4").into()).expect("a handle");
            }
        });
        let (mut plain, mut handles) = (0, 0);
        let expected = if child.runtime.kind == Kind::Command { 0 } else { HANDLES };
        while (plain, handles) != (PLAIN, expected) {
            let value = child.value("a message or a report");
            if let Some(i) = value.as_u64() {
                assert_eq!(i as usize, plain);
                plain += 1;
            } else {
                assert_eq!(value["value"]["i"], handles, "{value}");
                handles += 1;
            }
        }
    });
    child.echo();
}

/// A child that may have few descriptors.
fn cramped<D: Driver>(t: &Scope<D>) -> crate::child::Child<D> {
    let line = r#"ulimit -n 80; exec "$0" "$@""#;
    let command = Command::<D::Mark>::shell(line).arg(&t.runtime.bin).arg(script_path("cramped.cjs"));
    t.adopt(D::spawn(command.serialization(crate::serialization()), 3).expect("a child"))
}

fn refused<D: Driver>(t: &Scope<D>) {
    let child = cramped(t);
    let listening = Listening::new("tcp");
    let (client, accepted) = listening.connection();
    assert_eq!(child.ask(json!("fill")), "full");
    let unsent = child.send_handle(&json!({ "as": "tcp" }), accepted.into()).expect_err("it is refused");
    match unsent.error {
        Error::Send(SendError::Refused { transmissions }) => assert_eq!(transmissions, 4),
        other => panic!("{other}"),
    }
    let handle = unsent.handle.expect("the handle is returned");
    assert_eq!(child.ask(json!("empty")), "empty");
    child.send_handle(&json!({ "as": "tcp" }), handle.into()).expect("it is taken now");
    child.expect_handle(&json!({ "as": "tcp" }), "net.Socket");
    peers::serves(&child, client);
}

fn refused_server<D: Driver>(t: &Scope<D>) {
    let child = cramped(t);
    let (listener, connect) = Listening::new("tcp").into_parts();
    assert_eq!(child.ask(json!("fill")), "full");
    let unsent = child.send_handle(&json!("refused"), listener.into()).expect_err("it is refused");
    let handle = Outgoing::from(unsent.handle.expect("the handle is returned"));
    assert_eq!(child.ask(json!("empty")), "empty");
    child.send_handle(&json!({ "as": "tcp-listener" }), handle).expect("it is taken now");
    child.expect_handle(&json!({ "as": "tcp-listener" }), "net.Server");
    peers::serves(&child, connect());
}
