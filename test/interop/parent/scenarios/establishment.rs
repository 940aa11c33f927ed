//! How the channel comes to be.

use std::os::fd::{AsFd, AsRawFd};

use crossfork::process::{Command, Fork};
use crossfork::{Serialization, Stdio};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::{Value, json};

use super::{Scenario, all, node, scenario, scripts};
use crate::child::{Scope, script_path};
use crate::driver::Driver;
use crate::{inside, proc};

pub fn scenarios<D: Driver>() -> Vec<Scenario<D>> {
    let mut list = Vec::new();
    for number in [3, 7, 0, 1, 2] {
        list.push(scenario(
            all,
            format!("CH-3/8: the channel may be descriptor {number}"),
            move |t: &Scope<D>| {
                let child = t.start(t.script("peer.cjs").channel_at(number));
                child.echo();
                let expected = [
                    format!("NODE_CHANNEL_FD={number}"),
                    format!("NODE_CHANNEL_SERIALIZATION_MODE={}", crate::serialization()),
                ];
                assert_eq!(proc::channel_variables(child.id()), expected, "CH-2: one of each");
                child.disconnect().expect("the end");
                child.exits_with(0);
            },
        ));
    }
    list.extend([
        scenario(scripts, "CH-6/8: the child is connected", |t: &Scope<D>| {
            let child = t.start(t.script("peer.cjs").args(["one", "--two"]));
            let about = child.ask(json!({ "op": "self" }));
            assert_eq!(about["connected"], true);
            assert_eq!(about["argv"], json!(["one", "--two"]));
        }),
        scenario(node, "CH-6: the child has taken the variables out of its environment", |t: &Scope<D>| {
            assert_eq!(t.peer().ask(json!({ "op": "self" }))["variables"], json!([]));
        }),
        scenario(node, "CH-9: exec_argv is for Node, before the module", |t: &Scope<D>| {
            let child = t.start(t.script("peer.cjs").exec_argv(["--no-warnings"]).arg("one"));
            let about = child.ask(json!({ "op": "self" }));
            assert_eq!(about["execArgv"], json!(["--no-warnings"]));
            assert_eq!(about["argv"], json!(["one"]));
        }),
        scenario(node, "CH-10: a command line with a channel does the same", |t: &Scope<D>| {
            let command = Command::<D::Mark>::new(&t.runtime.bin).arg(script_path("peer.cjs"));
            let command = command.serialization(crate::serialization());
            let child = t.adopt(D::spawn(command, 4).expect("a child"));
            child.echo();
            child.disconnect().expect("the end");
            child.exits_with(0);
        }),
        scenario(node, "CH-7: a shell in between changes nothing", |t: &Scope<D>| {
            let line = format!("exec '{}' '{}'", t.runtime.bin.display(), script_path("peer.cjs"));
            let command = Command::<D::Mark>::shell(line).serialization(crate::serialization());
            let child = t.adopt(D::spawn(command, 3).expect("a child"));
            child.echo();
        }),
        scenario(all, "CH-2: a variable that the caller sets does not get in the way", |t: &Scope<D>| {
            let fork = t.script("peer.cjs").env("NODE_CHANNEL_FD", "77");
            let other = match crate::serialization() {
                Serialization::Json => "advanced",
                _ => "json",
            };
            let child = t.start(fork.env("NODE_CHANNEL_SERIALIZATION_MODE", other));
            child.echo();
            assert_eq!(proc::channel_variables(child.id()).len(), 2);
        }),
        scenario(all, "CH-2: a program that was forked itself can fork", inside::forked),
        scenario(all, "CH-4: the child has none of our descriptors", |t: &Scope<D>| {
            // Left open by code that does not use close-on-exec.
            let (reader, _writer) = std::io::pipe().expect("a pipe");
            fcntl(reader.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).expect("a flag");
            let pipe = std::fs::read_link(format!("/proc/self/fd/{}", reader.as_raw_fd())).expect("a pipe");
            let other = t.peer();
            let child = t.peer();
            for child in [&child, &other] {
                child.echo();
                assert!(!proc::descriptors(child.id()).contains(&pipe), "{pipe:?} was inherited");
            }
            // A copy of the other one's channel would hide its end (CH-8).
            other.disconnect().expect("the end");
            other.exits_with(0);
            child.echo();
        }),
        scenario(node, "CH-8: the child's descriptors are what was asked for", |t: &Scope<D>| {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            let pipe = std::fs::read_link(format!("/proc/self/fd/{}", reader.as_raw_fd())).expect("a pipe");
            let fork = t.script("peer.cjs").channel_at(5).stdio(4, reader);
            let child = t.start(fork.stdio(3, Stdio::Null));
            child.echo();
            let of_child =
                |number: u32| std::fs::read_link(format!("/proc/{}/fd/{number}", child.id())).unwrap();
            assert_eq!(of_child(3), std::path::Path::new("/dev/null"));
            assert_eq!(of_child(4), pipe);
            assert!(of_child(5).to_string_lossy().starts_with("socket:"));
            drop(writer);
        }),
        scenario(node, "CH-9: CROSSFORK_NODE and PATH are where node is looked for", |t: &Scope<D>| {
            let folder = t.runtime.bin.parent().expect("a folder");
            let answer = inside::output_of("found", &[("PATH", folder.as_os_str())]);
            let program = t.runtime.bin.canonicalize().expect("a program");
            assert_eq!(answer, program.to_string_lossy());
            let variables = [("CROSSFORK_NODE", t.runtime.bin.as_os_str())];
            assert_eq!(inside::output_of("found", &variables), answer);
        }),
        scenario(all, "LIFE-6: a program that is not there is an error that names it", |_| {
            let not_executable = script_path("peer.cjs");
            let absent = script_path("absent");
            for (path, code) in [(&absent, "ENOENT"), (&not_executable, "EACCES")] {
                let Err(e) = D::fork(Fork::new("x").exec_path(path)) else { panic!("{path} was started") };
                assert!(e.to_string().contains(path), "{e}");
                assert_eq!(e.code(), code);
            }
        }),
    ]);
    list.push(scenario(all, "CH-1: either side may begin", |t: &Scope<D>| {
        let child = t.peer();
        child.send(&json!("at once")).expect("a message");
        child.expect(&Value::from("at once"));
    }));
    list
}
