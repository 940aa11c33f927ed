//! How a context waits for its sockets. They are in an epoll instance of its own, which can itself
//! be waited for: by the runtime's own loop where that is libuv's, and else by a thread.

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
    /// Has `notify` called whenever one of the sockets has something, until `end` is called with
    /// its number, when its environment ends. What keeps the environment alive is only
    /// `keep_alive`.
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
