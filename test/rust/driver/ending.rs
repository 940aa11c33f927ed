//! How a channel ends, from either side, and what happens to messages in flight.

#[path = "ending/waiting.rs"]
mod waiting;

use std::io::Read;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use crossfork::{Error, SendError};
use nix::poll::PollFlags;
use serde_json::json;

use crate::framing::receive;
use crate::support::deadline::{eventually, in_time, wait};
use crate::support::descriptors::{restore_sigpipe, watched};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, connect, connect_two, handle_line};

in_both_modes!(in_time:
    life_1_the_end_of_the_stream_ends_both_directions,
    life_1_a_peer_that_shuts_down_writing_has_disconnected,
    life_1_two_channels_see_each_other_disconnect,
    life_2_a_reset_is_an_end_after_the_sent_messages,
    life_2_unread_input_does_not_reset_the_peer,
    life_4_a_failed_write_does_not_lose_received_messages,
    life_3_disconnect_flushes_to_a_slow_reader,
    life_3_dropping_the_last_clone_writes_what_the_kernel_takes_and_closes,
    life_4_nothing_is_received_after_a_disconnect,
    life_5_a_handle_unread_at_disconnect_is_acknowledged_and_closed,
    life_5_a_disconnect_waits_for_the_acknowledgement_of_a_handle_in_flight,
    life_8_sending_after_the_end_is_an_error,
    life_8_an_error_after_our_own_disconnect_names_this_side,
    life_8_a_flush_reports_lost_messages,
    life_9_a_disconnect_from_a_peer_that_never_reads_can_time_out,
    life_1_a_peer_that_stops_reading_sees_our_end,
    life_4_a_reply_counts_after_the_peer_stopped_reading,
    the_handle_of_a_truncated_message_is_closed,
);

mod alone {
    use super::life_2_writing_to_a_closed_peer_does_not_raise_sigpipe;
    use crate::support::{for_both_drivers, process::alone};
    for_both_drivers!(alone: life_2_writing_to_a_closed_peer_does_not_raise_sigpipe);
}

fn is_closed(result: Result<(), Error>) -> bool {
    matches!(result, Err(Error::Send(SendError::Closed | SendError::ClosedByUs)))
}

fn life_1_the_end_of_the_stream_ends_both_directions<D: Driver>() {
    let (channel, peer) = connect::<D>();
    assert!(channel.is_connected());
    drop(peer);
    assert!(channel.recv().unwrap().is_none());
    assert!(channel.recv().unwrap().is_none(), "the channel stays closed");
    assert!(!channel.is_connected());
    assert!(is_closed(channel.send(&json!(1))));
}

fn life_1_a_peer_that_shuts_down_writing_has_disconnected<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    peer.write("\"last\"\n");
    peer.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive(&channel), json!("last"));
    assert!(channel.recv().unwrap().is_none());
    peer.assert_end();
}

fn life_1_two_channels_see_each_other_disconnect<D: Driver>() {
    let (a, b) = connect_two::<D>();
    a.send(&json!("bye")).unwrap();
    a.disconnect().unwrap();
    assert!(!a.is_connected());
    assert_eq!(receive(&b), json!("bye"));
    assert!(b.recv().unwrap().is_none());
    assert!(a.recv().unwrap().is_none());
}

fn life_2_a_reset_is_an_end_after_the_sent_messages<D: Driver>() {
    let (channel, peer) = connect::<D>();
    channel.send(&json!("the peer never reads this, which makes its close a reset")).unwrap();
    peer.write("\"last\"\n");
    drop(peer);
    assert_eq!(receive(&channel), json!("last"));
    assert!(channel.recv().unwrap().is_none());
}

fn life_2_unread_input_does_not_reset_the_peer<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.write("\"nobody reads this\"\n");
    let (socket, witness) = watched();
    peer.write_with(handle_line("net.Socket", "\"nor this\""), &[socket.as_fd()]);
    drop((channel, socket));
    let ended = (&peer.socket).read(&mut [0]);
    assert_eq!(ended.expect("the end of the stream, not a reset"), 0);
    witness.assert_closed();
}

