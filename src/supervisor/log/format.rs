//! How a line looks that is passed on.

use std::io::Write;
use std::str::FromStr;

use serde::Serialize;

use super::lines::Piece;
use super::sink::{CAPACITY, Trouble};
use super::{plain, time};
use crate::supervisor::report::Report;

/// What is done to each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Nothing.
    Raw,
    /// It begins with the instance and the process: `[0 4711] text`. Control characters are written as escapes,
    /// but for those of colours.
    #[default]
    Formatted,
    /// It becomes a JSON object:
    /// `{"time":1764000000000,"instance":0,"pid":4711,"stream":"stdout","text":"..."}`.
    Json,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// What is done to them.
    pub format: Format,
    /// [`Format::Formatted`] begins with the time, too.
    pub with_time: bool,
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
    /// Both, through one pipe: where ours are one file, and lines do not say which it was.
    Both,
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
struct OurLine<'a> {
    time: u64,
    stream: &'static str,
    #[serde(flatten)]
    report: Option<&'a Report>,
    text: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    instance: usize,
    pid: u32,
    stream: Stream,
    /// Which part of a line that is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
    text: &'a str,
}

impl From<Format> for Style {
    fn from(format: Format) -> Self {
        Style { format, with_time: false }
    }
}

impl Style {
    /// Appends a worker's line, given with its end, if it has one.
    pub fn theirs(self, origin: &Origin, line: &[u8], piece: Piece, to: &mut Vec<u8>) {
        let Origin { slot, pid, stream } = *origin;
        let whole = line;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match self.format {
            Format::Raw => return to.extend_from_slice(whole),
            Format::Formatted => {
                self.time(to);
                let _ = match piece {
                    Piece::Whole => write!(to, "[{slot} {pid}] "),
                    Piece::Part { number, is_last: false } => write!(to, "[{slot} {pid} part {number}] "),
                    Piece::Part { number, is_last: true } => write!(to, "[{slot} {pid} last part {number}] "),
                };
                plain::push(line, to);
            }
            Format::Json => {
                let (part, last) = match piece {
                    Piece::Whole => (None, None),
                    Piece::Part { number, is_last } => (Some(number), is_last.then_some(true)),
                };
                let text = &String::from_utf8_lossy(line);
                json(&Line { time: time::now(), instance: slot, pid, stream, part, last, text }, to);
            }
        }
        to.push(b'\n');
    }

    /// Appends a line of our own. Only in JSON it has the fields of its event.
    pub fn ours(self, text: &str, report: Option<&Report>, to: &mut Vec<u8>) {
        match self.format {
            Format::Raw | Format::Formatted => {
                self.time(to);
                to.extend_from_slice(b"[crossfork] ");
                plain::push(text.as_bytes(), to);
            }
            Format::Json => json(&OurLine { time: time::now(), stream: "crossfork", report, text }, to),
        }
        to.push(b'\n');
    }

    fn time(self, to: &mut Vec<u8>) {
        if self.with_time && self.format == Format::Formatted {
            let _ = write!(to, "{} ", time::utc(time::now()));
        }
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
        self.ours(text, None, &mut line);
        line
    }
}

/// Writing to memory does not fail, and such a line has no key that is not text.
fn json(line: &impl Serialize, to: &mut Vec<u8>) {
    let _ = serde_json::to_writer(to, line);
}
