//! Programs from npm that others wrote, driven unmodified.

use std::path::PathBuf;

use crossfork::{Escalation, Signal};
use serde_json::{Value, json};

use super::{Scenario, node, scenario};
use crate::child::{Child, Scope};
use crate::driver::Driver;

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    vec![
        scenario(node, "workerpool: its process worker runs functions that it is sent", |t: &Scope<D>| {
            let child = t.start(t.module(installed(t, "workerpool/src/worker.js")));
            for id in 0..50 {
                let function = "function (a, b) { return { sum: a + b, text: '\u{1F980}' }; }";
                let call = json!({ "id": id, "method": "run", "params": [function, [id, 1]] });
                let result = json!({ "sum": id + 1, "text": "\u{1F980}" });
                assert_eq!(child.ask(call), json!({ "id": id, "result": result, "error": null }));
            }
            terminate(&child);
        }),
        scenario(node, "workerpool: a worker with functions of its own", |t: &Scope<D>| {
            let child = t.start(t.module(own("workerpool-script.cjs")));
            child.expect(&json!("ready"));
            let call = |method: &str, params: Value| json!({ "id": 7, "method": method, "params": params });
            assert_eq!(child.ask(call("add", json!([20, 22])))["result"], 42);
            assert_eq!(child.ask(call("whoami", json!([])))["result"], child.id());
            let long = child.ask(call("repeat", json!(["é", 500_000])));
            assert_eq!(long["result"].as_str().map(str::len), Some(1_000_000));
            let failed = child.ask(call("fail", json!([])));
            assert_eq!(failed["error"]["message"], "it failed on purpose");
            let methods = child.ask(call("methods", json!([])));
            assert!(methods["result"].as_array().is_some_and(|names| names.contains(&json!("repeat"))));
            terminate(&child);
        }),
        scenario(node, "workerpool: a worker that loses its parent exits with 1", |t: &Scope<D>| {
            let child = t.start(t.module(own("workerpool-script.cjs")));
            child.expect(&json!("ready"));
            child.disconnect().expect("the end");
            child.exits_with(1);
        }),
        scenario(node, "jest-worker: its process child calls what it is told to", jest_worker),
        scenario(node, "TypeScript: tsserver --useNodeIpc completes and explains", tsserver),
    ]
}

/// A file of a package.
fn installed<D: Driver>(t: &Scope<D>, file: &str) -> PathBuf {
    t.runtime.modules.as_ref().expect("the runtime's member `modules`").join(file)
}

/// A file in test/interop/npm.
fn own(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("test/interop/npm").join(file)
}

fn terminate<D: Driver>(child: &Child<D>) {
    child.send("__workerpool-terminate__").expect("a word");
    child.expect_end();
    child.exits_with(0);
}

// The kinds of jest-worker's messages.
const INITIALIZE: u8 = 0;
const CALL: u8 = 1;
const END: u8 = 2;
const MEMORY: u8 = 3;

fn jest_worker<D: Driver>(t: &Scope<D>) {
    let child = t.start(t.module(installed(t, "jest-worker/build/workers/processChild.js")));
    child.send(&json!([INITIALIZE, false, own("tasks.cjs"), []])).expect("a message");
    for i in 0..50 {
        assert_eq!(child.ask(json!([CALL, false, "add", [i, 1]])), json!([0, i + 1]));
    }
    assert_eq!(child.ask(json!([CALL, false, "repeat", ["ab", 3]])), json!([0, "ababab"]));
    let failed = child.ask(json!([CALL, false, "fail", []]));
    assert_eq!(
        [&failed[0], &failed[1], &failed[2]],
        [&json!(1), &json!("TypeError"), &json!("it failed on purpose")]
    );
    assert!(child.ask(json!([MEMORY]))[1].as_u64().is_some_and(|bytes| bytes > 1_000_000));
    // It takes its listener away then, and ends by itself (LIFE-10).
    child.send(&json!([END, false])).expect("a message");
    child.expect_end();
    child.exits_with(0);
}

fn tsserver<D: Driver>(t: &Scope<D>) {
    let fork = t.module(installed(t, "typescript/lib/tsserver.js"));
    let child = t.start(fork.args(["--useNodeIpc", "--disableAutomaticTypingAcquisition"]));
    let file = "/somewhere/greeting.ts";
    let text = "const greeting = { first: 'hello', second: 1 };\ngreeting.\ngreeting.first.length;\n";
    request(&child, 1, "open", json!({ "file": file, "fileContent": text, "scriptKindName": "TS" }));

    request(&child, 2, "completionInfo", json!({ "file": file, "line": 2, "offset": 10 }));
    let completions = answer(&child, 2);
    let entries = completions["entries"].as_array().expect("entries");
    let names: Vec<&str> = entries.iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert!(names.contains(&"first") && names.contains(&"second"), "{names:?}");

    request(&child, 3, "quickinfo", json!({ "file": file, "line": 1, "offset": 8 }));
    let info = answer(&child, 3)["displayString"].as_str().expect("a text").to_owned();
    assert!(info.starts_with("const greeting: {") && info.contains("second: number"), "{info}");

    let status = child.stop(Escalation::new().signal(Signal::KILL));
    assert_eq!(status.code(), Some(0), "{status}");
}

fn request<D: Driver>(child: &Child<D>, seq: u32, command: &str, arguments: Value) {
    let request = json!({ "seq": seq, "type": "request", "command": command, "arguments": arguments });
    child.send(&request).expect("a request");
}

/// The answer's body; events come in between.
fn answer<D: Driver>(child: &Child<D>, seq: u32) -> Value {
    loop {
        let mut message = child.value("an answer of tsserver");
        if message["type"] == "response" && message["request_seq"] == seq {
            assert_eq!(message["success"], true, "{message}");
            return message["body"].take();
        }
    }
}
