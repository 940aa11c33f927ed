//! The thread of a pool: it starts workers when they are wanted, and reads and writes for all of them.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::builder::Run;
use super::listeners::Listeners;
use super::member::Member;
use crate::blocking::wakers::PollWaker;
use crate::calls::pool::End;
use crate::driver::pool::Duty;

/// Starts the thread, and the one of the listeners.
pub(super) fn keep(run: Run, listeners: Option<Arc<Listeners>>) -> io::Result<()> {
    let wakeup = Arc::new(PollWaker::new()?);
    if let Some(listeners) = &listeners {
        listeners.start(&run.shared, wakeup.clone())?;
    }
    let thread = Thread { run: Arc::new(run), listeners, wakeup, members: Vec::new() };
    thread::Builder::new().name("crossfork-pool".to_owned()).spawn(move || thread.run())?;
    Ok(())
}

struct Thread {
    run: Arc<Run>,
    listeners: Option<Arc<Listeners>>,
    wakeup: Arc<PollWaker>,
    members: Vec<Member>,
}

/// Also if the thread was not started.
impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(listeners) = &self.listeners {
            listeners.close();
        }
    }
}

impl Thread {
    fn run(mut self) {
        let waker = Waker::from(self.wakeup.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            let Some(until) = self.next_time(&mut cx) else {
                return;
            };
            for member in &mut self.members {
                member.go_on(&mut cx);
            }
            let (gone, left) = self.members.drain(..).partition::<Vec<_>, _>(Member::is_gone);
            self.members = left;
            let is_one_gone = !gone.is_empty();
            for member in gone {
                member.leave();
            }
            // What has ended may be replaced at once.
            if !is_one_gone {
                self.poll(until);
            }
        }
    }

    /// Starts what is to be started. Tells when there is something to do again, or `None` at the end.
    fn next_time(&mut self, cx: &mut Context<'_>) -> Option<Option<Instant>> {
        loop {
            match self.run.shared.duty(cx) {
                Duty::Start { worker, place } => match self.run.spawn(place) {
                    Ok(child) => {
                        self.members.push(Member::new(&self.run, &self.listeners, worker, child, cx));
                    }
                    Err(error) => {
                        let end = End { cause: Some(error.to_string()), ..End::default() };
                        self.run.shared.gone(worker, end);
                    }
                },
                Duty::Wait(until) => return Some(until),
                Duty::Over => return None,
            }
        }
    }

    /// Waits until something can be done.
    fn poll(&mut self, until: Option<Instant>) {
        let until = self.members.iter().filter_map(Member::until).chain(until).min();
        let timeout = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => PollTimeout::NONE,
            // Rounded up, so that it never ends too early and spins.
            Some(left) => {
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut fds = vec![PollFd::new(self.wakeup.as_fd(), PollFlags::POLLIN)];
        let mut counts = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let before = fds.len();
            member.watch(&mut fds);
            counts.push(fds.len() - before);
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            // Out of memory: a moment later there may be some.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
        let happened: Vec<_> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        drop(fds);
        if happened[0] {
            self.wakeup.drain();
        }
        let mut rest = &happened[1..];
        for (member, count) in self.members.iter_mut().zip(counts) {
            let (own, others) = rest.split_at(count);
            member.happened(own);
            rest = others;
        }
    }
}
