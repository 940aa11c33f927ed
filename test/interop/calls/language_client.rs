//! A client of a language server that was made with vscode-languageserver: `calls-language-client NODE SCRIPT`.

use std::num::NonZero;

use crossfork::tokio::{Fork, Pool};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let fork = Fork::new(&args[1]).exec_path(&args[0]).arg("--node-ipc");
    let pool = Pool::fork(fork).size(NonZero::<usize>::MIN).start().unwrap();
    // It knows no bundles and no greeting, and is ready all the same.
    pool.ready().await.unwrap();
    let params = json!({ "processId": std::process::id(), "rootUri": null, "capabilities": {} });
    let initialized: Value = pool.call("initialize", &params).await.unwrap();
    assert_eq!(initialized["capabilities"]["hoverProvider"], true);
    let hovers: Vec<_> = (0..100)
        .map(|line| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let position = json!({ "line": line, "character": 0 });
                let params = json!({ "textDocument": { "uri": "file:///a" }, "position": position });
                pool.call::<Value>("textDocument/hover", &params).await
            })
        })
        .collect();
    for (line, hover) in hovers.into_iter().enumerate() {
        assert_eq!(hover.await.unwrap().unwrap()["contents"], format!("line {line}"));
    }
    let unknown = pool.call::<Value>("nobody", &json!({})).await.unwrap_err();
    assert_eq!(unknown.rpc().unwrap().code, -32601);
    assert_eq!(pool.call::<Value>("shutdown", &()).await.unwrap(), Value::Null);
    pool.close().await;
}