fn life_2_writing_to_a_closed_peer_does_not_raise_sigpipe<D: Driver>() {
    restore_sigpipe();
    let (channel, peer) = connect::<D>();
    drop(peer);
    assert!(is_closed(channel.send(&json!(1))));
    // A handle is written separately.
    let (channel, peer) = connect::<D>();
    drop(peer);
    let (socket, _witness) = watched();
    assert!(is_closed(channel.send_handle(&json!(1), socket).map_err(Error::from)));
}

fn life_4_a_failed_write_does_not_lose_received_messages<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let many = 1000;
    peer.write((0..many).map(|i| format!("{i}\n")).collect::<String>());
    peer.leave();
    // EPIPE, before anything was read.
    assert!(is_closed(channel.send(&json!(1))));
    assert!(!channel.is_connected());
    for i in 0..many {
        assert_eq!(receive(&channel), json!(i));
    }
    assert!(channel.recv().unwrap().is_none());
}

fn life_3_disconnect_flushes_to_a_slow_reader<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let large = "x".repeat(5 << 20);
    let sender = thread::spawn({
        let (channel, message) = (channel.clone(), json!(large));
        move || channel.send(&message)
    });
    eventually("the message is queued", || channel.queued_bytes() > 0);
    let leaver = thread::spawn(move || {
        channel.disconnect().unwrap();
        // It is closed now, not only when the last clone is dropped.
        thread::park();
        drop(channel);
    });
    let lines = peer.rest();
    assert_eq!(lines.len(), 1);
    assert!(lines[0] == format!("\"{large}\""), "5 MiB arrive whole");
    sender.join().unwrap().unwrap();
    leaver.thread().unpark();
    leaver.join().unwrap();
}

fn life_3_dropping_the_last_clone_writes_what_the_kernel_takes_and_closes<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    channel.feed(&json!("fed")).unwrap();
    let clone = channel.clone();
    drop(channel);
    clone.feed(&json!("fed again")).unwrap();
    drop(clone);
    assert_eq!(peer.rest(), ["\"fed\"", "\"fed again\""]);
}

fn life_4_nothing_is_received_after_a_disconnect<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    peer.write("1\n2\n");
    // The second message was already read, but is not delivered.
    assert_eq!(receive(&channel), json!(1));
    peer.write("3\n");
    channel.disconnect().unwrap();
    assert!(channel.recv().unwrap().is_none());
    peer.assert_end();
}

fn life_5_a_handle_unread_at_disconnect_is_acknowledged_and_closed<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    peer.write("\"before\"\n");
    peer.write_with(handle_line("net.Socket", "1"), &[socket.as_fd()]);
    drop(socket);
    channel.disconnect().unwrap();
    assert_eq!(peer.line(), ACK);
    peer.assert_end();
    witness.assert_closed();
}

fn life_5_a_disconnect_waits_for_the_acknowledgement_of_a_handle_in_flight<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!("mine"), socket)
    });
    let (line, fd) = peer.line_with_fd();
    assert_eq!(line + "\n", handle_line("net.Socket", "\"mine\""));
    // Held behind the handle, but still sent.
    let plain = thread::spawn({
        let channel = channel.clone();
        move || channel.send(&json!("behind it"))
    });
    eventually("the message is queued", || channel.queued_bytes() > 0);
    let leaver = thread::spawn(move || channel.disconnect());
    // In the meantime the other side's handle is acknowledged.
    let (theirs, their_witness) = watched();
    peer.write_with(handle_line("net.Socket", "\"theirs\""), &[theirs.as_fd()]);
    drop(theirs);
    assert_eq!(peer.line(), ACK);
    peer.assert_quiet();
    peer.write(format!("{ACK}\n"));
    assert_eq!(peer.rest(), ["\"behind it\""]);
    sender.join().unwrap().unwrap();
    plain.join().unwrap().unwrap();
    leaver.join().unwrap().unwrap();
    drop(fd);
    witness.assert_closed();
    their_witness.assert_closed();
}

