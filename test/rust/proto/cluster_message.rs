//! The messages of a cluster: parsed as Node writes them, and written so that Node can read them.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use crossfork::proto::cluster::{Act, AddressType, Body, Message, Query, Reply, SockName};
use crossfork::v8;
use serde_json::{Value, json};

fn read(value: &Value) -> Result<Message, String> {
    serde_json::from_str(&value.to_string()).map_err(|e| e.to_string())
}

fn body(value: Value) -> Body {
    read(&value).expect("a message").body
}

/// The message after a round trip in each serialization.
fn again(message: &Message) -> [Message; 2] {
    let text = serde_json::to_string(message).expect("JSON");
    let record = v8::to_vec(message, &v8::Options::default()).expect("a record");
    [serde_json::from_str(&text).expect("read again"), v8::from_slice(&record).expect("read again")]
}

/// Every message of a cluster that was recorded, those that came with a descriptor too.
fn recorded() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/transcripts/cluster");
    let mut messages = Vec::new();
    for file in fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        for line in fs::read_to_string(&file).expect("the file").lines() {
            let step: Value = serde_json::from_str(line).expect("JSON");
            let Some(text) = step["line"].as_str() else { continue };
            let mut message: Value = serde_json::from_str(text).expect("JSON");
            if message["cmd"] == "NODE_HANDLE" {
                message = message["msg"].take();
            }
            if message["cmd"] == "NODE_CLUSTER" {
                messages.push((name.clone(), message));
            }
        }
    }
    messages
}

#[test]
fn clu_1_recorded_messages_of_five_nodes_survive_a_round_trip() {
    let messages = recorded();
    assert!(messages.len() > 500, "{} is not all of them", messages.len());
    for (file, value) in messages {
        let message = read(&value).unwrap_or_else(|e| panic!("{file}: {value}: {e}"));
        assert_ne!(message.body, Body::Unknown, "{file}: {value}");
        assert_eq!(message.seq, value["seq"].as_u64().expect("a number"), "{file}");
        assert_eq!(again(&message), [message.clone(), message.clone()], "{file}: {value}");
    }
}

#[test]
fn clu_6_our_queries_have_the_fields_of_nodes() {
    for (file, value) in recorded() {
        let Body::Act(Act::QueryServer(query)) = body(value.clone()) else { continue };
        let written = serde_json::to_value(Message { seq: 1, body: Body::Act(Act::QueryServer(query)) });
        let written = written.expect("JSON");
        for name in ["act", "index", "data", "address", "addressType"] {
            assert_eq!(written[name], value[name], "{file}: {name}");
        }
        assert_eq!(written.get("port"), value.get("port"), "{file}");
    }
}

#[test]
fn clu_7_neither_fd_nor_port_is_ever_null() {
    for address_type in
        [AddressType::Tcp4, AddressType::Tcp6, AddressType::Path, AddressType::Udp4, AddressType::Udp6]
    {
        let query = Query::new(address_type);
        for act in [Act::QueryServer(query.clone()), Act::Listening(query)] {
            let written = serde_json::to_value(Message { seq: 0, body: Body::Act(act) }).expect("JSON");
            for name in ["fd", "port"] {
                assert!(!written.get(name).is_some_and(Value::is_null), "{written}");
            }
        }
    }
}

#[test]
fn clu_11_a_replys_error_is_a_number_or_missing() {
    let reply = |errno: Value| read(&json!({ "errno": errno, "key": "k", "ack": 1, "seq": 0 }));
    let server = |errno: Value| match reply(errno).expect("a message").body {
        Body::Reply(reply) => reply.server,
        other => panic!("{other:?}"),
    };
    assert_eq!(server(Value::Null), Some(Ok(())));
    assert_eq!(server(json!(0)), Some(Ok(())));
    assert_eq!(server(json!(-98)), Some(Err(98)));
    for wrong in [json!("EADDRINUSE"), json!({}), json!([]), json!(true)] {
        let error = reply(wrong).expect_err("no errno");
        assert!(error.contains("errno"), "{error}");
    }
    assert_eq!(
        body(json!({ "key": "k", "ack": 1, "seq": 0 })),
        Body::Reply(Reply { ack: 1, key: Some("k".into()), server: Some(Ok(())), ..Reply::default() })
    );
    // That of a query that was not about a server, such as `exitedAfterDisconnect`.
    assert_eq!(body(json!({ "ack": 5, "seq": 2 })), Body::Reply(Reply { ack: 5, ..Reply::default() }));
}

#[test]
fn clu_11_our_replies_are_readable_by_node() {
    let reply = Reply {
        ack: 7,
        server: Some(Ok(())),
        key: Some("null:0:4:undefined:0".into()),
        sockname: Some(SockName { address: "::".into(), is_ipv6: true, port: 34343 }),
        ..Reply::default()
    };
    let written = serde_json::to_value(Message { seq: 3, body: Body::Reply(reply) }).expect("JSON");
    let expected = json!({
        "cmd": "NODE_CLUSTER", "errno": 0, "key": "null:0:4:undefined:0", "ack": 7, "data": null,
        "sockname": { "address": "::", "family": "IPv6", "port": 34343 }, "seq": 3,
    });
    assert_eq!(written, expected);
    let failed = Reply { ack: 7, server: Some(Err(98)), key: Some("k".into()), ..Reply::default() };
    let written = serde_json::to_value(Message { seq: 3, body: Body::Reply(failed) }).expect("JSON");
    assert_eq!(written["errno"], -98);
}

