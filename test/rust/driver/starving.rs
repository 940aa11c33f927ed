//! A process without free descriptors: each test has its own process with a low limit.

use std::fs::File;
use std::os::fd::AsFd;

use crossfork::{Error, Limits, Outgoing, ProtocolError};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::framing::receive;
use crate::support::descriptors::{identity, watched};
use crate::support::drivers::Driver;
use crate::support::in_both_modes;
use crate::support::peer::{ACK, NACK, connect, handle_line};
use crate::support::process::alone;

in_both_modes!(alone:
    hnd_6_a_handle_dropped_by_the_kernel_is_refused_and_can_be_resent,
    hnd_6_a_dropped_descriptor_is_not_replaced_by_the_next_handles_descriptor,
    hnd_6_descriptors_within_the_process_limit_are_received,
    a_channel_without_a_free_descriptor_is_an_error,
    a_handle_that_cannot_be_duplicated_is_an_error_and_the_channel_goes_on,
);

/// Opens files until the process has no free descriptor.
fn starve() -> Vec<File> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    let mut hoard = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => hoard.push(file),
            Err(e) if e.raw_os_error() == Some(libc::EMFILE) => return hoard,
            Err(e) => panic!("{e}"),
        }
    }
}

fn hnd_6_a_handle_dropped_by_the_kernel_is_refused_and_can_be_resent<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (first, witness) = watched();
    let (second, _second_witness) = watched();
    let mut hoard = starve();
    for i in 0..3 {
        peer.write_with(handle_line("net.Socket", &i.to_string()) + "\"plain\"\n", &[first.as_fd()]);
        match channel.recv() {
            Err(Error::Protocol(ProtocolError::MissingDescriptor { message })) => {
                assert_eq!(message, peer.content(&i.to_string()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(peer.line(), NACK);
        assert_eq!(receive(&channel), json!("plain"));
    }
    // One descriptor is free again. Each handle gets its own, never that of another.
    hoard.pop();
    for socket in [&first, &second] {
        peer.write_with(handle_line("net.Socket", "\"again\""), &[socket.as_fd()]);
        let mut message = channel.recv().unwrap().unwrap();
        assert_eq!(message.decode::<Value>().unwrap(), json!("again"));
        assert_eq!(identity(&*message.take_handle().unwrap()), identity(socket));
        assert_eq!(peer.line(), ACK);
    }
    drop(first);
    witness.assert_closed();
}

fn hnd_6_a_dropped_descriptor_is_not_replaced_by_the_next_handles_descriptor<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (first, _witness) = watched();
    let (second, _second_witness) = watched();
    let mut hoard = starve();
    let line = handle_line("net.Socket", "\"first\"");
    // A complete message in front shows that all of this was read while no descriptor was free.
    let text = format!("\"plain\"\n{line}");
    let bytes = peer.encode(text.as_bytes());
    let cut = bytes.len() - line.len() / 2;
    peer.write_raw_with(&bytes[..cut], &[first.as_fd()]);
    assert_eq!(receive(&channel), json!("plain"));
    hoard.clear();
    // One read may bring the end of this message and the next one with its descriptor (HND-3).
    peer.write_raw(&bytes[cut..]);
    peer.write_with(handle_line("net.Socket", "\"second\""), &[second.as_fd()]);
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::MissingDescriptor { message })) => {
            assert_eq!(message, peer.content("\"first\""));
        }
        other => panic!("{other:?}"),
    }
    let mut message = channel.recv().unwrap().unwrap();
    assert_eq!(message.decode::<Value>().unwrap(), json!("second"));
    assert_eq!(identity(&*message.take_handle().unwrap()), identity(&second));
    assert_eq!(peer.line(), NACK);
    assert_eq!(peer.line(), ACK);
}

fn hnd_6_descriptors_within_the_process_limit_are_received<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (first, _witness) = watched();
    let (other, other_witness) = watched();
    let mut hoard = starve();
    hoard.truncate(hoard.len() - 2);
    // Three arrive, two fit, and one is expected.
    peer.write_with(handle_line("net.Socket", "1"), &[first.as_fd(), other.as_fd(), other.as_fd()]);
    let mut message = channel.recv().unwrap().unwrap();
    assert_eq!(identity(&*message.take_handle().unwrap()), identity(&first));
    assert_eq!(peer.line(), ACK);
    match channel.recv() {
        Err(Error::Protocol(ProtocolError::StrayDescriptors { count: 1 })) => {}
        other => panic!("{other:?}"),
    }
    drop(other);
    other_witness.assert_closed();
    // The next handle is not affected.
    peer.write(handle_line("net.Socket", "2"));
    let missing = channel.recv();
    assert!(matches!(missing, Err(Error::Protocol(ProtocolError::MissingDescriptor { .. }))), "{missing:?}");
    assert_eq!(peer.line(), NACK);
}

fn a_channel_without_a_free_descriptor_is_an_error<D: Driver>() {
    let (ours, _theirs) = watched();
    let _hoard = starve();
    let refused = D::from_socket(ours.into(), Limits::default()).map(drop);
    assert!(matches!(&refused, Err(Error::Io(e)) if e.raw_os_error() == Some(libc::EMFILE)), "{refused:?}");
}

fn a_handle_that_cannot_be_duplicated_is_an_error_and_the_channel_goes_on<D: Driver>() {
    let (channel, mut peer) = connect::<D>();
    let (socket, witness) = watched();
    let _hoard = starve();
    let refused = Outgoing::keep_open(&socket).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
    witness.assert_open();
    channel.send(&json!("still here")).unwrap();
    assert_eq!(peer.line(), "\"still here\"");
}
