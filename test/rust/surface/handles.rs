//! The sockets of tokio, sent as they are.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use crossfork::tokio::Channel;
use crossfork::{Handle, IntoOutgoing, Limits, Outgoing};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream, unix::pipe};

/// Two ends of one channel, in this process.
fn pair() -> (Channel, Channel) {
    let (ours, theirs) = StdUnixStream::pair().unwrap();
    let open = |socket| Channel::from_socket(socket, Limits::default()).unwrap();
    (open(ours), open(theirs))
}

/// Sends it, and gives what arrived.
async fn through(handle: impl IntoOutgoing) -> Handle {
    let (ours, theirs) = pair();
    let (sent, received) = tokio::join!(ours.send_handle("here", handle), theirs.recv());
    sent.unwrap();
    received.unwrap().unwrap().take_handle().unwrap().into_parts().0
}

#[tokio::test]
async fn tokios_sockets_are_sent_as_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let Handle::TcpStream(received) = through(accepted.unwrap().0).await else { panic!() };
    assert_eq!(received.peer_addr().unwrap(), client.unwrap().local_addr().unwrap());

    let Handle::TcpListener(received) = through(listener).await else { panic!() };
    assert_eq!(received.local_addr().unwrap(), address);

    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = udp.local_addr().unwrap();
    let Handle::UdpSocket(received) = through(udp).await else { panic!() };
    assert_eq!(received.local_addr().unwrap(), address);

    let (stream, _other) = UnixStream::pair().unwrap();
    assert!(matches!(through(stream).await, Handle::UnixStream(_)));

    let path = std::env::temp_dir().join(format!("crossfork-surface-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(through(listener).await, Handle::UnixListener(_)));

    let (sender, receiver) = pipe::pipe().unwrap();
    assert!(matches!(through(sender).await, Handle::Pipe(_)));
    assert!(matches!(through(receiver).await, Handle::Pipe(_)));
}

#[tokio::test]
async fn a_socket_of_tokio_can_be_kept_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let Handle::TcpListener(received) = through(Outgoing::keep_open(&listener).unwrap()).await else {
        panic!()
    };
    assert_eq!(received.local_addr().unwrap(), address);
    assert_eq!(listener.local_addr().unwrap(), address);
}

#[tokio::test]
async fn a_socket_of_tokio_keeps_its_descriptor_when_it_becomes_a_handle() {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let number = udp.as_raw_fd();
    let handle = Handle::try_from(udp).unwrap();
    assert_eq!(handle.as_fd().as_raw_fd(), number);
}
