//! A language server in tasks. `examples/language_server.rs` is the one on threads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossfork::calls::RpcError;
use crossfork::tokio::{Context, Service};
use serde_json::{Value, json};

fn main() -> Result<(), crossfork::Error> {
    let text = Arc::new(Mutex::new(String::new()));
    let [opened, changed, hovered] = [text.clone(), text.clone(), text];
    Service::new()
        .ordered()
        .method("initialize", async |_: Value, _: Context| {
            let capabilities = json!({ "textDocumentSync": 1, "hoverProvider": true });
            Ok::<_, RpcError>(json!({ "capabilities": capabilities, "serverInfo": { "name": "tasks" } }))
        })
        .method("initialized", async |_: Value, _: Context| Ok::<_, RpcError>(()))
        .method("textDocument/didOpen", move |params: Value, cx: Context| {
            let document = params["textDocument"].clone();
            look(&opened, &document["uri"], &document["text"], &cx)
        })
        .method("textDocument/didChange", move |params: Value, cx: Context| {
            look(&changed, &params["textDocument"]["uri"], &params["contentChanges"][0]["text"], &cx)
        })
        .method("textDocument/hover", move |_: Value, _: Context| {
            let words = hovered.lock().unwrap().split_whitespace().count();
            async move { Ok::<_, RpcError>(json!({ "contents": format!("{words} words") })) }
        })
        .method("slow", async |_: Value, _: Context| {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok::<_, RpcError>(())
        })
        .method("shutdown", async |_: Value, _: Context| Ok::<_, RpcError>(()))
        .method("exit", |_: Value, _: &Context| -> Result<(), RpcError> { std::process::exit(0) })
        .run()
}

fn look(
    kept: &Mutex<String>,
    uri: &Value,
    text: &Value,
    cx: &Context,
) -> impl Future<Output = Result<(), RpcError>> + use<> {
    let text = text.as_str().unwrap_or_default();
    let words: Vec<_> = text.split_whitespace().collect();
    let twice = words.windows(2).filter(|pair| pair[0] == pair[1]);
    let at = json!({ "line": 0, "character": 0 });
    let found: Vec<_> = twice
        .map(|pair| {
            json!({ "range": { "start": at, "end": at }, "message": format!("'{}' is there twice", pair[0]) })
        })
        .collect();
    kept.lock().unwrap().replace_range(.., text);
    let told =
        cx.peer().notify("textDocument/publishDiagnostics", &json!({ "uri": uri, "diagnostics": found }));
    async move { told.map_err(|error| RpcError::new(1, error.to_string())) }
}
