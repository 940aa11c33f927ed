//! Sockets and servers to hand over, and the other ends that find out whether they work.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crossfork::{Handle, Outgoing};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, socket};

use crate::child::{Child, Kind};
use crate::driver::{Driver, patience};

/// A folder for sockets that goes away.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("crossfork-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    pub fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A client's connection, of either family.
pub trait Stream: Read + Write {
    fn set_patience(&self);
}

impl Stream for TcpStream {
    fn set_patience(&self) {
        self.set_read_timeout(Some(patience())).expect("a timeout");
    }
}

impl Stream for UnixStream {
    fn set_patience(&self) {
        self.set_read_timeout(Some(patience())).expect("a timeout");
    }
}

/// A listening socket and how it is reached.
pub struct Listening {
    pub listener: Handle,
    address: Address,
}

#[derive(Clone)]
enum Address {
    Tcp(std::net::SocketAddr),
    /// And what keeps the path.
    Unix(std::sync::Arc<Folder>),
}

impl Listening {
    pub fn new(family: &str) -> Self {
        if family == "unix" {
            let folder = Folder::new();
            let listener = UnixListener::bind(folder.socket()).expect("a listener").into();
            return Listening { listener, address: Address::Unix(folder.into()) };
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = Address::Tcp(listener.local_addr().expect("an address"));
        Listening { listener: listener.into(), address }
    }

    pub fn keep_open(&self) -> Outgoing {
        Outgoing::keep_open(&self.listener).expect("a copy")
    }

    /// The listener, and what connects to it.
    pub fn into_parts(self) -> (Handle, impl Fn() -> Box<dyn Stream>) {
        let address = self.address;
        (self.listener, move || connect(&address))
    }

    /// Both ends of one connection: the client's, and the one to hand over.
    pub fn connection(&self) -> (Box<dyn Stream>, Handle) {
        let client = connect(&self.address);
        let accepted = match &self.listener {
            Handle::TcpListener(listener) => listener.accept().expect("a connection").0.into(),
            Handle::UnixListener(listener) => listener.accept().expect("a connection").0.into(),
            _ => unreachable!("it listens"),
        };
        (client, accepted)
    }
}

fn connect(address: &Address) -> Box<dyn Stream> {
    let stream: Box<dyn Stream> = match address {
        Address::Tcp(address) => Box::new(TcpStream::connect(address).expect("a connection")),
        Address::Unix(folder) => Box::new(UnixStream::connect(folder.socket()).expect("a connection")),
    };
    stream.set_patience();
    stream
}

/// A connection to a port of 127.0.0.1.
pub fn dial(port: u16) -> Box<dyn Stream> {
    connect(&Address::Tcp(([127, 0, 0, 1], port).into()))
}

/// What arrives, up to and including a text.
pub fn read_to(stream: &mut dyn Read, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            Ok(_) => panic!("the stream ended after {:?}, without {end:?}", String::from_utf8_lossy(&text)),
            Err(e) => panic!("{e}, after {:?}, without {end:?}", String::from_utf8_lossy(&text)),
        }
    }
    String::from_utf8(text).expect("a text")
}

/// Asserts that the child is what answers on this connection.
pub fn serves<D: Driver>(child: &Child<D>, mut client: Box<dyn Stream>) {
    converses(child, &mut *client);
    drop(client);
}

pub fn converses<D: Driver>(child: &Child<D>, client: &mut dyn Stream) {
    if child.runtime.kind == Kind::Command {
        write(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        read_to(client, &format!("handled by child, pid is {}\n", child.id()));
        return;
    }
    let greeting = read_to(client, "\n");
    let from = if child.runtime.kind.runs_scripts() { child.id().to_string() } else { "rust".to_owned() };
    assert_eq!(greeting, format!("hello from {from}\n"));
    write(client, "ping\n");
    assert_eq!(read_to(client, "\n"), "ping\n");
}

pub fn write(client: &mut dyn Write, text: &str) {
    client.write_all(text.as_bytes()).unwrap_or_else(|e| panic!("{text:?} was not written: {e}"));
}

pub fn udp(via: &str) -> UdpSocket {
    let address = if via == "udp6" { "[::1]:0" } else { "127.0.0.1:0" };
    UdpSocket::bind(address).expect("a socket")
}

/// Asserts that datagrams that are sent there come back.
pub fn echoes_datagrams(via: &str, port: u16) {
    let client = udp(via);
    client.set_read_timeout(Some(patience())).expect("a timeout");
    client.connect((client.local_addr().expect("an address").ip(), port)).expect("an address");
    client.send(b"ping").expect("a datagram to be sent");
    let mut buffer = [0; 10];
    let length = client.recv(&mut buffer).expect("the datagram to come back");
    assert_eq!(&buffer[..length], b"ping");
}

/// A TCP socket that is bound and does not listen, and its port.
pub fn bound() -> (Handle, u16) {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a port");
    let fd: TcpListener = fd.into();
    let port = fd.local_addr().expect("an address").port();
    (Handle::try_from(OwnedFd::from(fd)).expect("a handle"), port)
}

/// A received connection of ours, to be read and written with a timeout.
pub fn blocking(handle: Handle) -> Box<dyn Stream> {
    let stream: Box<dyn Stream> = match handle {
        Handle::TcpStream(stream) => {
            stream.set_nonblocking(false).expect("a mode");
            Box::new(stream)
        }
        Handle::UnixStream(stream) => {
            stream.set_nonblocking(false).expect("a mode");
            Box::new(stream)
        }
        other => panic!("{other:?} is not a connection"),
    };
    stream.set_patience();
    stream
}

/// Waits for a state that nothing announces.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + patience();
    while !is_so() {
        assert!(std::time::Instant::now() < end, "after {:?} it is still not so that {what}", patience());
        std::thread::sleep(Duration::from_millis(5));
    }
}
