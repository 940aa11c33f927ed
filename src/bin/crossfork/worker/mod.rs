//! `crossfork worker`: a child that Node can fork without anybody writing Rust.

mod cluster;
mod http;
mod requests;
mod service;

use std::process::ExitCode;
use std::rc::Rc;

use crossfork::tokio::Channel;
use crossfork::{Error, Limits, Message, ProtocolError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

use crate::args::WorkerOptions;
use requests::Request;
use service::Service;

/// The exit status for a wrong way of starting.
const USAGE: u8 = 2;

pub(crate) fn main(options: &WorkerOptions) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("crossfork worker: no event loop: {e}");
            return ExitCode::FAILURE;
        }
    };
    let is_in_cluster = std::env::var_os("NODE_UNIQUE_ID").is_some_and(|id| !id.is_empty());
    let tasks = LocalSet::new();
    let result = match is_in_cluster {
        true => tasks.block_on(&runtime, cluster::run(options)),
        false => tasks.block_on(&runtime, run(options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("crossfork worker: {e}");
            match e {
                Error::Env(_) | Error::Protocol(_) => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(options: &WorkerOptions) -> Result<(), Error> {
    let limits = Limits { max_message: options.max_message, ..Limits::default() };
    let channel = Channel::from_env_with(limits)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let service = Service::new();

    let result = tokio::select! {
        result = receive(&channel, &service) => result,
        () = arrived(&mut terminate) => Ok(()),
        () = arrived(&mut interrupt) => Ok(()),
    };
    if !service.drain(options.drain_timeout).await {
        eprintln!("crossfork worker: requests in flight were cut off");
    }
    result
}

async fn arrived(signal: &mut Signal) {
    signal.recv().await;
}

/// Until the parent disconnects.
async fn receive(channel: &Channel, service: &Rc<Service>) -> Result<(), Error> {
    loop {
        match channel.recv().await {
            Ok(Some(message)) => handle(channel, service, message).await?,
            Ok(None) => return Ok(()),
            Err(e @ Error::Protocol(ProtocolError::BunFormat)) => return Err(e),
            Err(Error::Protocol(e)) => {
                service.stats.refused(&e);
                eprintln!("crossfork worker: {e}");
            }
            Err(e) => return Err(e),
        }
    }
}

async fn handle(channel: &Channel, service: &Rc<Service>, mut message: Message) -> Result<(), Error> {
    service.stats.message();
    if let Some(handle) = message.take_handle() {
        service.stats.received();
        if let Err(e) = service.serve(handle) {
            eprintln!("crossfork worker: a handle cannot be served: {e}");
        }
        return Ok(());
    }
    let result = match Request::parse(&message) {
        Some(Request::Send(what)) => {
            tokio::task::spawn_local(requests::send(channel.clone(), service.clone(), what));
            Ok(())
        }
        Some(Request::Stats) => channel.send(&service.stats.report()).await,
        None => channel.send_payload(message.payload()).await,
    };
    match result {
        // What the parent sent is no message, and would end it if it came back (NEVER-1, NEVER-2).
        Err(Error::Send(e @ (crossfork::SendError::Encode(_) | crossfork::SendError::Reserved { .. }))) => {
            eprintln!("crossfork worker: not echoed: {e}");
            Ok(())
        }
        // The channel is over, which the next call to recv tells.
        Err(Error::Send(crossfork::SendError::Closed | crossfork::SendError::ClosedByUs)) => Ok(()),
        result => result,
    }
}

/// Whether the peer was told to keep its handle.
fn was_refused(e: &ProtocolError) -> bool {
    matches!(e, ProtocolError::MissingDescriptor { .. })
}
