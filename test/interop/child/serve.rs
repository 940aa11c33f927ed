//! How the test child uses received handles, and the handles that it sends: plain threads and blocking
//! sockets with either driver.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use crossfork::{Handle, HandleType, Outgoing, ReceivedHandle, SocketHold};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, socket};

pub fn kind(handle: &Handle) -> &'static str {
    match handle {
        Handle::TcpStream(_) => "tcp",
        Handle::TcpListener(_) => "tcp-listener",
        Handle::TcpBound(_) => "tcp-bound",
        Handle::UnixStream(_) => "unix",
        Handle::UnixListener(_) => "unix-listener",
        Handle::UdpSocket(_) => "udp",
        Handle::Pipe(_) => "fifo",
        _ => "unknown",
    }
}

pub fn serve(received: ReceivedHandle) -> io::Result<()> {
    let (handle, hold) = received.into_parts();
    match handle {
        Handle::TcpStream(stream) => {
            let writer = stream.try_clone()?;
            converse(stream, writer, hold);
        }
        Handle::UnixStream(stream) => {
            let writer = stream.try_clone()?;
            converse(stream, writer, hold);
        }
        Handle::Pipe(fd) => {
            let writer = File::from(fd.try_clone()?);
            converse(File::from(fd), writer, hold);
        }
        Handle::TcpBound(fd) => {
            listen(&fd, Backlog::new(511)?)?;
            accept_tcp(fd.into());
        }
        Handle::TcpListener(listener) => accept_tcp(listener),
        Handle::UnixListener(listener) => accept_unix(listener),
        Handle::UdpSocket(socket) => echo_datagrams(socket),
        _ => return Err(io::Error::other("a handle of a new kind")),
    }
    Ok(())
}

fn accept_tcp(listener: TcpListener) {
    thread::spawn(move || {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let writer = stream.try_clone().expect("a descriptor");
                    converse(stream, writer, None);
                }
                Err(_) => wait(&listener, PollFlags::POLLIN),
            }
        }
    });
}

fn accept_unix(listener: UnixListener) {
    thread::spawn(move || {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let writer = stream.try_clone().expect("a descriptor");
                    converse(stream, writer, None);
                }
                Err(_) => wait(&listener, PollFlags::POLLIN),
            }
        }
    });
}

/// Greets, then echoes until the end. The socket closes before the hold.
fn converse<S>(mut reader: S, mut writer: S, hold: Option<SocketHold>)
where
    S: Read + Write + AsFd + Send + 'static,
{
    thread::spawn(move || {
        write_all(&mut writer, b"hello from rust\n");
        let mut buffer = [0; 4096];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => write_all(&mut writer, &buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => wait(&reader, PollFlags::POLLIN),
                Err(_) => break,
            }
        }
        drop((reader, writer));
        drop(hold);
    });
}

/// The socket may be non-blocking, and the flag is not ours to clear (HND-16).
fn write_all<W: Write + AsFd>(writer: &mut W, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => wait(writer, PollFlags::POLLOUT),
            // A reading end of a pipe, or a client that is gone.
            Err(_) => return,
        }
    }
}

fn echo_datagrams(socket: UdpSocket) {
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        loop {
            match socket.recv_from(&mut buffer) {
                Ok((n, from)) => drop(socket.send_to(&buffer[..n], from)),
                Err(_) => wait(&socket, PollFlags::POLLIN),
            }
        }
    });
}

fn wait(fd: &impl AsFd, flags: PollFlags) {
    let _ = poll(&mut [PollFd::new(fd.as_fd(), flags)], PollTimeout::NONE);
}

/// A handle for the parent. The other end of a connection gives back what it gets.
pub fn create(wire_type: HandleType, via: Option<&str>, index: u64) -> io::Result<Outgoing> {
    Ok(match (wire_type, via) {
        (HandleType::NetServer, Some("unix")) => {
            let name = format!("crossfork-{}-{index}.sock", std::process::id());
            UnixListener::bind(std::env::temp_dir().join(name))?.into()
        }
        (HandleType::NetServer, _) => TcpListener::bind("127.0.0.1:0")?.into(),
        (HandleType::DgramSocket | HandleType::DgramNative, Some("udp6")) => {
            UdpSocket::bind("[::1]:0")?.into()
        }
        (HandleType::DgramSocket | HandleType::DgramNative, _) => UdpSocket::bind("127.0.0.1:0")?.into(),
        (HandleType::NetBoundSocket, _) => Handle::try_from(bound()?)?.into(),
        (_, Some("unix")) => {
            let (ours, theirs) = UnixStream::pair()?;
            let writer = ours.try_clone()?;
            converse(ours, writer, None);
            theirs.into()
        }
        (_, Some("fifo")) => {
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(b"hello from rust\n")?;
            Handle::try_from(OwnedFd::from(reader))?.into()
        }
        _ => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let theirs = TcpStream::connect(listener.local_addr()?)?;
            let (ours, _) = listener.accept()?;
            let writer = ours.try_clone()?;
            converse(ours, writer, None);
            theirs.into()
        }
    })
}

fn bound() -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrIn::new(127, 0, 0, 1, 0))?;
    Ok(fd)
}

pub fn open_descriptors() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count() - 1)
}
