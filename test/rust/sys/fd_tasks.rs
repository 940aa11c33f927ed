//! Behaviour that only `crossfork::tokio::fd` has: cancel safety, and taking ownership of sockets.

use std::fs::File;
use std::future::{poll_fn, ready};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crossfork::fd::{SocketType, nonblocking, try_recv, try_send};
use crossfork::tokio::fd::{self, Socket};

use crate::support::descriptors::is_nonblocking;
use crate::support::names::abstract_name;

const TYPES: [SocketType; 3] = [SocketType::Stream, SocketType::SeqPacket, SocketType::Dgram];

/// Polls a call once, and drops its future. The call must not have returned.
async fn cancel<T>(call: impl Future<Output = T>) {
    let mut call = pin!(call);
    let returned = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
    assert!(!returned, "the call returned without waiting");
    // Lets other tasks run while the call still exists and can be woken.
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_recv_that_is_cancelled_takes_nothing() {
    for kind in TYPES {
        let (a, b) = fd::pair(kind).unwrap();
        let mut buffer = [0; 64];
        for _ in 0..3 {
            cancel(fd::recv(&b, &mut buffer, 1)).await;
        }
        let file = File::open("/").unwrap();
        fd::send(&a, b"whole", &[file.as_fd()]).await.unwrap();
        // select! may drop a branch that is ready.
        tokio::select! {
            biased;
            () = ready(()) => {}
            _ = fd::recv(&b, &mut buffer, 1) => {}
        }
        let received = fd::recv(&b, &mut buffer, 1).await.unwrap();
        assert_eq!((&buffer[..received.len], received.fds.len()), (&b"whole"[..], 1));
    }
}

#[tokio::test]
async fn a_send_that_is_cancelled_sends_nothing() {
    for kind in TYPES {
        let (a, b) = fd::pair(kind).unwrap();
        let mut sent = 0;
        while let Some(len) = try_send(&a, &[1; 1000], &[]).unwrap() {
            sent += len;
        }
        let file = File::open("/").unwrap();
        cancel(fd::send(&a, &[2; 1000], &[file.as_fd()])).await;
        let mut buffer = [0; 1000];
        let mut came = 0;
        while let Some(received) = try_recv(&b, &mut buffer, 1).unwrap() {
            assert!(received.fds.is_empty() && buffer[..received.len].iter().all(|byte| *byte == 1));
            came += received.len;
        }
        assert_eq!(came, sent);
        fd::send(&a, b"x", &[]).await.unwrap();
        assert_eq!(fd::recv(&b, &mut buffer, 1).await.unwrap().len, 1);
    }
}

#[tokio::test]
async fn an_accept_that_is_cancelled_takes_no_connection() {
    let name = abstract_name();
    let server = fd::bind(&name, SocketType::Stream, 5).unwrap();
    cancel(fd::accept(&server)).await;
    let client = fd::connect(&name, SocketType::Stream).await.unwrap();
    let connection = fd::accept(&server).await.unwrap();
    assert!(is_nonblocking(&connection));
    fd::send(&client, b"x", &[]).await.unwrap();
    assert_eq!(fd::recv(&connection, &mut [0; 8], 0).await.unwrap().len, 1);
}

#[tokio::test]
async fn a_connect_that_is_cancelled_leaves_no_connection() {
    let name = abstract_name();
    let server = fd::bind(&name, SocketType::SeqPacket, 1).unwrap();
    let mut before = Vec::new();
    while let Ok(client) = nonblocking::connect(&name, SocketType::SeqPacket) {
        before.push(client);
    }
    cancel(fd::connect(&name, SocketType::SeqPacket)).await;
    for _ in &before {
        fd::accept(&server).await.unwrap();
    }
    assert_eq!(nonblocking::accept(&server).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn several_tasks_can_receive_from_one_socket() {
    let (a, b) = fd::pair(SocketType::SeqPacket).unwrap();
    let b = Arc::new(b);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let b = Arc::clone(&b);
            tokio::spawn(async move {
                let mut sum = 0;
                let mut buffer = [0; 8];
                while !fd::recv(&b, &mut buffer, 0).await.unwrap().end {
                    sum += u32::from(buffer[0]);
                }
                sum
            })
        })
        .collect();
    for number in 1..=100 {
        fd::send(&a, &[number], &[]).await.unwrap();
    }
    drop(a);
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert_eq!(sum, 5050);
}

#[tokio::test]
async fn a_socket_of_std_is_taken_over_and_given_back() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let number = ours.as_raw_fd();
    let ours = Socket::new(ours).unwrap();
    assert!(is_nonblocking(&ours));
    fd::send(&ours, b"x", &[]).await.unwrap();
    assert_eq!(crossfork::fd::recv(&theirs, &mut [0; 8], 0).unwrap().len, 1);
    let back = OwnedFd::from(ours);
    assert_eq!(back.as_raw_fd(), number);
    // It can be registered again.
    let again = Socket::try_from(back).unwrap();
    fd::send(&again, b"y", &[]).await.unwrap();

    let file = Socket::new(File::open("/").unwrap());
    assert_eq!(file.unwrap_err().raw_os_error(), Some(libc::EPERM));
}
