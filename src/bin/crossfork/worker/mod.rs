//! `crossfork worker`: a ready-made child that Node can fork.

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

/// The subcommand's name in reports.
const NAME: &str = "worker";

/// The exit status if the worker was started incorrectly.
const USAGE: u8 = 2;

/// How this worker was started.
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
    // Before the runtime opens descriptors, because a stale variable could name one of them.
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

/// Receives and handles messages until the parent disconnects.
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
            report(NAME, format_args!("cannot serve a handle: {e}"));
        }
        return Ok(());
    }
    let result = match Request::parse(&message) {
        Some(Request::Send(what)) => {
            tokio::task::spawn_local(requests::send(channel.clone(), service.clone(), what));
            Ok(())
        }
        // Replies are batched: they are sent when no more messages are waiting to be received.
        Some(Request::Stats) => channel.feed(&service.stats.report()).await,
        None => channel.feed_payload(message.payload()).await,
    };
    match result {
        // The parent's message is not valid, and would crash the parent if it were echoed (NEVER-1, NEVER-2).
        Err(Error::Send(e @ (crossfork::SendError::Encode(_) | crossfork::SendError::Reserved { .. }))) => {
            report(NAME, format_args!("cannot echo a message: {e}"));
            Ok(())
        }
        // The channel is closed; the next call to recv reports it.
        Err(Error::Send(crossfork::SendError::Closed | crossfork::SendError::ClosedByUs)) => Ok(()),
        result => result,
    }
}

/// Whether the peer was told (by a NACK) that its handle was not received.
fn was_refused(e: &ProtocolError) -> bool {
    matches!(e, ProtocolError::MissingDescriptor { .. })
}
