//! Sends a Node parent values and regular expressions of every kind in the advanced mode, and
//! expects each back as it was: `interop-values <the parent's major version>`. The parent echoes.
//! `interop-values judge <n>` prints every n-th regular expression, and which Node is said to compile it.

#[path = "../../rust/v8/arbitrary.rs"]
mod arbitrary;
mod patterns;
mod regexps;

use std::process::ExitCode;
use std::time::Duration;

use crossfork::blocking::Channel;
use crossfork::v8::{Kind, Options, Value};

const VALUES: u32 = 3000;
/// Messages on their way at once.
const BATCH: usize = 50;
const DEADLINE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let number = |i: usize| std::env::args().nth(i).and_then(|number| number.parse::<u32>().ok());
    if std::env::args().nth(1).as_deref() == Some("judge") {
        print!("{}", regexps::judged(number(2).unwrap_or(1) as usize));
        return ExitCode::SUCCESS;
    }
    let Some(major) = number(1) else {
        eprintln!("usage: interop-values <the parent's major version> | judge [<n>]");
        return ExitCode::from(64);
    };
    match run(major) {
        Ok((values, regexps)) => {
            println!("{values} values, {regexps} regular expressions");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(major: u32) -> Result<(usize, usize), String> {
    let channel = Channel::from_env().map_err(|e| e.to_string())?;
    let options = Options::new().oldest_node(major);
    channel.set_v8_options(options);
    let values = (0..VALUES).map(|seed| arbitrary::value(&words(seed), true));
    // A few are too new for an old one (NEVER-3): errors that are their own cause.
    let too_new =
        |value: &Value| value.encode(&options).is_err_and(|e| matches!(e.kind(), Kind::TooNew { .. }));
    let values: Vec<Value> = values.filter(|value| !too_new(value)).collect();
    echoed(&channel, &values)?;
    let regexps = regexps::for_node(major);
    // Few messages of many: V8 says of a message only that it is damaged.
    let messages: Vec<Value> = regexps.chunks(20).map(|some| some.iter().cloned().collect()).collect();
    echoed(&channel, &messages)?;
    channel.disconnect().map_err(|e| e.to_string())?;
    Ok((values.len(), regexps.len()))
}

/// Each comes back as itself. It travels in an array, for `undefined` is no message to Node.
fn echoed(channel: &Channel, values: &[Value]) -> Result<(), String> {
    for batch in values.chunks(BATCH) {
        for value in batch {
            channel.send(&[value]).map_err(|e| format!("{value} was not sent: {e}"))?;
        }
        for value in batch {
            let message = match channel.recv_timeout(DEADLINE) {
                Ok(Some(message)) => message,
                Ok(None) => return Err(format!("the parent is gone, and has not sent back {value}")),
                Err(e) => return Err(format!("{value} has not come back: {e}")),
            };
            match message.value() {
                Ok(Value::Array(back)) if back == [value.clone()] => {}
                Ok(back) => return Err(format!("{value}\n{value:?}\nhas come back as\n{back}\n{back:?}")),
                Err(e) => return Err(format!("{value} has come back as what cannot be read: {e}")),
            }
        }
    }
    Ok(())
}

/// The same in each run, and others for each seed.
fn words(seed: u32) -> Vec<u32> {
    let mut random = seed.wrapping_mul(2_654_435_761) | 1;
    let words = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random
    });
    words.skip(20).take(300).collect()
}
