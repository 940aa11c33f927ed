use std::fs::File;
use std::io::{ErrorKind, IoSlice, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use crossfork::sys::scm::{MAX_FDS, Received, recv, send};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::descriptors::{identity, is_cloexec, restore_sigpipe, send_many, watched};
use crate::support::process::alone;

/// Reads once into a large buffer.
fn read(socket: &UnixStream) -> (std::io::Result<Received>, String, Vec<OwnedFd>) {
    read_at_most(socket, 4096)
}

fn read_at_most(socket: &UnixStream, room: usize) -> (std::io::Result<Received>, String, Vec<OwnedFd>) {
    let mut buffer = BytesMut::with_capacity(room);
    // An allocation may be larger than requested.
    let filler = buffer.capacity() - room;
    buffer.resize(filler, b'-');
    let mut fds = Vec::new();
    let received = recv(socket.as_fd(), &mut buffer, &mut fds);
    (received, String::from_utf8(buffer[filler..].to_vec()).unwrap(), fds)
}

fn write(socket: &UnixStream, text: &str, fd: Option<&UnixStream>) -> usize {
    send(socket.as_fd(), &[IoSlice::new(text.as_bytes())], fd.map(|fd| fd.as_fd())).unwrap()
}

#[test]
fn bytes_without_a_descriptor_arrive_without_one() {
    let (a, b) = UnixStream::pair().unwrap();
    assert_eq!(write(&a, "text", None), 4);
    let (received, text, fds) = read(&b);
    assert_eq!(received.unwrap(), Received { len: 4, truncated: false });
    assert_eq!(text, "text");
    assert!(fds.is_empty());
}

#[test]
fn hnd_2_a_descriptor_arrives_with_the_bytes_and_is_close_on_exec() {
    let (a, b) = UnixStream::pair().unwrap();
    let (socket, witness) = watched();
    write(&a, "text", Some(&socket));
    let (received, text, fds) = read(&b);
    assert_eq!(received.unwrap(), Received { len: 4, truncated: false });
    assert_eq!(text, "text");
    assert_eq!(fds.len(), 1);
    assert_eq!(identity(&fds[0]), identity(&socket));
    assert!(is_cloexec(&fds[0]));
    drop((socket, fds));
    witness.assert_closed();
}

#[test]
fn hnd_3_a_read_ends_with_the_write_that_carried_a_descriptor() {
    let (a, b) = UnixStream::pair().unwrap();
    let (first, _w1) = watched();
    let (second, _w2) = watched();
    write(&a, "plain;", None);
    write(&a, "first;", Some(&first));
    write(&a, "second;", Some(&second));
    write(&a, "plain;", None);
    for (expected, fd) in [("plain;first;", &first), ("second;", &second)] {
        let (_, text, fds) = read(&b);
        assert_eq!((text.as_str(), fds.len()), (expected, 1));
        assert_eq!(identity(&fds[0]), identity(fd));
    }
    let (_, text, fds) = read(&b);
    assert_eq!((text.as_str(), fds.len()), ("plain;", 0));
}

#[test]
fn hnd_3_a_descriptor_arrives_with_its_first_byte_even_if_one_byte_is_read() {
    let (a, b) = UnixStream::pair().unwrap();
    let (socket, _witness) = watched();
    write(&a, "text", Some(&socket));
    let came: Vec<_> = (0..4)
        .map(|_| {
            let (received, text, fds) = read_at_most(&b, 1);
            assert_eq!(received.unwrap().len, 1);
            (text, fds.len())
        })
        .collect();
    let expected = [("t", 1), ("e", 0), ("x", 0), ("t", 0)];
    assert_eq!(came, expected.map(|(text, fds)| (text.to_owned(), fds)));
}

#[test]
fn bytes_are_appended_to_the_existing_contents() {
    let (a, b) = UnixStream::pair().unwrap();
    let mut buffer = BytesMut::with_capacity(100);
    buffer.extend_from_slice(b"old ");
    let mut fds = vec![OwnedFd::from(watched().0)];
    write(&a, "new", Some(&watched().0));
    recv(b.as_fd(), &mut buffer, &mut fds).unwrap();
    assert_eq!(&buffer[..], b"old new");
    assert_eq!(fds.len(), 2);
}

#[test]
fn hnd_4_all_descriptors_of_a_message_fit() {
    let (a, b) = UnixStream::pair().unwrap();
    let (socket, witness) = watched();
    assert_eq!(MAX_FDS, 253);
    assert_eq!(send_many(a.as_fd(), b"x", &[socket.as_fd(); MAX_FDS]).unwrap(), 1);
    let (received, _, fds) = read(&b);
    assert_eq!(received.unwrap(), Received { len: 1, truncated: false });
    assert_eq!(fds.len(), MAX_FDS);
    assert!(fds.iter().all(|fd| identity(fd) == identity(&socket) && is_cloexec(fd)));
    drop((socket, fds));
    witness.assert_closed();
    // The kernel rejects one more.
    let (socket, _witness) = watched();
    assert!(send_many(a.as_fd(), b"x", &[socket.as_fd(); MAX_FDS + 1]).is_err());
}

#[test]
fn several_slices_are_one_message() {
    let (a, b) = UnixStream::pair().unwrap();
    let (socket, _witness) = watched();
    let slices = ["a", "", "bc", "d"].map(|text| IoSlice::new(text.as_bytes()));
    assert_eq!(send(a.as_fd(), &slices, Some(socket.as_fd())).unwrap(), 4);
    let (_, text, fds) = read(&b);
    assert_eq!((text.as_str(), fds.len()), ("abcd", 1));
}

#[test]
fn send_and_recv_never_wait() {
    let (a, b) = UnixStream::pair().unwrap();
    let (received, text, fds) = read(&b);
    assert_eq!(received.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(text.is_empty() && fds.is_empty());
    let full = [0; 1 << 16];
    let (socket, _witness) = watched();
    let mut written = 0;
    let error = loop {
        match send(a.as_fd(), &[IoSlice::new(&full)], None) {
            // The last write is partial.
            Ok(n) => written += n,
            Err(e) => break e,
        }
        assert!(written < 1 << 30);
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let refused = send(a.as_fd(), &[IoSlice::new(b"x")], Some(socket.as_fd()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn the_end_is_a_read_of_0_bytes_and_a_reset_is_an_error() {
    let (a, b) = UnixStream::pair().unwrap();
    write(&a, "last", None);
    a.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read(&b).1, "last");
    assert_eq!(read(&b).0.unwrap(), Received { len: 0, truncated: false });
    (&b).write_all(b"unread").unwrap();
    drop(a);
    assert_eq!(read(&b).0.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn life_2_writing_without_a_reader_is_an_error_without_sigpipe() {
    alone(concat!(module_path!(), "::life_2_writing_without_a_reader_is_an_error_without_sigpipe"), || {
        restore_sigpipe();
        let (a, b) = UnixStream::pair().unwrap();
        drop(b);
        let (socket, _witness) = watched();
        for fd in [None, Some(socket.as_fd())] {
            let error = send(a.as_fd(), &[IoSlice::new(b"x")], fd).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn hnd_6_descriptors_that_the_kernel_drops_are_reported() {
    alone(concat!(module_path!(), "::hnd_6_descriptors_that_the_kernel_drops_are_reported"), || {
        let (a, b) = UnixStream::pair().unwrap();
        let (socket, witness) = watched();
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
        let mut hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        for free in [0, 1, 2] {
            send_many(a.as_fd(), b"text", &[socket.as_fd(); 3]).unwrap();
            let (received, text, fds) = read(&b);
            assert_eq!(received.unwrap(), Received { len: 4, truncated: true });
            assert_eq!((text.as_str(), fds.len()), ("text", free));
            drop(fds);
            hoard.pop();
        }
        send_many(a.as_fd(), b"text", &[socket.as_fd(); 3]).unwrap();
        let (received, _, fds) = read(&b);
        assert_eq!((received.unwrap().truncated, fds.len()), (false, 3));
        drop((fds, socket));
        witness.assert_closed();
    });
}
