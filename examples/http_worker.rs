//! An axum application on a listener that Node opened: the worker of `node examples/http.js`.

use axum::{Router, routing::get};
use crossfork::tokio::Channel;
use crossfork::{Error, Handle};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let channel = Channel::from_env()?;
    let app = Router::new().route("/", get(async || format!("hello from pid {}\n", std::process::id())));

    while let Some(mut message) = channel.recv().await? {
        let Some((Handle::TcpListener(listener), _)) = message.take_handle().map(|h| h.into_parts()) else {
            continue;
        };
        let listener = TcpListener::from_std(listener)?;
        tokio::spawn(axum::serve(listener, app.clone()).into_future());
        channel.send("serving").await?;
    }
    Ok(()) // the parent has disconnected
}
