//! How a context waits for its sockets. Each context has an epoll instance with its sockets, and the
//! epoll descriptor itself can be polled: by the runtime's event loop if that is libuv's, otherwise by
//! a thread.

mod thread;

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Function;
use nix::sys::epoll::Epoll;

use crate::sys::event_loop::InLoop;
use thread::ByThread;

pub enum Wait {
    Loop(InLoop),
    Thread(ByThread),
}

impl Wait {
    /// Calls `notify` whenever a socket has an event, until the environment ends. Then calls `end` with
    /// the context's number. Only `keep_alive` keeps the environment alive.
    pub fn begin(
        env: &Env,
        notify: &Function<'_, (), ()>,
        epoll: &Arc<Epoll>,
        libuv: bool,
        end: (u32, fn(u32)),
    ) -> napi::Result<io::Result<Wait>> {
        if libuv && let Some(found) = InLoop::begin(env, notify, epoll.0.as_fd(), end)? {
            return Ok(found.map(Wait::Loop));
        }
        Ok(ByThread::begin(env, notify, epoll, end)?.map(Wait::Thread))
    }

    pub fn keep_alive(&mut self, env: &Env, on: bool) -> napi::Result<()> {
        match self {
            Wait::Loop(own) => {
                own.keep_alive(on);
                Ok(())
            }
            Wait::Thread(own) => own.keep_alive(env, on),
        }
    }
}
