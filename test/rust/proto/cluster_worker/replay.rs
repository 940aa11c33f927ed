//! Recorded cluster conversations of five Node versions, with our worker in place of Node's.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::Path;

use crossfork::proto::cluster::worker::{Carried, Next, ServerId};
use crossfork::proto::cluster::{Act, AddressType, Body, Message, Query, WorkerMachine};
use serde_json::{Value, json};

use super::kit::plain;
use crate::sim::token::{Ledger, Token};

#[test]
fn clu_5_to_clu_19_our_worker_sends_what_nodes_worker_sent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test/transcripts/cluster");
    let mut replayed = 0;
    for file in fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        // Our worker knows the answer, and does not ask.
        if name.starts_with("cluster-same-port-twice") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file");
        let records: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        replayed += Stage::new(&name, &records).replay(&records);
    }
    assert!(replayed > 300, "only {replayed} messages of workers");
}

struct Stage<'a> {
    name: &'a str,
    worker: WorkerMachine<Token>,
    fds: Ledger,
    said: VecDeque<Message>,
    /// The servers in the order of their queries, by the number of these.
    asked: Vec<(u64, ServerId, Query)>,
    keys: HashMap<String, ServerId>,
    /// The numbers of the connections that Node's worker accepted.
    accepted: Vec<u64>,
}

impl<'a> Stage<'a> {
    fn new(name: &'a str, records: &[Value]) -> Self {
        Stage {
            name,
            worker: WorkerMachine::default(),
            fds: Ledger::default(),
            said: VecDeque::new(),
            asked: Vec::new(),
            keys: HashMap::new(),
            accepted: records.iter().filter_map(accepted).collect(),
        }
    }

    fn replay(mut self, records: &[Value]) -> usize {
        let mut count = 0;
        // Heard when it was acknowledged, which may be later than it was recorded.
        let mut with_handle = None;
        for record in records {
            let Some(line) = record["line"].as_str() else { continue };
            let line: Value = serde_json::from_str(line).expect("JSON");
            match line["cmd"].as_str() {
                Some("NODE_HANDLE") => with_handle = Some(message(&line["msg"])),
                Some("NODE_HANDLE_ACK") => self.hears(with_handle.take().expect("a handle"), true),
                Some("NODE_CLUSTER") if record["dir"] == "child->parent" => {
                    count += 1;
                    self.speaks(message(&line));
                }
                Some("NODE_CLUSTER") => self.hears(message(&line), false),
                _ => {}
            }
        }
        assert!(self.said.is_empty(), "{}: {:?}", self.name, self.said);
        for (_, server, _) in &self.asked {
            self.worker.release(*server);
        }
        assert_eq!(self.fds.descriptors(), 0, "{}", self.name);
        count
    }

    fn hears(&mut self, message: Message, has_fd: bool) {
        if let Body::Reply(reply) = &message.body
            && let (Some(Ok(())), Some(key)) = (reply.server, &reply.key)
        {
            let (_, server, _) = self.asked.iter().find(|(seq, ..)| *seq == reply.ack).expect("a query");
            self.keys.insert(key.clone(), *server);
        }
        // Node's worker had a limit that its messages do not show.
        if self.name.starts_with("cluster-maxconnections-reject")
            && let Body::Act(Act::NewConnection { key }) = &message.body
        {
            self.worker.set_max_connections(self.keys[key], Some(1));
            if self.accepted.contains(&message.seq) {
                self.end_connections();
            }
        }
        let carried = if has_fd { Carried::Handle(self.fds.open()) } else { Carried::Nothing };
        self.worker.handle_message(message, carried);
        self.listen_to_it();
    }

    /// Makes our worker do what Node's did, if that was the worker's own decision.
    fn speaks(&mut self, theirs: Message) {
        match &theirs.body {
            Body::Act(Act::Online) => self.worker.online(),
            Body::Act(Act::QueryServer(query)) => {
                let server = self.worker.listen(Query { index: 99, ..query.clone() });
                self.asked.push((theirs.seq, server, query.clone()));
            }
            Body::Act(Act::Listening(query)) => {
                let same = |asked: &Query| place(asked) == place(query);
                let asked = self.asked.iter().find(|(_, _, asked)| same(asked));
                let (_, server, _) = asked.expect("a query");
                self.worker.listening(*server, query.port);
            }
            Body::Act(Act::Close { key }) if self.said.is_empty() => self.worker.close(self.keys[key]),
            Body::Act(Act::ExitedAfterDisconnect) if self.said.is_empty() => self.worker.kill(),
            _ => {}
        }
        self.listen_to_it();
        let ours = self.said.pop_front().unwrap_or_else(|| panic!("{}: silent at {theirs:?}", self.name));
        assert_eq!(without_quirks(&ours), without_quirks(&theirs), "{}", self.name);
    }

    /// There was room because the connections before had ended.
    fn end_connections(&mut self) {
        for (_, server, _) in &self.asked {
            while let Next::Connection(_closed) = self.worker.next_connection(*server) {
                self.worker.connection_closed(*server);
            }
        }
    }

    fn listen_to_it(&mut self) {
        self.said.extend(std::iter::from_fn(|| self.worker.poll_transmit()));
    }
}

fn accepted(record: &Value) -> Option<u64> {
    let line: Value = serde_json::from_str(record["line"].as_str()?).expect("JSON");
    (line["accepted"] == true).then(|| line["ack"].as_u64().expect("a number"))
}

fn message(value: &Value) -> Message {
    serde_json::from_value(value.clone()).expect("a message")
}

fn place(query: &Query) -> (u32, Option<String>, AddressType, Option<i32>) {
    (query.index, query.address.clone(), query.address_type, query.fd)
}

/// What Node writes differently from version to version.
fn without_quirks(message: &Message) -> Value {
    let mut value = plain(message);
    for name in ["backlog", "flags"] {
        let is_nothing = |value: &Value| *value == json!(false) || *value == json!(0);
        let fields = value.as_object_mut().expect("an object");
        if fields.get(name).is_some_and(is_nothing) {
            fields.remove(name);
        }
    }
    value
}
