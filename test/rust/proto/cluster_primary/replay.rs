//! Recorded conversations of Node's workers, with our machine in place of their primary.

use std::fs;
use std::path::Path;

use crossfork::proto::cluster::primary::{Action, Balance, ServerId};
use crossfork::proto::cluster::{Act, Body, Message, PrimaryMachine, SockName};
use serde_json::{Value, json};

use crate::sim::token::{Ledger, Token};

const FROM_WORKER: &str = "child->parent";

/// One side of a recording: what the primary said, whether with a descriptor; or what the worker did.
enum Step {
    Worker(Message),
    Acked,
    Primary { text: Value, fd: bool },
    End,
}

fn steps(text: &str) -> Vec<Step> {
    text.lines().filter_map(|line| step(&serde_json::from_str(line).expect("JSON"))).collect()
}

fn step(record: &Value) -> Option<Step> {
    let from_worker = record["dir"] == FROM_WORKER;
    let Some(line) = record["line"].as_str() else {
        return (from_worker && record["event"] == "eof").then_some(Step::End);
    };
    let mut message: Value = serde_json::from_str(line).expect("JSON");
    let fd = record["fds"].as_u64() == Some(1);
    match (message["cmd"].as_str(), from_worker) {
        (Some("NODE_HANDLE_ACK"), true) => return Some(Step::Acked),
        (Some("NODE_HANDLE"), false) => message = message["msg"].take(),
        _ => {}
    }
    if message["cmd"] != "NODE_CLUSTER" {
        return None;
    }
    Some(match from_worker {
        true => Step::Worker(serde_json::from_value(message).expect("a message")),
        false => Step::Primary { text: message, fd },
    })
}

struct Replay {
    machine: PrimaryMachine<Token>,
    fds: Ledger,
    bound: Option<ServerId>,
    /// Ours by Node's: keys, and the numbers of messages.
    keys: Vec<(String, String)>,
    seqs: Vec<(u64, u64)>,
    /// What the channel has, as one does at a time.
    sent: Vec<(u64, Token)>,
    said: Vec<(Message, bool)>,
    paused: bool,
    server: Option<ServerId>,
    shared: Vec<Message>,
}

impl Replay {
    fn new(balance: Balance) -> Self {
        let mut machine = PrimaryMachine::new(balance, false);
        machine.add_worker(1);
        Replay {
            machine,
            fds: Ledger::default(),
            bound: None,
            keys: Vec::new(),
            seqs: Vec::new(),
            sent: Vec::new(),
            said: Vec::new(),
            paused: false,
            server: None,
            shared: Vec::new(),
        }
    }

    fn run(&mut self, steps: &[Step], name: &str) {
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Worker(message) => {
                    let message = self.translated(message.clone());
                    self.machine.handle_message(1, message);
                    self.perform();
                    // What the system said to it, we know from what the primary said then.
                    if let Some(server) = self.bound.take() {
                        let bound = answer(&steps[at..]);
                        self.machine.handle_bound(server, bound);
                        self.perform();
                    }
                }
                Step::Acked => {
                    if !self.sent.is_empty() {
                        let (seq, fd) = self.sent.remove(0);
                        self.machine.handle_returned(seq, fd, true);
                        self.perform();
                    }
                }
                Step::Primary { text, fd } => self.primary_said(text, *fd, name),
                Step::End => {
                    self.machine.remove_worker(1);
                    self.perform();
                }
            }
        }
        assert!(self.said.is_empty(), "{name}: Node did not say {:?}", self.said);
        self.sent.clear();
        assert_eq!(self.fds.descriptors(), 0, "{name}");
    }

    /// Node's primary said this: so do we, moved to it by what moved Node.
    fn primary_said(&mut self, text: &Value, fd: bool, name: &str) {
        if self.said.is_empty() {
            match text["act"].as_str() {
                Some("disconnect") => self.machine.disconnect(1),
                // Node offers a refused connection again at once; we do so after a pause.
                Some("newconn") if self.paused => {
                    self.paused = false;
                    self.machine.handle_pause_over(self.server.expect("a server"));
                }
                Some("newconn") => {
                    let fd = self.fds.open();
                    self.machine.handle_connection(self.server.expect("a server"), fd);
                }
                _ => {}
            }
            self.perform();
        }
        assert!(!self.said.is_empty(), "{name}: we did not say {text}");
        let (ours, with_fd) = self.said.remove(0);
        assert_eq!(with_fd, fd, "{name}: {text}");
        if let Some(seq) = text["seq"].as_u64() {
            self.seqs.push((seq, ours.seq));
        }
        let mut expected = text.clone();
        let mut said = serde_json::to_value(&ours).expect("JSON");
        if let (Some(theirs), Some(our)) = (expected["key"].as_str(), said["key"].as_str()) {
            self.keys.push((theirs.to_owned(), our.to_owned()));
        }
        // Opaque, and ours to choose.
        for field in ["key", "seq"] {
            assert_eq!(expected.get(field).is_some(), said.get(field).is_some(), "{name}: {field}");
            expected[field].take();
            said[field].take();
        }
        if expected.get("errno") == Some(&Value::Null) {
            expected["errno"] = json!(0);
        }
        assert_eq!(said, expected, "{name}");
    }

    /// As the worker would have said it to us.
    fn translated(&self, mut message: Message) -> Message {
        match &mut message.body {
            Body::Act(Act::Close { key }) => {
                if let Some((_, ours)) = self.keys.iter().find(|(theirs, _)| theirs == key) {
                    ours.clone_into(key);
                }
            }
            Body::Reply(reply) => {
                if let Some((_, ours)) = self.seqs.iter().find(|(theirs, _)| *theirs == reply.ack) {
                    reply.ack = *ours;
                }
            }
            _ => {}
        }
        message
    }

    fn perform(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Send { message, .. } => self.said.push((message, false)),
                Action::Offer { message, fd, .. } => {
                    self.sent.push((message.seq, fd));
                    self.said.push((message, true));
                }
                Action::Share { reply, .. } => {
                    self.shared.push(reply.clone());
                    self.said.push((reply, true));
                }
                Action::Bind { server, .. } => {
                    self.server = Some(server);
                    self.bound = Some(server);
                }
                Action::Pause { .. } => self.paused = true,
                _ => {}
            }
        }
    }
}

/// What the primary's next answer to a query says of the socket.
fn answer(steps: &[Step]) -> Result<Option<SockName>, i32> {
    let answers = steps.iter().filter_map(|step| match step {
        Step::Primary { text, .. } if text.get("errno").is_some() => Some(text),
        _ => None,
    });
    let answer = answers.clone().next().unwrap_or_else(|| panic!("it is never answered"));
    match answer["errno"].as_i64() {
        Some(errno) if errno != 0 => Err(-errno as i32),
        _ => Ok(answer.get("sockname").map(|name| SockName {
            address: name["address"].as_str().expect("an address").to_owned(),
            is_ipv6: name["family"] == "IPv6",
            port: name["port"].as_u64().expect("a port") as u16,
        })),
    }
}

#[test]
fn clu_11_clu_13_clu_14_our_primary_sends_what_nodes_primary_sent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/transcripts/cluster");
    let mut replayed = 0;
    for file in fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        // The relay's view of who spoke first is not exact: here worker and primary did so at once.
        let balance = if name.contains("sched-none") { Balance::Shared } else { Balance::RoundRobin };
        let steps = steps(&fs::read_to_string(&file).expect("is readable"));
        Replay::new(balance).run(&steps, &name);
        replayed += 1;
    }
    assert!(replayed > 100, "only {replayed}");
}
