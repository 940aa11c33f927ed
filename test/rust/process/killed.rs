//! Rust children, which are this program again, and what happens to their handles.

use std::env;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;

use crossfork::process::Command;
use crossfork::sys::inherit;
use nix::sys::signal::{SIGKILL, raise};
use serde_json::json;

use crate::faults::{assert_end, receive};
use crate::support::descriptors::{Witness, watched};
use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, start_with_channel};
use crate::support::peer::{Peer, handle_line};
use crate::support::process::{INSIDE, arguments, is_inside, with_name};

for_both_drivers!(with_name:
    a_rust_child_sends_and_receives_messages_and_handles,
    hnd_4_a_child_killed_in_the_middle_of_its_handle_leaves_nothing_open,
    hnd_6_a_handle_from_a_child_that_has_exited_is_received,
);

/// This program, for the same test.
fn again<M>(test: &str) -> Command<M> {
    Command::new(env::current_exe().unwrap()).args(arguments(test)).env(INSIDE, test)
}

fn a_rust_child_sends_and_receives_messages_and_handles<D: Parent>(test: &'static str) {
    if is_inside(test) {
        let channel = D::from_env().unwrap();
        let mut message = channel.recv().unwrap().unwrap();
        let handle = message.take_handle().unwrap().into_parts().0;
        channel.send_handle(&json!("back"), handle).unwrap();
        assert!(channel.recv().unwrap().is_none());
        std::process::exit(6);
    }
    let mut kid = start_with_channel::<D>(again(test), 3);
    let (socket, witness) = watched();
    kid.channel.send_handle(&json!("there"), socket).unwrap();
    let mut message = kid.channel.recv().unwrap().unwrap();
    assert_eq!(message.decode::<&str>().unwrap(), "back");
    witness.assert_open();
    drop(message.take_handle());
    witness.assert_closed();
    kid.channel.disconnect().unwrap();
    assert_eq!(kid.process().wait().unwrap().code(), Some(6));
}

/// The channel of a child for which the test writes raw bytes.
fn raw_channel() -> Peer {
    let number = env::var("NODE_CHANNEL_FD").unwrap().parse().unwrap();
    Peer::new(UnixStream::from(inherit::adopt(number).unwrap()))
}

/// The descriptor for the child to send, and a witness of when its last copy is closed.
fn to_be_sent() -> (OwnedFd, Witness) {
    let (given, witness) = watched();
    (given.into(), witness)
}

fn hnd_4_a_child_killed_in_the_middle_of_its_handle_leaves_nothing_open<D: Parent>(test: &'static str) {
    if is_inside(test) {
        let given = inherit::adopt(5).unwrap();
        let line = handle_line("net.Socket", "\"a socket\"");
        raw_channel().write_with(format!("\"before\"\n{}", &line[..20]), &[given.as_fd()]);
        return raise(SIGKILL).unwrap();
    }
    let (given, witness) = to_be_sent();
    let mut kid = start_with_channel::<D>(again(test).stdio(5, given), 3);
    assert_eq!(receive(&kid), json!("before"));
    assert_end(&kid);
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
    // Even while the channel is still open.
    witness.assert_closed();
}

fn hnd_6_a_handle_from_a_child_that_has_exited_is_received<D: Parent>(test: &'static str) {
    if is_inside(test) {
        let given = inherit::adopt(5).unwrap();
        raw_channel().write_with(handle_line("net.Socket", "\"a socket\""), &[given.as_fd()]);
        return raise(SIGKILL).unwrap();
    }
    let (given, witness) = to_be_sent();
    let mut kid = start_with_channel::<D>(again(test).stdio(5, given), 3);
    assert_eq!(kid.process().wait().unwrap().signal(), Some(libc::SIGKILL));
    let mut message = kid.channel.recv().unwrap().unwrap();
    assert_eq!(message.decode::<&str>().unwrap(), "a socket");
    assert!(message.take_handle().is_some());
    // The acknowledgement cannot be delivered, which is not an error.
    assert_end(&kid);
    witness.assert_closed();
}
