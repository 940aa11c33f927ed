//! What goes over the channel, in JSON most of all, and what never
//! reaches the user.

use crossfork::Error;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Scenario, all, scenario, scripts, told};
use crate::child::Scope;
use crate::driver::Driver;

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    vec![
        scenario(all, "SER-5: any JSON value may be a message", |t: &Scope<D>| {
            let child = t.peer();
            let values = json!([
                "", "text", 0, -1, 1.5, true, false, null, [], {}, [[]], [null], { "a": { "b": [1, { "c": null }] } }
            ]);
            for value in values.as_array().unwrap() {
                child.round_trip(value);
            }
        }),
        scenario(all, "SER-3: numbers come back unchanged", |t: &Scope<D>| {
            let child = t.peer();
            for number in [0.0, 1e-7, 0.1 + 0.2, 1e21, f64::MAX, f64::MIN_POSITIVE, -9007199254740991.0] {
                child.send(&number).expect("a number");
                let back = child.value("a number");
                assert_eq!(back.as_f64(), Some(number), "{back}");
            }
        }),
        scenario(all, "SER-3: what is no number arrives as null", |t: &Scope<D>| {
            let child = t.peer();
            for number in [f64::NAN, f64::INFINITY] {
                child.send(&number).expect("a number");
                child.expect(&Value::Null);
            }
        })
        .in_json(),
        scenario(all, "SER-3/11: escaped lone surrogates come back as they were", |t: &Scope<D>| {
            let child = t.peer();
            for text in [r#""\ud800""#, r#""a\udfffb""#, r#"{"\ud800":"\udbff"}"#] {
                raw_round_trip(&child, text);
            }
        })
        .in_json(),
        scenario(all, "SER-3/11: every other character comes back as it was", |t: &Scope<D>| {
            let child = t.peer();
            let texts = [
                "😀\u{10ffff}𝒳",
                "\u{2028}\u{2029}\u{85}",
                "\r\n\0\u{1}\u{1f}\u{7f}",
                "\u{feff}text",
                "\u{8}\u{c}\t\"\\/",
            ];
            for text in texts {
                child.round_trip(&json!(text));
                child.round_trip(&json!({ text: [text] }));
            }
        }),
        scenario(
            scripts,
            "SER-3/11: the child finds what it was sent to be the same (===)",
            |t: &Scope<D>| {
                let child = t.peer();
                for (index, text) in ODD.iter().enumerate() {
                    let request = format!(r#"{{"op":"compare","index":{index},"value":{text}}}"#);
                    child.send(&RawValue::from_string(request).expect("JSON")).expect("a message");
                    child.expect(&json!({ "same": true }));
                }
            },
        )
        .in_json(),
        scenario(scripts, "SER-3/5: what the child sends arrives, to the byte", |t: &Scope<D>| {
            let child = t.peer();
            child.send(&json!({ "op": "odd" })).expect("a request");
            for text in ODD {
                let message = child.receive(text);
                assert_eq!(String::from_utf8_lossy(message.payload().as_bytes()), *text);
            }
        })
        .in_json(),
        scenario(all, "SER-3: the order and the names of keys are preserved", |t: &Scope<D>| {
            let child = t.peer();
            raw_round_trip(&child, r#"{"z":1,"a":2,"":3,"constructor":5,"toString":6}"#);
        })
        .in_json(),
        scenario(all, "SER-2: a message of 3 MB comes back complete", |t: &Scope<D>| {
            t.peer().round_trip(&json!("é€😀".repeat(350_000)));
        })
        .heavy(),
        scenario(all, "SER-2: messages of every size around the buffer sizes come back", |t: &Scope<D>| {
            let child = t.peer();
            for edge in [4096, 65536, 131072, 212992] {
                for size in edge - 4..=edge + 1 {
                    child.round_trip(&json!("x".repeat(size)));
                }
            }
        })
        .heavy(),
        scenario(all, "SER-2: 100,000 small messages come back in order", hundred_thousand).heavy(),
        scenario(
            scripts,
            "SER-4: the line \"undefined\" is an error, and the next message arrives",
            |t: &Scope<D>| {
                let child = t.peer();
                child.send(&json!({ "op": "undefined" })).expect("a request");
                match child.recv() {
                    Err(e @ Error::Protocol(_)) => assert_eq!(e.code(), "ERR_IPC_DECODE"),
                    other => panic!("{other:?}"),
                }
                child.echo();
            },
        )
        .in_json(),
        scenario(all, "INT-1: cmd:\"NODE_\" is an ordinary message", |t: &Scope<D>| {
            t.peer().round_trip(&json!({ "cmd": "NODE_" }));
        }),
        scenario(
            all,
            "INT-1: a message that only resembles a command is an ordinary message",
            |t: &Scope<D>| {
                let child = t.peer();
                let values = json!([
                    { "cmd": "node_foo" }, { "cmd": 5 }, { "cmd": null }, { "cmd": ["NODE_FOO"] },
                    { "CMD": "NODE_FOO" }, { "a": { "cmd": "NODE_FOO" } }, [{ "cmd": "NODE_FOO" }], "NODE_FOO"
                ]);
                for value in values.as_array().unwrap() {
                    child.round_trip(value);
                }
            },
        ),
        scenario(scripts, "INT-1: unknown NODE_ commands of the child are swallowed", |t: &Scope<D>| {
            let child = t.peer();
            child.send(&json!({ "op": "internal" })).expect("a request");
            child.echo();
        }),
        scenario(told, "LIFE-11: messages sent right after the start arrive", |t: &Scope<D>| {
            let child = t.peer();
            for i in 0..100 {
                child.feed(&i).expect("a message");
            }
            child.flush().expect("the messages");
            for i in 0..100 {
                child.expect(&json!(i));
            }
        }),
    ]
}

/// What children/values.cjs has, as JSON.stringify() writes it.
const ODD: &[&str] = &[
    r#""\ud800""#,
    r#""a\udfffb""#,
    "\"😀\"",
    "\"\u{10ffff}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\\u0000\\u001f\u{7f}\"",
    "\"\u{feff}\"",
    r#""""#,
    "null",
    "true",
    "0",
    "-1.5",
    "1e+21",
    "9007199254740992",
];

fn raw_round_trip<D: Driver>(child: &crate::child::Child<D>, text: &str) {
    child.send(&RawValue::from_string(text.to_owned()).expect("JSON")).expect("a message");
    let back = child.receive(text);
    assert_eq!(String::from_utf8_lossy(back.payload().as_bytes()), text);
}

fn hundred_thousand<D: Driver>(t: &Scope<D>) {
    const COUNT: usize = 100_000;
    let child = t.peer();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for i in 0..COUNT {
                child.feed(&i).expect("a message");
            }
            child.flush().expect("the messages");
        });
        for i in 0..COUNT {
            let message = child.receive("a number");
            assert_eq!(message.decode::<usize>().expect("a number"), i);
        }
    });
}
