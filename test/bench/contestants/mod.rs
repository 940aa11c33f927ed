//! What is compared: both drivers and a hand-written loop behind one trait, so that all do the
//! same work in the same order. What never waits (the blocking ones) is async in name only.

pub mod bare;
mod ours;
pub mod parcels;

use std::error::Error;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The message of every measurement.
#[derive(Deserialize, Serialize)]
pub struct Item<'a> {
    pub seq: u64,
    pub pad: &'a str,
}

/// The first number: all have the same number of digits, so that all messages are equally long.
pub const FIRST: u64 = 1_000_000;

/// The padding that makes an item's line so many bytes long, its end included.
pub fn pad(size: usize) -> String {
    let empty = r#"{"seq":1000000,"pad":""}"#.len() + 1;
    "x".repeat(size.saturating_sub(empty))
}

/// One end of a channel.
pub trait Contestant {
    /// Waits for the next item, and decodes it; `None` at the end.
    async fn receive<R>(&mut self, look: impl FnOnce(Item<'_>) -> R) -> Result<Option<R>>;
    /// Waits for a message that is not an item.
    async fn decode<T: DeserializeOwned>(&mut self) -> Result<T>;
    /// Receives an item, decodes it and sends it back; false at the end.
    async fn echo(&mut self) -> Result<bool>;
    /// Sends one message with one system call.
    async fn send<T: Serialize>(&mut self, message: &T) -> Result<()>;
    /// Sends a message together with others.
    async fn feed<T: Serialize>(&mut self, message: &T) -> Result<()>;
    /// Sends what was fed.
    async fn flush(&mut self) -> Result<()>;
    /// Receives an item with a handle, which is closed.
    async fn take_handle(&mut self) -> Result<()>;
    /// Sends an item with a copy of a handle, and waits until it is acknowledged.
    async fn give_handle(&mut self, item: &Item<'_>, listener: &TcpListener) -> Result<()>;

    /// Waits for an item that says nothing but when to go on.
    async fn signal(&mut self) -> Result<()> {
        self.receive(|_| ()).await?.ok_or("the channel ended too early")?;
        Ok(())
    }
}

/// The socket that a process was given as its standard input.
pub fn standard_input() -> Result<OwnedFd> {
    Ok(std::io::stdin().as_fd().try_clone_to_owned()?)
}

/// Runs a future that never waits.
pub fn run_ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here is asynchronous"),
    }
}

/// Runs a future of the tokio driver.
pub fn run_tokio<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(future)
}

/// The processor time of this process so far, in microseconds.
pub fn cpu() -> Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds())
}