fn life_8_sending_after_the_end_is_an_error<D: Driver>() {
    let (channel, peer) = connect::<D>();
    channel.disconnect().unwrap();
    assert!(is_closed(channel.send(&json!(1))));
    assert!(is_closed(channel.feed(&json!(1))));
    channel.flush().expect("nothing was lost");
    let (socket, witness) = watched();
    let unsent = channel.send_handle(&json!(1), socket).unwrap_err();
    assert!(is_closed(Err(unsent.error)));
    witness.assert_open();
    assert!(unsent.handle.is_some(), "the handle is returned");
    channel.disconnect().expect("it was already disconnected");
    drop(peer);
}

fn life_8_an_error_after_our_own_disconnect_names_this_side<D: Driver>() {
    let (channel, _peer) = connect::<D>();
    channel.close();
    let sent = channel.send(&json!(1));
    assert!(matches!(sent, Err(Error::Send(SendError::ClosedByUs))), "{sent:?}");
    // If the peer disconnected first, the error keeps naming the peer.
    let (channel, peer) = connect::<D>();
    drop(peer);
    assert!(channel.recv().unwrap().is_none());
    channel.close();
    let sent = channel.send(&json!(1));
    assert!(matches!(sent, Err(Error::Send(SendError::Closed))), "{sent:?}");
}

fn life_8_a_flush_reports_lost_messages<D: Driver>() {
    let (channel, peer) = connect::<D>();
    channel.feed(&json!("never written")).unwrap();
    peer.leave();
    assert!(is_closed(channel.flush()));
    assert!(is_closed(channel.flush()), "a second flush reports it too");
}

fn life_9_a_disconnect_from_a_peer_that_never_reads_can_time_out<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let sender = thread::spawn({
        let channel = channel.clone();
        move || channel.send(&json!("x".repeat(5 << 20)))
    });
    eventually("the message is queued", || channel.queued_bytes() > 0);
    peer.until_a_call_waits();
    let given_up = channel.disconnect_timeout(Duration::from_millis(20));
    assert!(matches!(given_up, Err(Error::Send(SendError::TimedOut))), "{given_up:?}");
    assert!(!channel.is_connected());
    assert!(is_closed(channel.send(&json!(1))));
    if D::NAME == "blocking" {
        // Closed nevertheless: the sender was told. With futures, the drop closes it.
        assert!(is_closed(sender.join().unwrap()));
        assert!(!peer.rest_as_bytes().ends_with(b"\n"), "cut off");
    } else {
        let whole = peer.line();
        assert_eq!(whole.len(), (5 << 20) + 2);
        sender.join().unwrap().unwrap();
    }
    drop(channel);
    peer.assert_end();
}

fn life_1_a_peer_that_stops_reading_sees_our_end<D: Driver>() {
    let (channel, peer) = connect::<D>();
    peer.socket.shutdown(Shutdown::Read).unwrap();
    assert!(is_closed(channel.send(&json!(1))));
    channel.disconnect().unwrap();
    wait(&peer.socket, PollFlags::POLLHUP, "both ends are closed");
    drop(channel);
}

fn life_4_a_reply_counts_after_the_peer_stopped_reading<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let handle = thread::spawn({
        let channel = channel.clone();
        move || channel.send_handle(&json!(1), socket)
    });
    drop(peer.line_with_fd());
    peer.write(format!("{ACK}\n"));
    peer.leave();
    handle.join().unwrap().unwrap();
    witness.assert_closed();
    assert!(is_closed(channel.send(&json!(2))));
}

fn the_handle_of_a_truncated_message_is_closed<D: Driver>() {
    let (channel, peer) = connect::<D>();
    let (socket, witness) = watched();
    // As if the peer were killed while it writes.
    let line = handle_line("net.Socket", "1");
    peer.write_raw_with(&peer.encode(line.as_bytes())[..32], &[socket.as_fd()]);
    drop((socket, peer));
    assert!(channel.recv().unwrap().is_none());
    witness.assert_closed();
}
