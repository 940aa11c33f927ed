//! How a line looks that is passed on.

use std::io::Write;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::sink::{CAPACITY, Trouble};

/// What is done to each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Nothing.
    Raw,
    /// It begins with the instance and the process: `[0 4711] text`.
    #[default]
    Formatted,
    /// It becomes a JSON object:
    /// `{"time":1764000000000,"instance":0,"pid":4711,"stream":"stdout","text":"..."}`.
    Json,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The worker's instance.
    pub slot: usize,
    /// Its process.
    pub pid: u32,
    /// Which of its streams.
    pub stream: Stream,
}

/// A worker's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "raw" => Ok(Format::Raw),
            "formatted" => Ok(Format::Formatted),
            "json" => Ok(Format::Json),
            _ => Err("none of raw, formatted and json".to_owned()),
        }
    }
}

#[derive(Serialize)]
struct Line<'a, S> {
    /// Milliseconds since 1970.
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    stream: S,
    text: &'a str,
}

impl Format {
    /// Appends a worker's line, given with its end, if it has one.
    pub fn theirs(self, origin: &Origin, line: &[u8], to: &mut Vec<u8>) {
        let Origin { slot, pid, stream } = *origin;
        let whole = line;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match self {
            Format::Raw => return to.extend_from_slice(whole),
            Format::Formatted => {
                let _ = write!(to, "[{slot} {pid}] ");
                to.extend_from_slice(line);
            }
            Format::Json => {
                let text = &String::from_utf8_lossy(line);
                json(&Line { time: now(), instance: Some(slot), pid: Some(pid), stream, text }, to);
            }
        }
        to.push(b'\n');
    }

    /// Appends a line of our own.
    pub fn ours(self, text: &str, to: &mut Vec<u8>) {
        match self {
            Format::Raw | Format::Formatted => {
                let _ = write!(to, "[crossfork] {text}");
            }
            Format::Json => {
                json(&Line { time: now(), instance: None, pid: None, stream: "crossfork", text }, to);
            }
        }
        to.push(b'\n');
    }

    /// The line that stands for so many that were lost.
    pub(super) fn lost(self) -> impl Fn(usize) -> Vec<u8> + Send + Sync + 'static {
        move |lines| {
            self.line(&format!(
                "{lines} lines of output were lost here, for they could not be written in time"
            ))
        }
    }

    /// What is said of one of our outputs on the other.
    pub(super) fn trouble(self, output: &str, trouble: &Trouble) -> Vec<u8> {
        self.line(&match trouble {
            Trouble::Failing(e) => format!(
                "{output} cannot be written: {e}. Up to {} KiB of lines wait, and more are lost. It is tried again \
                 all the time",
                CAPACITY / 1024
            ),
            Trouble::Unread => format!("{output} is not read: lines are lost until it is"),
            Trouble::Over(0) => format!("{output} can be written again, and nothing was lost"),
            Trouble::Over(lines) => format!("{output} can be written again; {lines} lines were lost"),
        })
    }

    fn line(self, text: &str) -> Vec<u8> {
        let mut line = Vec::new();
        self.ours(text, &mut line);
        line
    }
}

/// Writing to memory does not fail, and such a line has no key that is not text.
fn json<S: Serialize>(line: &Line<'_, S>, to: &mut Vec<u8>) {
    let _ = serde_json::to_writer(to, line);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
