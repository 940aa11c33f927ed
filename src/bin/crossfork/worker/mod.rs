//! `crossfork worker`: a child that Node can fork without anybody writing Rust.

mod cluster;
mod http;
mod requests;
mod service;

use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::rc::Rc;

use crossfork::tokio::Channel;
use crossfork::tokio::cluster::Worker;
use crossfork::{EnvError, Error, Limits, Message, ProtocolError, Serialization, env};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

use crate::args::WorkerOptions;
use crate::report::report;
use crate::runtime;
use requests::Request;
use service::Service;

/// Our name, in what we report.
const NAME: &str = "worker";

/// The exit status for a wrong way of starting.
const USAGE: u8 = 2;

/// What started us.
enum Parent {
    Forked(OwnedFd, Serialization),
    Cluster(u32, OwnedFd, Serialization),
}

impl Parent {
    fn find() -> Result<Self, EnvError> {
        match env::take_worker() {
            Ok((id, socket, serialization)) => Ok(Parent::Cluster(id, socket, serialization)),
            Err(EnvError::NotAWorker) => {
                let (socket, serialization) = env::take_channel()?;
                Ok(Parent::Forked(socket, serialization))
            }
            Err(e) => Err(e),
        }
    }
}

pub(crate) fn main(options: &WorkerOptions) -> ExitCode {
    // Before the runtime opens anything: a stale variable could name it.
    let parent = match Parent::find() {
        Ok(parent) => parent,
        Err(e) => return failed(&e.into()),
    };
    let runtime = match runtime::build() {
        Ok(runtime) => runtime,
        Err(e) => {
            report(NAME, format_args!("cannot start an event loop: {e}"));
            return ExitCode::FAILURE;
        }
    };
    match LocalSet::new().block_on(&runtime, serve(parent, options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => failed(&e),
    }
}

fn failed(e: &Error) -> ExitCode {
    report(NAME, e);
    match e {
        Error::Env(_) | Error::Protocol(_) => ExitCode::from(USAGE),
        _ => ExitCode::FAILURE,
    }
}

async fn serve(parent: Parent, options: &WorkerOptions) -> Result<(), Error> {
    let limits = Limits::new().max_message(options.max_message);
    match parent {
        Parent::Cluster(id, socket, serialization) => {
            cluster::run(Worker::from_socket(socket, id, serialization, limits)?, options).await
        }
        Parent::Forked(socket, serialization) => {
            run(Channel::from_socket_with(socket, serialization, limits)?, options).await
        }
    }
}

async fn run(channel: Channel, options: &WorkerOptions) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let service = Service::new();

    let result = tokio::select! {
        result = receive(&channel, &service) => result,
        () = arrived(&mut terminate) => Ok(()),
        () = arrived(&mut interrupt) => Ok(()),
    };
    if !service.drain(options.drain_timeout).await {
        report(NAME, "requests in flight were cut off");
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
                report(NAME, &e);
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
            report(NAME, format_args!("a handle cannot be served: {e}"));
        }
        return Ok(());
    }
    let result = match Request::parse(&message) {
        Some(Request::Send(what)) => {
            tokio::task::spawn_local(requests::send(channel.clone(), service.clone(), what));
            Ok(())
        }
        // What can be answered together goes out together, when nothing more is there to be received.
        Some(Request::Stats) => channel.feed(&service.stats.report()).await,
        None => channel.feed_payload(message.payload()).await,
    };
    match result {
        // What the parent sent is no message, and would end it if it came back (NEVER-1, NEVER-2).
        Err(Error::Send(e @ (crossfork::SendError::Encode(_) | crossfork::SendError::Reserved { .. }))) => {
            report(NAME, format_args!("not echoed: {e}"));
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
