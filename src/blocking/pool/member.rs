//! [`Member`]: a worker as the pool's thread sees it. Nothing here waits.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::process::{ChildStderr, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::builder::Run;
use super::callee::{Callee, spawn};
use super::listeners::{About as Told, Listeners};
use super::pipe::Pipe;
use super::{Child, OutputStream, Peer};
use crate::blocking::{Channel, Process};
use crate::calls::machine::About;
use crate::calls::pool::WorkerId;
use crate::driver::calls::{Frame, Output, catch, is_survived};
use crate::driver::link::Step;
use crate::driver::op::{Operation, SendHandle};
use crate::driver::pool::{AFTER_EXIT, StderrTail, end_of};
use crate::error::{Error, ProtocolError, SendError};
use crate::message::Message;

/// How often a process is looked at whose end cannot be waited for.
const LOOK: Duration = Duration::from_millis(20);
/// So many messages of one worker are taken before others have their turn.
const MOST_MESSAGES: usize = 64;

pub(super) struct Member {
    run: Arc<Run>,
    listeners: Option<Arc<Listeners>>,
    worker: WorkerId,
    process: Arc<Process>,
    channel: Channel,
    callee: Callee,
    greeting: Option<Pin<Box<dyn Future<Output = Option<usize>> + Send>>>,
    conversation: Conversation,
    /// There may be something to receive.
    is_readable: bool,
    /// So much waits to begin, or to be told, that nothing is received.
    is_paused: bool,
    /// It has sent a message when many waited to be told.
    has_sent_many: bool,
    /// What it writes is read.
    reads_output: bool,
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
    stderr_tail: StderrTail,
    /// A handle on its way, and what its message is about. What follows waits until the worker has it.
    handle: Option<(SendHandle, Option<About>)>,
    /// What it has sent against the rules.
    broken: Option<ProtocolError>,
    /// How it has ended, and when.
    exited: Option<(io::Result<ExitStatus>, Instant)>,
}

/// How far the conversation over the channel is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conversation {
    Open,
    /// Messages were taken off the core, and there may be more.
    Writing,
    Over,
}

impl Member {
    pub(super) fn new(
        run: &Arc<Run>,
        listeners: &Option<Arc<Listeners>>,
        worker: WorkerId,
        child: Child,
        cx: &mut Context<'_>,
    ) -> Self {
        let Child { mut process, channel } = child;
        let (stdout, stderr) = (Pipe::new(process.stdout.take()), Pipe::new(process.stderr.take()));
        let process = Arc::new(process);
        let core = run.connect(worker, &process, &channel, cx.waker().clone());
        let greeting = {
            let (run, core) = (run.clone(), core.clone());
            Box::pin(async move { run.shared.greet(worker, &core).await })
        };
        let mut member = Member {
            run: run.clone(),
            listeners: listeners.clone(),
            worker,
            process,
            channel,
            callee: Callee { run: run.clone(), peer: Peer::new(core.clone()), core },
            greeting: Some(greeting),
            conversation: Conversation::Open,
            is_readable: true,
            is_paused: false,
            has_sent_many: false,
            reads_output: true,
            stdout,
            stderr,
            stderr_tail: StderrTail::default(),
            handle: None,
            broken: None,
            exited: None,
        };
        member.go_on(cx);
        member
    }

