//! What a peer may write, well or ill meant.

use super::tap;

/// One line of many kinds, with its end.
pub fn line(kind: usize, number: usize) -> Vec<u8> {
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
        _ => return b"{\"cmd\":\"NODE_HANDLE\",\"msg\":\"a\xffb\"}\n".to_vec(),
    };
    (text + "\n").into_bytes()
}
