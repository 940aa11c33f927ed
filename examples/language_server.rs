//! A language server: it finds words that are written twice in a row, and counts words. An editor starts it with
//! `--node-ipc`, as it starts servers that are written for Node.

use std::collections::HashMap;
use std::process::exit;
use std::sync::{Arc, Mutex};

use crossfork::blocking::{Context, Service};
use crossfork::calls::CallError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Default)]
struct Documents {
    texts: HashMap<String, String>,
    is_shut_down: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    text_document: Document,
    #[serde(default)]
    content_changes: Vec<Document>,
}

/// What has a text, an address, or both.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    text: String,
}

fn main() -> Result<(), crossfork::Error> {
    let documents = Arc::new(Mutex::new(Documents::default()));
    let with = |handle: fn(&mut Documents, Value, &Context) -> Result<Value, CallError>| {
        let documents = documents.clone();
        move |params: Value, cx: &Context| handle(&mut documents.lock().unwrap(), params, cx)
    };
    // A language server does one thing after the other: each call sees the text as it was when it was made.
    let service = Service::new().ordered();
    service
        .method("initialize", |_: Value, _: &Context| {
            let capabilities = json!({ "textDocumentSync": 1, "hoverProvider": true });
            Ok::<_, CallError>(json!({ "capabilities": capabilities, "serverInfo": { "name": "twice" } }))
        })
        .method("initialized", |_: Value, _: &Context| Ok::<_, CallError>(()))
        .method("textDocument/didOpen", with(opened))
        .method("textDocument/didChange", with(changed))
        .method("textDocument/hover", with(hover))
        .method("shutdown", with(shut_down))
        .method("exit", with(|documents, _, _| exit(i32::from(!documents.is_shut_down))))
        .run()
}

fn read<T: serde::de::DeserializeOwned>(params: Value) -> Result<T, CallError> {
    serde_json::from_value(params).map_err(|error| CallError::Result(error.to_string()))
}

fn opened(documents: &mut Documents, params: Value, cx: &Context) -> Result<Value, CallError> {
    let Params { text_document: Document { uri, text }, .. } = read(params)?;
    look(documents, uri, text, cx)
}

/// The editor sends the whole text each time, as `textDocumentSync` says.
fn changed(documents: &mut Documents, params: Value, cx: &Context) -> Result<Value, CallError> {
    let Params { text_document, mut content_changes } = read(params)?;
    let text = content_changes.pop().map(|change| change.text).unwrap_or_default();
    look(documents, text_document.uri, text, cx)
}

/// Tells the editor of words that are there twice.
fn look(documents: &mut Documents, uri: String, text: String, cx: &Context) -> Result<Value, CallError> {
    let mut found = Vec::new();
    for (line, words) in text.lines().enumerate() {
        let words: Vec<_> = words.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == pair[1]) {
            let at = json!({ "line": line, "character": 0 });
            let message = format!("'{}' is there twice", pair[0]);
            found.push(json!({ "range": { "start": at, "end": at }, "message": message }));
        }
    }
    cx.peer().notify("textDocument/publishDiagnostics", &json!({ "uri": uri, "diagnostics": found }))?;
    documents.texts.insert(uri, text);
    Ok(Value::Null)
}

fn hover(documents: &mut Documents, params: Value, _: &Context) -> Result<Value, CallError> {
    let Params { text_document: Document { uri, .. }, .. } = read(params)?;
    let words = documents.texts.get(&uri).map_or(0, |text| text.split_whitespace().count());
    Ok(json!({ "contents": format!("{words} words") }))
}

fn shut_down(documents: &mut Documents, _: Value, _: &Context) -> Result<Value, CallError> {
    documents.is_shut_down = true;
    Ok(Value::Null)
}
