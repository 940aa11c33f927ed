//! The channel in a process's environment. Each test starts itself again as the child, with the channel
//! at a given descriptor number.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crossfork::env::VARIABLES;
use crossfork::{EnvError, Error, Serialization};
use serde_json::{Value, json};

use crate::framing::receive;
use crate::support::descriptors::{identity, is_cloexec};
use crate::support::drivers::{Driver, Tasks};
use crate::support::for_both_drivers;
use crate::support::parents::Parent;
use crate::support::peer::Peer;
use crate::support::process::{as_child, assert_success, is_inside, with_name};

for_both_drivers!(with_name:
    ch_2_messages_use_the_announced_serialization,
    ch_3_the_channel_is_found_at_the_announced_descriptor,
    ch_3_a_channel_at_standard_input_is_replaced_by_dev_null,
    ch_3_printing_does_not_reach_a_channel_at_standard_output,
    ch_3_printing_does_not_reach_a_channel_at_standard_error,
    ch_4_ch_7_child_processes_inherit_neither_the_channel_nor_its_variables,
    ch_7_the_worker_number_is_not_inherited_by_child_processes,
    ch_6_without_the_variable_there_is_no_channel,
    ch_6_an_empty_variable_means_no_channel,
    ch_6_a_variable_that_is_not_a_number_is_an_error,
    ch_6_a_closed_descriptor_is_an_error,
    ch_6_a_descriptor_that_is_not_a_channel_is_an_error_and_stays_open,
    ch_7_an_absent_or_empty_mode_is_json,
    ch_7_an_unknown_mode_is_an_error,
    ch_7_the_channel_can_be_taken_only_once,
    ch_7_another_channel_can_be_announced_later,
);

pub const FD: &str = "NODE_CHANNEL_FD";
const MODE: &str = "NODE_CHANNEL_SERIALIZATION_MODE";

/// Starts the child with its channel at this number, and returns the other end.
fn start(test: &str, number: i32, variables: &[(&str, &str)]) -> (std::process::Child, Peer) {
    let (theirs, ours) = UnixStream::pair().unwrap();
    (as_child(test, theirs.into(), number, variables), Peer::new(ours))
}

/// Starts the child with a descriptor at number 7 that need not be a channel, and waits for its exit.
fn run(test: &str, at_7: impl Into<OwnedFd>, variables: &[(&str, &str)]) {
    assert_success(as_child(test, at_7.into(), 7, variables));
}

fn a_channel() -> UnixStream {
    UnixStream::pair().unwrap().0
}

