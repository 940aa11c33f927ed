//! What this program does when a scenario starts it once more: `interop-parent <driver> <runtime>
//! inside <what>`.

use std::ffi::OsStr;
use std::fs;
use std::process::{self, ExitCode, Stdio};
use std::sync::Arc;

use crossfork::Serialization;
use crossfork::process::Fork;
use nix::unistd::Pid;
use serde_json::json;

use crate::child::{Kind, Runtime, Scope, script_path};
use crate::driver::Driver;
use crate::proc::is_alive;

pub fn run<D: Driver>(runtime: &str, what: &str) -> ExitCode {
    let runtime: Arc<Runtime> = Arc::new(serde_json::from_str(runtime).expect("a runtime, as JSON"));
    let scope = Scope::<D>::new(runtime);
    match what {
        "forked" => {
            let child = scope.peer();
            child.echo();
            child.disconnect().expect("the end");
            child.exits_with(0);
        }
        // By a fork that is not told which node.
        "found" => {
            let fork = Fork::new(script_path("peer.cjs")).serialization(crate::serialization());
            let child = scope.adopt(D::fork(fork).expect("a child"));
            child.echo();
            let program = fs::read_link(format!("/proc/{}/exe", child.id())).expect("a program");
            print!("{}", program.display());
            child.disconnect().expect("the end");
            child.exits_with(0);
        }
        // Until it is killed.
        "hold" => {
            let fork =
                scope.script("peer.cjs").stdio(1, crossfork::Stdio::Null).stdio(2, crossfork::Stdio::Null);
            let child = scope.adopt(D::fork(fork).expect("a child"));
            child.echo();
            println!("{}", child.id());
            // Deno goes on for ever if it loses its parent while it writes; a Node parent's as well.
            if scope.runtime.kind != Kind::Deno {
                let _ = child.send(&json!({ "op": "burst", "count": 10_000, "size": 1000 }));
            }
            loop {
                std::thread::park();
            }
        }
        _ => panic!("there is no {what} inside"),
    }
    ExitCode::SUCCESS
}

/// Runs this program with a channel of its own, which it leaves in its environment.
pub fn forked<D: Driver>(t: &Scope<D>) {
    let [program, driver, runtime, ..] = &arguments()[..] else { unreachable!() };
    let fork = Fork::new(driver).exec_path(program).args([runtime.as_str(), "inside", "forked"]);
    let ourselves = t.start(fork.args(options()));
    // A channel of ours: nobody may have touched it.
    ourselves.expect_end();
    ourselves.exits_with(0);
    t.peer().echo();
}

pub fn output_of(what: &str, variables: &[(&str, &OsStr)]) -> String {
    let mut command = command(what);
    command.env_remove("CROSSFORK_NODE").envs(variables.iter().copied());
    let output = command.output().expect("ourselves");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a text")
}

/// This program as a parent that can be killed, and its child's id.
pub struct Held {
    pub process: process::Child,
    pub child: u32,
}

impl Held {
    pub fn start() -> Self {
        let mut process = command("hold").stdout(Stdio::piped()).spawn().expect("ourselves");
        let line = crate::peers::read_to(process.stdout.as_mut().expect("a pipe"), "\n");
        Held { process, child: line.trim().parse().expect("a process id") }
    }

    /// Kills it, and waits for its end; its child is left to itself.
    pub fn kill(&mut self) {
        self.process.kill().expect("a signal");
        self.process.wait().expect("its end");
    }
}

/// So that nothing is left of a scenario that failed.
impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if is_alive(self.child) {
            let _ = nix::sys::signal::kill(Pid::from_raw(self.child as i32), nix::sys::signal::SIGKILL);
        }
    }
}

fn command(what: &str) -> process::Command {
    let [program, driver, runtime, ..] = &arguments()[..] else { unreachable!() };
    let mut command = process::Command::new(program);
    command.args([driver, runtime, "inside", what]).args(options());
    command
}

/// What we were told, and tell ourselves.
fn options() -> Option<&'static str> {
    (crate::serialization() == Serialization::Advanced).then_some(crate::ADVANCED)
}

fn arguments() -> Vec<String> {
    let mut arguments: Vec<String> = std::env::args().collect();
    arguments[0] = std::env::current_exe().expect("our path").to_string_lossy().into_owned();
    arguments
}