#[test]
fn clu_13_accepted_is_any_truthy_value() {
    for (value, accepted) in
        [(json!(true), true), (json!(1), true), (json!("no"), true), (json!({}), true), (json!([]), true)]
            .into_iter()
            .chain([(json!(false), false), (json!(0), false), (json!(""), false), (json!(null), false)])
    {
        let Body::Reply(reply) = body(json!({ "ack": 1, "accepted": value, "seq": 1 })) else {
            panic!("no reply");
        };
        assert_eq!(reply.accepted, Some(accepted), "{value}");
    }
}

#[test]
fn clu_2_a_message_that_is_neither_an_act_nor_a_reply_is_ignored() {
    for value in [
        json!({}),
        json!({ "act": "sing" }),
        json!({ "act": 1 }),
        json!({ "ack": -1 }),
        json!({ "ack": 0.5 }),
        json!({ "ack": "1" }),
        json!({ "ack": null, "act": {} }),
    ] {
        assert_eq!(body(value.clone()), Body::Unknown, "{value}");
    }
}

#[test]
fn clu_6_an_invalid_query_is_an_error_that_says_why() {
    let query = |fields: Value| {
        let mut value = json!({ "act": "queryServer", "address": null, "port": 0, "addressType": 4 });
        value.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        read(&value)
    };
    assert!(query(json!({})).is_ok());
    for (fields, word) in [
        (json!({ "port": 65536 }), "port"),
        (json!({ "port": "80" }), "port"),
        (json!({ "port": 1.5 }), "port"),
        (json!({ "addressType": 5 }), "addressType"),
        (json!({ "addressType": "udp5" }), "addressType"),
        (json!({ "addressType": null }), "descriptor"),
        (json!({ "addressType": null, "fd": -1 }), "descriptor"),
        (json!({ "addressType": null, "fd": 1e300 }), "descriptor"),
        (json!({ "addressType": -1 }), "path"),
    ] {
        let error = query(fields.clone()).expect_err("no query");
        assert!(error.contains(word), "{fields}: {error}");
    }
    for missing in [json!({ "act": "close" }), json!({ "act": "newconn", "key": 1 })] {
        assert!(read(&missing).expect_err("no key").contains("key"));
    }
}

#[test]
fn clu_6_the_quirks_of_backlog_and_flags() {
    let query = |fields: Value| {
        let mut value = json!({ "act": "queryServer", "address": null, "port": 0, "addressType": 4 });
        value.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        match body(value) {
            Body::Act(Act::QueryServer(query)) => query,
            other => panic!("{other:?}"),
        }
    };
    for (backlog, expected) in
        [(json!(false), None), (json!(0), None), (json!(-1), None), (json!(7), Some(7))]
    {
        assert_eq!(query(json!({ "backlog": backlog })).backlog, expected);
    }
    assert_eq!(query(json!({})).flags, 0);
    assert_eq!(query(json!({ "flags": 5 })).flags, 5);
    assert_eq!(query(json!({ "fd": null })).fd, None);
    assert_eq!(query(json!({ "fd": 9 })).fd, Some(9));
    assert!(query(json!({ "readableAll": true })).readable_all);
}

#[test]
fn clu_6_any_data_is_carried_unchanged() {
    let data = json!({ "ticketKeys": "ab".repeat(48), "list": [1, null, { "a": "\u{2028}" }] });
    let value = json!({
        "act": "queryServer", "index": 0, "data": data, "address": null, "port": 1, "addressType": 4, "seq": 1,
    });
    let message = read(&value).expect("a message");
    let written = serde_json::to_value(&message).expect("JSON");
    assert_eq!(written["data"], data);
    assert_eq!(again(&message), [message.clone(), message]);
}

#[test]
fn invalid_input_is_neither_a_message_nor_a_panic() {
    for text in ["", "null", "1", "[]", "\"act\"", "{", "{\"act\":\"online\"", "{\"act\":\"\\ud800\"}"] {
        assert!(serde_json::from_str::<Message>(text).is_err(), "{text}");
    }
    // Ignored fields may have any depth; stored fields may not.
    let deep =
        |name: &str| format!("{{\"act\":\"online\",\"{name}\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert!(serde_json::from_str::<Message>(&deep("x")).is_ok());
    assert!(serde_json::from_str::<Message>(&deep("data")).is_err());
    // A name may look like a number.
    let named = v8::Value::object([("1", v8::Value::Null), ("act", "online".into())]);
    let record = Bytes::from(named.encode(&v8::Options::default()).expect("encoded"));
    assert_eq!(v8::from_slice::<Message>(&record).expect("a message").body, Body::Act(Act::Online));
}