    /// Does all that can be done now.
    pub(super) fn go_on(&mut self, cx: &mut Context<'_>) {
        self.greet(cx);
        if self.conversation != Conversation::Over && (self.is_readable || self.is_paused) {
            self.receive(cx);
        }
        if self.conversation != Conversation::Over {
            self.write(cx);
        }
        self.read_output();
        if self.exited.is_none() {
            match self.process.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => self.exited = Some((Ok(status), Instant::now())),
                Err(error) => self.exited = Some((Err(error), Instant::now())),
            }
        }
        // The last words of a process do not wait.
        self.reads_output = self.exited.is_some() || self.has_room(Told::Output);
    }

    /// The process has ended, and all that it has said was heard.
    pub(super) fn is_gone(&self) -> bool {
        let is_all_read = self.conversation == Conversation::Over
            && self.stdout.pipe.is_none()
            && self.stderr.pipe.is_none();
        self.exited.as_ref().is_some_and(|(_, at)| is_all_read || at.elapsed() >= AFTER_EXIT)
    }

    pub(super) fn leave(mut self) {
        self.end_conversation();
        if let Some((status, _)) = self.exited {
            self.run.shared.gone(self.worker, end_of(status, &self.stderr_tail, self.broken));
        }
    }

    /// When it is to be looked at, whatever happens.
    pub(super) fn until(&self) -> Option<Instant> {
        match &self.exited {
            Some((_, at)) => Some(*at + AFTER_EXIT),
            None if self.pidfd().is_none() => Some(Instant::now() + LOOK),
            None => None,
        }
    }

    /// What it waits for. In the order in which [`happened`](Self::happened) takes it.
    pub(super) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        let read = |fd| PollFd::new(fd, PollFlags::POLLIN);
        if self.reads_output {
            fds.extend(self.stdout.pipe.as_ref().map(|pipe| read(pipe.as_fd())));
            fds.extend(self.stderr.pipe.as_ref().map(|pipe| read(pipe.as_fd())));
        }
        if self.conversation != Conversation::Over {
            let flags = self.channel.with_link(|link| {
                let mut flags = PollFlags::empty();
                flags
                    .set(PollFlags::POLLIN, link.wants_input() && (!self.is_paused || self.handle.is_some()));
                flags.set(PollFlags::POLLOUT, link.needs_room());
                flags
            });
            // The kernel tells of a hang-up whatever is asked.
            if !flags.is_empty() {
                fds.push(PollFd::new(self.channel.as_fd(), flags));
            }
        }
        if self.exited.is_none() {
            fds.extend(self.pidfd().map(read));
        }
    }

    /// What of it has happened. The rest is tried at each turn.
    pub(super) fn happened(&mut self, happened: &[bool]) {
        let mut happened = happened.iter().copied();
        let mut next = |is_there: bool| is_there && happened.next() == Some(true);
        self.stdout.is_readable = next(self.reads_output && self.stdout.pipe.is_some());
        self.stderr.is_readable = next(self.reads_output && self.stderr.pipe.is_some());
        // What follows the streams: the channel, or the end of the process, behind which a look does no harm.
        self.is_readable |= next(true);
    }

    fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        #[cfg(target_os = "linux")]
        return self.process.pidfd().ok();
        #[cfg(not(target_os = "linux"))]
        None
    }

    fn greet(&mut self, cx: &mut Context<'_>) {
        let Some(greeting) = &mut self.greeting else {
            return;
        };
        let Poll::Ready(announced) = greeting.as_mut().poll(cx) else {
            return;
        };
        self.greeting = None;
        let Some(announced) = announced else {
            return;
        };
        if self.run.set_up.is_none() {
            return self.run.shared.ready(self.worker, announced);
        }
        let (run, worker, peer) = (self.run.clone(), self.worker, self.callee.peer.clone());
        let prepare = move || {
            let set_up = run.set_up.as_ref().map(|set_up| catch(|| set_up(&peer)));
            match set_up.unwrap_or(Ok(Ok(()))).unwrap_or_else(|panic| Err(panic.into())) {
                Ok(()) => run.shared.ready(worker, announced),
                Err(error) => run.shared.not_ready(worker, format!("its set-up failed: {error}")),
            }
        };
        if let Err(error) = spawn(prepare) {
            self.run.shared.not_ready(self.worker, format!("its set-up cannot run: {error}"));
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>) {
        for _ in 0..MOST_MESSAGES {
            // As with its output, the last of what a process has sent does not wait.
            self.has_sent_many &= self.exited.is_none() && !self.has_room(Told::Message);
            self.is_paused = self.has_sent_many || self.callee.core.poll_reading(cx).is_pending();
            if self.is_paused {
                return self.read_acknowledgement();
            }
            match self.channel.try_recv() {
                Ok(Some(message)) => {
                    if let Some(message) = self.callee.core.receive(message) {
                        self.tell(message);
                    }
                    self.callee.dispatch();
                }
                Err(Error::Send(SendError::WouldBlock)) => {
                    self.is_readable = false;
                    return;
                }
                Err(error) if is_survived(&error) => {}
                Err(Error::Protocol(error)) => {
                    self.broken = Some(error);
                    return self.end_conversation();
                }
                Ok(None) | Err(_) => return self.end_conversation(),
            }
        }
        // There may be more, of which no descriptor tells.
        cx.waker().wake_by_ref();
    }

    /// What is no call is told. Others that have sent none do not wait for that.
    fn tell(&mut self, message: Message) {
        let Some(listeners) = self.listeners.as_ref().filter(|_| self.run.service.hears_messages()) else {
            return;
        };
        let (run, peer) = (self.run.clone(), self.callee.peer.clone());
        let bytes = message.payload().as_bytes().len();
        listeners.queue(Told::Message, bytes, move || run.service.message(message, &peer));
        self.has_sent_many = !listeners.has_room(Told::Message);
    }

    fn has_room(&self, about: Told) -> bool {
        self.listeners.as_ref().is_none_or(|listeners| listeners.has_room(about))
    }

    /// Messages are not received now, and stay in the channel. What waits for a handle to be acknowledged may be
    /// what they wait for.
    fn read_acknowledgement(&mut self) {
        if self.handle.is_some() {
            self.is_readable = false;
            self.channel.with_link(|link| {
                link.readable();
                while link.read() == Step::Progress {}
            });
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        loop {
            let is_full = self.channel.with_link(|link| {
                if link.needs_room() {
                    link.write();
                }
                link.needs_room()
            });
            if is_full || self.is_handle_on_its_way() {
                return;
            }
            if !self.channel.is_connected() {
                let _ = self.callee.core.poll_end(cx);
                return;
            }
            let frame = match self.conversation {
                Conversation::Writing => self.callee.core.next_frame(),
                _ => match self.callee.core.poll_output(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Some(Output::Frame(frame))) => Some(frame),
                    Poll::Ready(Some(Output::Finished) | None) => return self.end_conversation(),
                },
            };
            self.conversation = if frame.is_some() { Conversation::Writing } else { Conversation::Open };
            if let Some(frame) = frame {
                // What cannot be sent would leave somebody waiting. If the peer has ended the channel, what it
                // has sent before is still received.
                if self.send(frame).is_err() && self.channel.is_connected() {
                    return self.end_conversation();
                }
                // There may be room for more answers.
                self.callee.dispatch();
            }
        }
    }

    fn send(&mut self, frame: Frame) -> Result<(), Error> {
        let Frame { mut bytes, handle, about } = frame;
        let Some(handle) = handle else {
            return self.channel.with_link(|link| {
                let written = link.feed(&mut bytes).map(drop);
                link.write();
                written
            });
        };
        match self.channel.with_link(|link| SendHandle::submit(link, bytes, handle, None)) {
            Ok(sending) => self.handle = Some((sending, about)),
            Err(unsent) if self.channel.is_connected() => self.callee.core.unsent(about, unsent.error),
            Err(_) => {}
        }
        Ok(())
    }

    fn is_handle_on_its_way(&mut self) -> bool {
        let Some((mut sending, about)) = self.handle.take() else {
            return false;
        };
        match self.channel.with_link(|link| sending.poll(link)) {
            None => self.handle = Some((sending, about)),
            Some(Err(unsent)) if self.channel.is_connected() => self.callee.core.unsent(about, unsent.error),
            Some(_) => {}
        }
        self.handle.is_some()
    }

    fn end_conversation(&mut self) {
        if self.conversation != Conversation::Over {
            self.conversation = Conversation::Over;
            self.channel.close();
            self.callee.core.end();
            self.run.shared.closed(self.worker);
        }
    }

    fn read_output(&mut self) {
        let (run, worker, stderr_tail) = (&self.run, self.worker, &mut self.stderr_tail);
        self.stdout.read(|bytes| run.shared.output(worker, OutputStream::Stdout, bytes, stderr_tail));
        self.stderr.read(|bytes| run.shared.output(worker, OutputStream::Stderr, bytes, stderr_tail));
    }
}
