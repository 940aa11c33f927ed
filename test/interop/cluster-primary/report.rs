//! Events and answers as lines.

use std::io::Write;

use crossfork::tokio::cluster::{Address, AddressType, Event};
use crossfork::v8::Value as V8;
use serde_json::{Value, json};

pub fn line(value: &Value) {
    let mut out = std::io::stdout().lock();
    // The process that started us may have exited.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

pub fn event(event: &Event) {
    let worker = event.worker().map(|worker| worker.id());
    let mut described = describe(event);
    described["worker"] = json!(worker);
    line(&described);
}

fn describe(event: &Event) -> Value {
    match event {
        Event::Setup => json!({ "event": "setup" }),
        Event::Fork { worker } => json!({ "event": "fork", "pid": worker.pid() }),
        Event::Online { .. } => json!({ "event": "online" }),
        Event::Listening { address, .. } => {
            json!({ "event": "listening", "address": self::address(address) })
        }
        Event::ListenFailed { address, error, .. } => {
            json!({ "event": "listenFailed", "address": self::address(address), "code": error.code() })
        }
        Event::Message { message, .. } => {
            let text: Value = match message.decode::<Value>() {
                Ok(value) => value,
                Err(_) => json!(message.value().map(|value: V8| format!("{value:?}")).ok()),
            };
            json!({ "event": "message", "message": text, "handle": message.handle().map(|h| h.wire_type().as_str()) })
        }
        Event::Leaving { worker } => json!({ "event": "leaving", "flag": worker.exited_after_disconnect() }),
        Event::Disconnect { worker } => {
            json!({ "event": "disconnect", "flag": worker.exited_after_disconnect(), "connected": worker.is_connected() })
        }
        Event::Exit { worker, code, signal } => json!({
            "event": "exit",
            "code": code,
            "signal": signal.map(|signal| signal.name()),
            "flag": worker.exited_after_disconnect(),
            "dead": worker.is_dead(),
        }),
        Event::Error { error, .. } => {
            json!({ "event": "error", "code": error.code(), "text": error.to_string() })
        }
        other => json!({ "event": format!("{other:?}") }),
    }
}

fn address(address: &Address) -> Value {
    let address_type = match address.address_type {
        AddressType::Tcp4 => json!(4),
        AddressType::Tcp6 => json!(6),
        AddressType::Path => json!(-1),
        AddressType::Udp4 => json!("udp4"),
        AddressType::Udp6 => json!("udp6"),
        _ => Value::Null,
    };
    json!({ "address": address.address, "port": address.port, "addressType": address_type, "fd": address.fd })
}
