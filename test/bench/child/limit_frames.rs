//! What `limit.rs` does, in the `advanced` mode: a sink that counts frames, and a source of frames
//! that were made before.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crossfork::v8::Options;
use crossfork::wire::advanced::{PREFIX, encode};
use serde::Serialize;

use super::Report;
use super::contestants::parcels::{Parcel, bytes, thing, things};
use super::contestants::{FIRST, Result, cpu};

const CHUNK: usize = 64 * 1024;

pub fn perform(socket: OwnedFd, kind: &str, job: &str, numbers: &[u64]) -> Result<()> {
    let &[size, warm, count] = numbers else {
        return Err("a parcel has a size, and there are two counts".into());
    };
    let frame = match kind {
        "object" => frame(thing(0))?,
        "array" => frame(things())?,
        "buffer" => frame(bytes(size as usize))?,
        _ => return Err("no such parcel".into()),
    };
    let mut output = UnixStream::from(socket);
    let mut input = BufReader::with_capacity(CHUNK, output.try_clone()?);
    for count in [warm, count] {
        let cpu = match job {
            "receive" => sink(&mut input, count)?,
            "send" | "feed" => {
                skip(&mut input)?; // a signal
                source(&mut output, &frame, count as usize)?
            }
            _ => return Err("no such job".into()),
        };
        output.write_all(&encode(&Report { sum: 0, cpu }, &Options::new())?)?;
    }
    // The parent looks at this process before it disconnects.
    input.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn frame<T: Serialize>(body: T) -> Result<Vec<u8>> {
    Ok(encode(&Parcel { seq: FIRST, body }, &Options::new())?)
}

fn sink(input: &mut impl BufRead, count: u64) -> Result<i64> {
    let before = cpu()?;
    for _ in 0..count {
        skip(input)?;
    }
    Ok(cpu()? - before)
}

/// Passes over a frame.
fn skip(input: &mut impl BufRead) -> Result<()> {
    let mut prefix = [0; PREFIX];
    input.read_exact(&mut prefix)?;
    let mut left = u32::from_be_bytes(prefix) as usize;
    while left > 0 {
        let come = input.fill_buf()?.len().min(left);
        if come == 0 {
            return Err("the channel ended too early".into());
        }
        input.consume(come);
        left -= come;
    }
    Ok(())
}

fn source(output: &mut impl Write, frame: &[u8], count: usize) -> Result<i64> {
    let before = cpu()?;
    let together = (CHUNK / frame.len()).max(1);
    let frames = frame.repeat(together);
    for _ in 0..count / together {
        output.write_all(&frames)?;
    }
    output.write_all(&frames[..count % together * frame.len()])?;
    Ok(cpu()? - before)
}