/// The error of an environment without a usable channel.
pub fn no_channel<D: Driver>() -> EnvError {
    let error = match D::from_env() {
        Err(Error::Env(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("unexpected channel"),
    };
    assert_taken();
    error
}

/// The test harness has threads, so the variables stay in the environment. They no longer count.
fn assert_taken() {
    for again in [crossfork::blocking::Channel::from_env().err(), Tasks::from_env().err()] {
        assert!(matches!(again, Some(Error::Env(EnvError::NotAChild))), "{again:?}");
    }
    let seen = crossfork::blocking::Command::new("env").output().unwrap();
    let seen = String::from_utf8_lossy(&seen.stdout);
    assert!(!VARIABLES.iter().any(|name| seen.contains(name)), "{seen}");
}

/// The child's part: it says that it has a channel, and repeats one message.
fn echo<D: Driver>() -> D {
    let channel = D::from_env().unwrap();
    assert_taken();
    channel.send(&json!("hello")).unwrap();
    let message = receive(&channel);
    channel.send(&message).unwrap();
    channel
}

/// The parent's part.
fn assert_echo(peer: &mut Peer) {
    assert_eq!(peer.line(), "\"hello\"");
    peer.write("\"echo\"\n");
    assert_eq!(peer.line(), "\"echo\"");
}

fn ch_2_messages_use_the_announced_serialization<D: Driver>(test: &str) {
    if is_inside(test) {
        let mode = env::var(MODE).unwrap();
        assert_eq!(echo::<D>().serialization().as_str(), mode);
        return;
    }
    for serialization in [Serialization::Json, Serialization::Advanced] {
        let (theirs, ours) = UnixStream::pair().unwrap();
        let variables = [(FD, "7"), (MODE, serialization.as_str())];
        let child = as_child(test, theirs.into(), 7, &variables);
        let mut peer = Peer::speaking(serialization, ours);
        assert_echo(&mut peer);
        peer.assert_end();
        assert_success(child);
    }
}

fn ch_3_the_channel_is_found_at_the_announced_descriptor<D: Driver>(test: &str) {
    if is_inside(test) {
        drop(echo::<D>());
        return;
    }
    for number in [3, 7] {
        let (child, mut peer) = start(test, number, &[(FD, &number.to_string()), (MODE, "json")]);
        assert_echo(&mut peer);
        peer.assert_end();
        assert_success(child);
    }
}

fn ch_3_a_channel_at_standard_input_is_replaced_by_dev_null<D: Driver>(test: &str) {
    if is_inside(test) {
        let channel = echo::<D>();
        assert_eq!(identity(io::stdin()), identity(File::open("/dev/null").unwrap()));
        assert!(!is_cloexec(io::stdin()), "a grandchild must inherit a standard input");
        assert_eq!(io::read_to_string(io::stdin()).unwrap(), "");
        drop(channel);
        return;
    }
    let (child, mut peer) = start(test, 0, &[(FD, "0"), (MODE, "json")]);
    assert_echo(&mut peer);
    peer.assert_end();
    assert_success(child);
}

fn ch_3_printing_does_not_reach_a_channel_at_standard_output<D: Driver>(test: &str) {
    if is_inside(test) {
        let channel = echo::<D>();
        println!("printed");
        assert!(Command::new("echo").arg("printed by a grandchild").status().unwrap().success());
        assert_eq!(identity(io::stdout()), identity(File::open("/dev/null").unwrap()));
        channel.send(&json!("the end")).unwrap();
        return;
    }
    let (child, mut peer) = start(test, 1, &[(FD, "1"), (MODE, "json")]);
    // The test harness printed before the channel was taken. What it prints at the end must not appear.
    while peer.line() != "\"hello\"" {}
    peer.write("\"echo\"\n");
    assert_eq!(peer.rest(), ["\"echo\"", "\"the end\""]);
    assert_success(child);
}

fn ch_3_printing_does_not_reach_a_channel_at_standard_error<D: Driver>(test: &str) {
    if is_inside(test) {
        let channel = echo::<D>();
        eprintln!("printed");
        channel.send(&json!("the end")).unwrap();
        return;
    }
    let (child, mut peer) = start(test, 2, &[(FD, "2"), (MODE, "json")]);
    assert_echo(&mut peer);
    assert_eq!(peer.rest(), ["\"the end\""]);
    assert_success(child);
}

fn ch_4_ch_7_child_processes_inherit_neither_the_channel_nor_its_variables<D: Parent>(test: &str) {
    if is_inside(test) {
        let channel = D::from_env().unwrap();
        let look = "env; ls -l /proc/self/fd /dev/fd/";
        let mut seen = D::output(crossfork::process::Command::shell(look)).unwrap().stdout;
        // Processes started by other means see nothing either, if the environment is removed.
        let mut command = Command::new("sh");
        command.args(["-c", look]);
        for name in VARIABLES {
            command.env_remove(name);
        }
        seen.extend(command.output().unwrap().stdout);
        channel.send(&String::from_utf8_lossy(&seen)).unwrap();
        return;
    }
    for number in [0, 1, 3, 7] {
        let (theirs, ours) = UnixStream::pair().unwrap();
        let (_, inode) = identity(&theirs);
        let child = as_child(
            test,
            theirs.into(),
            number,
            &[(FD, &number.to_string()), (MODE, "json"), ("NODE_UNIQUE_ID", "5"), ("SEEN", "yes")],
        );
        let mut peer = Peer::new(ours);
        let seen = loop {
            // Skip the harness's own lines, where the channel is its standard output.
            if let Ok(Value::String(seen)) = serde_json::from_str(&peer.line()) {
                break seen;
            }
        };
        assert!(seen.contains("SEEN=yes"), "{seen}");
        assert!(!VARIABLES.iter().any(|name| seen.contains(name)), "{seen}");
        assert!(seen.contains("->"), "descriptors are listed: {seen}");
        assert!(!seen.contains(&format!("socket:[{inode}]")), "at {number}: {seen}");
        peer.assert_end();
        assert_success(child);
    }
}

/// The program takes only its channel. A Node program that inherited the number would act as a worker.
fn ch_7_the_worker_number_is_not_inherited_by_child_processes<D: Driver>(test: &str) {
    if is_inside(test) {
        let channel = echo::<D>();
        let worker = crossfork::blocking::cluster::Worker::from_env();
        assert!(matches!(worker, Err(Error::Env(EnvError::NotAWorker))), "{worker:?}");
        drop(channel);
        return;
    }
    let (child, mut peer) = start(test, 7, &[(FD, "7"), (MODE, "json"), ("NODE_UNIQUE_ID", "5")]);
    assert_echo(&mut peer);
    assert_success(child);
}

fn ch_6_without_the_variable_there_is_no_channel<D: Driver>(test: &str) {
    if is_inside(test) {
        assert!(matches!(no_channel::<D>(), EnvError::NotAChild));
        return;
    }
    run(test, a_channel(), &[(MODE, "json")]);
}

fn ch_6_an_empty_variable_means_no_channel<D: Driver>(test: &str) {
    if is_inside(test) {
        assert!(matches!(no_channel::<D>(), EnvError::NotAChild));
        return;
    }
    run(test, a_channel(), &[(FD, ""), (MODE, "json")]);
}

fn ch_6_a_variable_that_is_not_a_number_is_an_error<D: Driver>(test: &str) {
    if is_inside(test) {
        let given = env::var(FD).unwrap();
        match no_channel::<D>() {
            EnvError::InvalidNumber(said) => assert_eq!(said, given),
            other => panic!("{other:?}"),
        }
        return;
    }
    for number in ["x", "7x", " 7", "7.0", "0x7", "99999999999"] {
        run(test, a_channel(), &[(FD, number), (MODE, "json")]);
    }
}

fn ch_6_a_closed_descriptor_is_an_error<D: Driver>(test: &str) {
    if is_inside(test) {
        let given: i32 = env::var(FD).unwrap().parse().unwrap();
        match no_channel::<D>() {
            EnvError::NotAChannel { fd, found } => {
                assert_eq!(fd, given);
                assert!(found.contains("Bad file descriptor"), "{found}");
            }
            other => panic!("{other:?}"),
        }
        return;
    }
    for number in ["999", "-1", "-2147483648", "2147483647"] {
        run(test, a_channel(), &[(FD, number), (MODE, "json")]);
    }
}

fn ch_6_a_descriptor_that_is_not_a_channel_is_an_error_and_stays_open<D: Driver>(test: &str) {
    if is_inside(test) {
        let expected = env::var("EXPECTED").unwrap();
        let before = inherited_at_7();
        match no_channel::<D>() {
            EnvError::NotAChannel { fd: 7, found } => assert_eq!(found, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(inherited_at_7(), before, "the descriptor may belong to other code");
        return;
    }
    let run = |at_7: OwnedFd, found: &str| run(test, at_7, &[(FD, "7"), (MODE, "json"), ("EXPECTED", found)]);
    run(File::open(env::current_exe().unwrap()).unwrap().into(), "a file");
    run(File::open("/dev/null").unwrap().into(), "a terminal or other character device");
    run(io::pipe().unwrap().0.into(), "a pipe");
    run(crate::support::descriptors::tcp_pair().0.into(), "a TCP connection");
    run(crate::support::descriptors::unix_pair(nix::sys::socket::SockType::Datagram), "a Unix packet socket");
}

/// What a grandchild finds at 7: the descriptor must still be open, without close-on-exec.
fn inherited_at_7() -> String {
    let look = Command::new("ls").args(["-l", "/proc/self/fd/7"]).output().unwrap();
    assert!(look.status.success(), "the descriptor is closed");
    let text = String::from_utf8(look.stdout).unwrap();
    text.split("->").nth(1).expect("a link").trim().to_owned()
}

fn ch_7_an_absent_or_empty_mode_is_json<D: Driver>(test: &str) {
    if is_inside(test) {
        drop(echo::<D>());
        return;
    }
    for variables in [&[(FD, "7")][..], &[(FD, "7"), (MODE, "")]] {
        let (child, mut peer) = start(test, 7, variables);
        assert_echo(&mut peer);
        assert_success(child);
    }
}

fn ch_7_an_unknown_mode_is_an_error<D: Driver>(test: &str) {
    if is_inside(test) {
        let mode = env::var(MODE).unwrap();
        match no_channel::<D>() {
            EnvError::UnknownSerialization(said) => assert_eq!(said, mode),
            other => panic!("{other:?}"),
        }
        return;
    }
    for mode in ["bogus", "JSON", "json "] {
        run(test, a_channel(), &[(FD, "7"), (MODE, mode)]);
    }
}

fn ch_7_the_channel_can_be_taken_only_once<D: Driver>(test: &str) {
    if is_inside(test) {
        let channel = echo::<D>();
        assert!(matches!(no_channel::<D>(), EnvError::NotAChild));
        // Not even if the variable is set again.
        // SAFETY: no other thread reads or writes the environment.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(FD, "7");
        }
        assert!(matches!(no_channel::<D>(), EnvError::NotAChild));
        channel.send(&json!("still mine")).unwrap();
        return;
    }
    let (child, mut peer) = start(test, 7, &[(FD, "7"), (MODE, "json")]);
    assert_echo(&mut peer);
    assert_eq!(peer.line(), "\"still mine\"");
    peer.assert_end();
    assert_success(child);
}

fn ch_7_another_channel_can_be_announced_later<D: Driver>(test: &str) {
    if is_inside(test) {
        let first = echo::<D>();
        // SAFETY: no other thread reads or writes the environment.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(FD, "0");
        }
        let second = echo::<D>();
        assert_ne!(first.serialization(), Serialization::Advanced);
        drop((first, second));
        return;
    }
    // Standard input is the second one.
    let (theirs, ours) = UnixStream::pair().unwrap();
    let (second_theirs, second_ours) = UnixStream::pair().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 7<&1 1>&2", "sh"]);
    let again = crate::support::process::command(test);
    command.arg(again.get_program()).args(again.get_args());
    command.envs(again.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env(FD, "7").env(MODE, "json");
    command.stdin(OwnedFd::from(second_theirs)).stdout(OwnedFd::from(theirs)).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    for stream in [ours, second_ours] {
        assert_echo(&mut Peer::new(stream));
    }
    assert_success(child);
}
