//! Single steps of I/O, and whether one is worth it. None waits.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::socket::Read;
use super::{Link, Role, Step};

/// Reading.
impl Link {
    /// The socket, to wait on. It may be shut down meanwhile, and is never closed while it is
    /// waited on.
    pub(crate) fn socket(&self) -> Arc<UnixStream> {
        self.socket.stream().clone()
    }

    /// Whether something is to be read now. This is where reading stops. It does when as many messages
    /// wait for our user as the limits allow
    /// ([`Channel::wants_input`](crate::proto::Channel::wants_input)). In a cluster, it also does when a
    /// primary does not read what its worker writes, and when nobody takes a primary's events.
    pub(crate) fn wants_input(&self) -> bool {
        self.core.wants_input()
            && match &self.role {
                Role::Plain => true,
                // A primary that reads no more may still have written, and we have to see its end.
                Role::Worker(worker) => {
                    !worker.is_backlogged() || self.core.is_broken() || self.core.is_half_closed()
                }
                // Acknowledgements are always read: sends may wait for one (HND-7), and the task that
                // sends may be the one that takes the worker's messages.
                #[cfg(feature = "tokio")]
                Role::Primary(primary) => {
                    !primary.is_paused() || self.core.awaits_reply() || self.core.is_half_closed()
                }
            }
    }

    /// Whether somebody needs input: a call that waits, or the end of the channel.
    #[cfg(feature = "tokio")]
    pub(crate) fn needs_input(&self) -> bool {
        self.wants_input() && (self.core.has_left() || !self.waiters.is_empty())
    }

    /// Whether a read is likely to find something.
    pub(crate) fn may_have_input(&self) -> bool {
        self.socket.may_have_input() && self.wants_input()
    }

    /// Whether the last read has taken everything, so that the next one waits for news from the kernel.
    /// On Linux a short read says so for sure.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_drained(&self) -> bool {
        !self.socket.may_have_input() && cfg!(target_os = "linux")
    }

    /// There may be something to read now.
    pub(crate) fn readable(&mut self) {
        self.socket.readable();
    }

    /// Reads once, and writes the replies. `Blocked` if there is nothing, or nothing more.
    pub(crate) fn read(&mut self) -> Step {
        let step = self.read_once();
        if step == Step::Progress {
            self.write();
        }
        step
    }

    pub(super) fn read_once(&mut self) -> Step {
        if !self.wants_input() {
            return Step::Blocked;
        }
        match self.socket.read(self.core.read_buffer()) {
            Ok(Read::Nothing) => return Step::Blocked,
            Ok(Read::Bytes { len, truncated }) => {
                self.core.handle_input(len, self.socket.fds.drain(..), truncated);
                self.handle_cluster_messages();
                if self.core.is_closed() {
                    // The peer writes another format, of which nothing can be read.
                    self.end();
                }
                self.settle();
            }
            Ok(Read::End) => self.peer_is_gone(),
            Err(e) => {
                // A peer that ends without having read everything resets the connection (LIFE-2).
                if e.kind() != io::ErrorKind::ConnectionReset {
                    self.failure = Some(e);
                }
                self.peer_is_gone();
            }
        }
        Step::Progress
    }
}

/// Writing.
impl Link {
    /// Whether there is something to write for which the kernel had no room. What was only fed is
    /// written when somebody asks for it.
    pub(crate) fn needs_room(&self) -> bool {
        self.socket.is_full() && self.core.wants_output()
    }

    /// Writes until nothing is left (`Progress`) or the kernel takes no more (`Blocked`).
    pub(crate) fn write(&mut self) -> Step {
        let step = self.write_out();
        self.finish();
        step
    }

    /// Writes what was only fed, for somebody is about to wait. False if there is nothing.
    pub(crate) fn write_fed(&mut self) -> bool {
        let is_due = self.core.wants_output() && !self.socket.is_full();
        if is_due {
            self.write();
        }
        is_due
    }

    pub(super) fn write_out(&mut self) -> Step {
        let step = self.write_all();
        self.socket.written(step);
        self.drop_written_tickets();
        step
    }

    fn write_all(&mut self) -> Step {
        while let Some(transmit) = self.core.poll_transmit() {
            let brings_fd = transmit.fd().is_some();
            match self.socket.write(&transmit) {
                Ok(n) => self.core.transmitted(n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Step::Blocked,
                Err(e) if brings_fd && !is_gone(&e) => {
                    // The kernel refuses this descriptor. The channel itself is fine.
                    self.core.handle_unsendable(e.raw_os_error().unwrap_or(0));
                    self.settle();
                }
                Err(e) => {
                    if !is_gone(&e) {
                        self.failure = Some(e);
                    }
                    self.broken();
                }
            }
        }
        Step::Progress
    }
}

fn is_gone(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}
