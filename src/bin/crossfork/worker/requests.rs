//! Messages that the worker handles itself, instead of echoing them.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::rc::Rc;

use crossfork::tokio::Channel;
use crossfork::{Handle, HandleType, Message, Outgoing, Serialization};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;

use super::service::Service;
use super::{NAME, http};
use crate::report::report;

/// A message with the member `crossfork`.
#[derive(Deserialize)]
#[serde(tag = "crossfork", rename_all = "lowercase")]
pub(super) enum Request {
    /// Answered with [`Stats`](super::service::Stats).
    Stats,
    /// Answered with handles.
    Send(Wanted),
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(rename = "type")]
    wire_type: String,
    #[serde(default = "one")]
    count: u32,
    #[serde(default)]
    via: Via,
}

/// What kind of descriptor to make.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Via {
    /// TCP, or UDP over IPv4.
    #[default]
    Tcp,
    Unix,
    Fifo,
    Udp4,
    Udp6,
}

/// The message that is sent with each handle.
#[derive(Serialize)]
struct Sent<'a> {
    crossfork: &'static str,
    #[serde(rename = "type")]
    wire_type: &'a str,
    index: u32,
}

fn one() -> u32 {
    1
}

impl Request {
    /// Parses a request. Skips parsing for ordinary messages, which are echoed.
    pub(super) fn parse(message: &Message) -> Option<Self> {
        let payload = message.payload();
        let contains = |name| memchr::memmem::find(payload.as_bytes(), name).is_some();
        let may_be_request = match payload.serialization() {
            Serialization::Json => contains(b"\"crossfork\""),
            // V8 writes a string with one or two bytes for each character (ADV-4).
            _ => contains(b"crossfork") || contains(b"c\0r\0o\0s\0s\0f\0o\0r\0k\0"),
        };
        may_be_request.then(|| message.decode().ok())?
    }
}

/// Creates handles and sends them, one after the other.
pub(super) async fn send(channel: Channel, service: Rc<Service>, wanted: Wanted) {
    let Some(wire_type) = HandleType::from_name(&wanted.wire_type) else {
        report(NAME, format_args!("unknown handle type {:?}", wanted.wire_type));
        return;
    };
    // A parent that requests this type supports it.
    if wire_type == HandleType::NetBoundSocket {
        channel.allow_bound_sockets();
    }
    for index in 0..wanted.count {
        let message = Sent { crossfork: "sent", wire_type: &wanted.wire_type, index };
        let outgoing = match create(&service, wire_type, wanted.via, index) {
            Ok(outgoing) => outgoing.wire_type(wire_type),
            Err(e) => return report(NAME, format_args!("cannot create a {wire_type}: {e}")),
        };
        let sent = channel.send_handle(&message, outgoing).await;
        service.stats.sent(sent.is_ok());
        if let Err(e) = sent {
            return report(NAME, e);
        }
    }
}

fn create(service: &Service, wire_type: HandleType, via: Via, index: u32) -> io::Result<Outgoing> {
    Ok(match (wire_type, via) {
        (HandleType::NetServer, Via::Unix) => unix_listener(service, index)?.into(),
        (HandleType::NetServer, _) => TcpListener::bind("127.0.0.1:0")?.into(),
        (HandleType::DgramSocket | HandleType::DgramNative, Via::Udp6) => UdpSocket::bind("[::1]:0")?.into(),
        (HandleType::DgramSocket | HandleType::DgramNative, _) => UdpSocket::bind("127.0.0.1:0")?.into(),
        (HandleType::NetBoundSocket, _) => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            Outgoing::keep_open(&socket)?
        }
        (_, Via::Unix) => {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            service.spawn(echo(tokio::net::UnixStream::from_std(ours)?));
            theirs.into()
        }
        (_, Via::Fifo) => {
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(http::answer().as_bytes())?;
            Handle::try_from(OwnedFd::from(reader))?.into()
        }
        _ => {
            let (ours, theirs) = tcp_pair()?;
            service.spawn(echo(tokio::net::TcpStream::from_std(ours)?));
            theirs.into()
        }
    })
}

/// Creates a Unix listener. Its path is removed when the worker shuts down.
fn unix_listener(service: &Service, index: u32) -> io::Result<UnixListener> {
    struct Path(PathBuf);
    impl Drop for Path {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
    let path = std::env::temp_dir().join(format!("crossfork-{}-{index}.sock", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let path = Path(path);
    service.spawn(async move {
        let _removed_at_the_end = path;
        std::future::pending().await
    });
    Ok(listener)
}

fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let theirs = TcpStream::connect(listener.local_addr()?)?;
    let (ours, _) = listener.accept()?;
    ours.set_nonblocking(true)?;
    Ok((ours, theirs))
}

/// Echoes all bytes until the end of the stream.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
}
