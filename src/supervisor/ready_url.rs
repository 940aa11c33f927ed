//! The page that a worker must answer well before it counts as up (`--ready-url`): HTTP/1.1, in a few lines.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::policy::Probed;
use crate::error::Error;
use crate::tokio::cluster::{Direct, ForkedWorker};

/// How long the head of an answer may be, and those of answers that come before the last one.
const LONGEST_HEAD: usize = 64 * 1024;

/// A record of TLS with a client's greeting that has nothing in it.
const EMPTY_HELLO: [u8; 9] = [0x16, 3, 1, 0, 4, 1, 0, 0, 0];

/// How a record of TLS begins that says what was wrong.
const ALERT: u8 = 0x15;

/// How long that is waited for. A server of something else may wait for more.
const TLS_PATIENCE: Duration = Duration::from_secs(1);

/// How long an answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// Where to ask: `http://HOST:PORT/PATH`, or a path alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyUrl {
    /// What the worker sees as its host.
    host: String,
    /// The port of one of the worker's servers, or the first server.
    port: Option<u16>,
    path: String,
}

impl FromStr for ReadyUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
            return Err("a space, a control character or a # cannot be part of it".to_owned());
        }
        if text.starts_with("https:") {
            return Err("HTTPS is not supported: give the URL of a server that speaks HTTP".to_owned());
        }
        if text.starts_with('/') {
            return Ok(ReadyUrl { host: "localhost".to_owned(), port: None, path: text.to_owned() });
        }
        let rest = text.strip_prefix("http://").ok_or("neither http://HOST:PORT/PATH nor /PATH")?;
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        // The colons of an IPv6 address are in brackets.
        let port = match host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((_, port)) => port.parse().map_err(|_| format!("{port} is not a port"))?,
            None => 80,
        };
        match host.is_empty() || host.starts_with(':') || host.contains('@') {
            true => Err("it has no host".to_owned()),
            false => Ok(ReadyUrl { host: host.to_owned(), port: Some(port), path }),
        }
    }
}

impl ReadyUrl {
    /// Sends the request to this worker, over a connection that no other can get.
    pub(super) async fn ask(&self, worker: &ForkedWorker) -> Probed {
        let ReadyUrl { path, port, .. } = self;
        let connection = match worker.connect(*port) {
            Ok(connection) => connection,
            Err(Error::Io(e)) if e.kind() == io::ErrorKind::NotFound => {
                return Probed::NotYet(match port {
                    Some(port) => format!("does not listen on port {port}, of --ready-url"),
                    None => "listens on nothing that --ready-url could use".to_owned(),
                });
            }
            Err(e) => return Probed::NotYet(format!("cannot be connected to for GET {path}: {e}")),
        };
        let status = match connection {
            Direct::Tcp(stream) => self.get_in_time(stream).await,
            Direct::Unix(stream) => self.get_in_time(stream).await,
        };
        match status {
            Ok(200..=399) => Probed::Well,
            Ok(status) => Probed::NotYet(format!("answers GET {path} with status {status}")),
            Err(_) if self.speaks_tls(worker).await => {
                Probed::Never("speaks TLS, and --ready-url cannot ask an HTTPS server".to_owned())
            }
            Err(e) => Probed::NotYet(format!("does not answer GET {path}: {e}")),
        }
    }

    /// A TLS server answers a broken greeting with an alert.
    async fn speaks_tls(&self, worker: &ForkedWorker) -> bool {
        let first = async {
            match worker.connect(self.port).ok()? {
                Direct::Tcp(stream) => first_byte(stream).await.ok(),
                Direct::Unix(stream) => first_byte(stream).await.ok(),
            }
        };
        timeout(TLS_PATIENCE, first).await == Ok(Some(ALERT))
    }

    /// A worker that does not answer is asked again, over another connection.
    async fn get_in_time(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<u16> {
        let late = |_| io::Error::other(format!("no answer in {ANSWER_PATIENCE:?}"));
        timeout(ANSWER_PATIENCE, self.get(stream)).await.map_err(late)?
    }

    /// Gives the status of the answer.
    ///
    /// # Errors
    /// If there is none, or it is not HTTP/1.
    pub async fn get(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<u16> {
        let ReadyUrl { host, path, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: crossfork\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        loop {
            if stream.read_buf(&mut head).await? == 0 {
                return Err(io::Error::other(match head.is_empty() {
                    true => "it closes the connection without a word",
                    false => "it closes the connection before the end of an answer",
                }));
            }
            if let Some(status) = status(&mut head)? {
                return Ok(status);
            }
            if head.len() > LONGEST_HEAD {
                return Err(not_http());
            }
        }
    }
}

/// What comes first after a greeting of TLS that is no whole one.
async fn first_byte(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<u8> {
    stream.write_all(&EMPTY_HELLO).await?;
    stream.read_u8().await
}

/// The status of the answer, when it is there. Others may come before it, such as 103.
fn status(head: &mut Vec<u8>) -> io::Result<Option<u16>> {
    const END: &[u8] = b"\r\n\r\n";
    loop {
        let begins = head.len().min(b"HTTP/1.".len());
        if head[..begins] != b"HTTP/1."[..begins] {
            return Err(not_http());
        }
        let Some(line) = head.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let digits = head[..line].get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        let status: u16 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(not_http)?;
        if !(100..200).contains(&status) {
            return Ok(Some(status));
        }
        let Some(end) = head.windows(END.len()).position(|bytes| bytes == END) else {
            return Ok(None);
        };
        head.drain(..end + END.len());
    }
}

fn not_http() -> io::Error {
    io::Error::other("what it sends is not HTTP/1, which --ready-url needs")
}
