//! Every message comes back as it came, in either serialization. No async runtime, no thread.
//!
//! Fork it from Node: `fork('', { execPath: 'target/debug/examples/echo_worker' })`.

use crossfork::Error;
use crossfork::blocking::Channel;

fn main() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    loop {
        match channel.recv() {
            Ok(Some(message)) => channel.send_payload(message.payload())?,
            Ok(None) => return Ok(()), // the parent has disconnected
            Err(e) if e.is_protocol() => eprintln!("skipped: {e}"),
            Err(e) => return Err(e),
        }
    }
}
