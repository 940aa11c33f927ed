//! Children that were dropped while they ran, of a tokio runtime that has nothing to do or ends: no
//! zombies either. Each test has a process of its own, for another runtime could reap them.

use crossfork::tokio::Command;
use nix::sys::signal::{SIGKILL, kill};
use nix::unistd::Pid;
use tokio::runtime::{Builder, Runtime};

use crate::look::is_gone;
use crate::support::deadline::eventually;
use crate::support::process::alone;

#[test]
fn tokio_a_dropped_child_is_reaped_by_an_idle_runtime() {
    const NAME: &str = "process::orphans::tokio_a_dropped_child_is_reaped_by_an_idle_runtime";
    alone(NAME, || {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let pid = dropped(&runtime);
        end(pid);
    });
}

#[test]
fn tokio_a_dropped_child_that_outlives_its_runtime_is_reaped() {
    alone("process::orphans::tokio_a_dropped_child_that_outlives_its_runtime_is_reaped", || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let pid = dropped(&runtime);
        drop(runtime);
        end(pid);
    });
}

/// Starts a process, and drops it while it runs.
fn dropped(runtime: &Runtime) -> u32 {
    runtime.block_on(async { Command::new("sleep").arg("1000").spawn().unwrap().id() })
}

fn end(pid: u32) {
    kill(Pid::from_raw(pid as i32), SIGKILL).unwrap();
    eventually("nothing is left of the child", || is_gone(pid));
}
