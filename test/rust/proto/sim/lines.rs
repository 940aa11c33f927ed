//! Lines that a peer may write, valid or hostile.

use crossfork::Serialization;
use crossfork::v8::{Options, Value};
use crossfork::wire::advanced;

use super::{tap, transcode};

/// One frame of many kinds.
pub fn line(serialization: Serialization, kind: usize, number: usize) -> Vec<u8> {
    let text = text(kind, number);
    match serialization {
        Serialization::Json => [text.as_slice(), b"\n"].concat(),
        _ => {
            let value = serde_json::from_slice::<Value>(&text).ok();
            let frame = value.and_then(|value| advanced::encode(&value, &Options::default()).ok());
            frame.unwrap_or_else(|| framed(&odd_record(kind, number)))
        }
    }
}

/// A frame with a name that is nearly as long as a message of the simulation may be.
pub fn named_line(serialization: Serialization, kind: usize, number: usize) -> Vec<u8> {
    let name = format!("{number:0>200}");
    let text = match kind % 6 {
        0 => format!(r#"{{"cmd":"NODE_SOCKET_GET_COUNT","key":"{name}"}}"#),
        1 => format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{number},"key":"{name}"}}"#),
        2 => format!(r#"{{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"{name}"}}"#),
        3 => format!(r#"{{"cmd":"NODE_HANDLE","type":"{name}","msg":{number}}}"#),
        4 => format!(r#"{{"cmd":"NODE_{name}"}}"#),
        _ => format!("\"{name}\""),
    };
    transcode::frame(serialization, &text)
}

/// Any bytes as a frame with a length.
pub fn framed(record: &[u8]) -> Vec<u8> {
    [advanced::prefix(record.len()).expect("is short").as_slice(), record].concat()
}

/// The replacement for a text that is not JSON, or that has no value.
fn odd_record(kind: usize, number: usize) -> Vec<u8> {
    let handle = line(Serialization::Advanced, 2, number);
    let handle = &handle[advanced::PREFIX..];
    match (kind + number) % 11 {
        0 => Vec::new(),
        1 => vec![0xFF, 0x0F],
        2 => [&[0xFF, 0x10], &handle[2..]].concat(),
        3 => handle[..handle.len() - 1 - number % (handle.len() - 1)].to_vec(),
        4 => [handle, &[0; 3]].concat(),
        5 => [&handle[..handle.len() - 1], &[7]].concat(),
        // The padding that V8 writes before two-byte strings (ADV-5), where none is needed.
        6 => [&handle[..2], &[0, 0, 0], &handle[2..]].concat(),
        // An object that contains itself.
        7 => b"\xff\x0fo\"\x03cmd\"\x0bNODE_HANDLE\"\x03msg^\0{\x02".to_vec(),
        8 => b"\xff\x0fo\"\x03cmdc\x0cN\0O\0D\0E\0_\0X\0{\x01".to_vec(),
        // The last of several counts, as in JavaScript.
        9 => b"\xff\x0fo\"\x03cmd\"\x01x\"\x03cmd\"\x0bNODE_HANDLE{\x02".to_vec(),
        _ => b"\xff\x0fo\"\x03cmd\"\x0bNODE_HANDLE\"\x03cmd_{\x02".to_vec(),
    }
}

fn text(kind: usize, number: usize) -> Vec<u8> {
    let message = tap::message(number, 0);
    let long = tap::message(number, 2 * number);
    let handle = |message: &str| format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{message}}}"#);
    let wrap = |handle: &str| format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Native","msg":{handle}}}"#);
    let text = match kind % 27 {
        0 => message,
        1 => long,
        2 => handle(&message),
        3 => handle(&long),
        4 => wrap(&handle(&message)),
        5 => wrap(&handle(&long)),
        6 => wrap(&wrap(&handle(&message))),
        7 => format!(r#"{{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{message},"key":"4:127.0.0.1:0"}}"#),
        8 => r#"{"cmd":"NODE_HANDLE"}"#.to_owned(),
        9 => handle(r#"{"cmd":"NODE_CLUSTER","act":"newconn"}"#),
        10 => handle("{\"a\":\"\\ud800\"}"),
        11 => format!(r#"{{"msg":{message},"\u0063md":"\u004eODE_HANDLE"}}"#),
        12 => format!(r#"{{"cmd":"x","msg":{message},"cmd":"NODE_HANDLE"}}"#),
        13 => r#"{"cmd":"NODE_HANDLE","cmd":"x"}"#.to_owned(),
        14 => r#"{"cmd":"NODE_HANDLE","type":"#.to_owned(),
        15 => handle(&message) + "}",
        16 | 17 => r#"{"cmd":"NODE_HANDLE_ACK"}"#.to_owned(),
        18 => r#"{"cmd":"NODE_HANDLE_NACK"}"#.to_owned(),
        19 => r#"{"cmd":"NODE_SOCKET_GET_COUNT","key":"4:127.0.0.1:0"}"#.to_owned(),
        20 => r#"{"cmd":"NODE_SOCKET_NOTIFY_CLOSE","key":"4:127.0.0.1:0"}"#.to_owned(),
        21 => r#"{"cmd":"NODE_WHATEVER"}"#.to_owned(),
        22 => r#"{"cmd":"NODE_"}"#.to_owned(),
        23 => String::new(),
        24 => "undefined".to_owned(),
        25 => " { \"cmd\" :\t\"NODE_HANDLE\" , \"n\" : 1e999 } \r".to_owned(),
        _ => return b"{\"cmd\":\"NODE_HANDLE\",\"msg\":\"a\xffb\"}".to_vec(),
    };
    text.into_bytes()
}
