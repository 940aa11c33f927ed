//! What the user gives: a number of instances, a file of variables, a program.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crossfork::supervisor::env_file;
use crossfork::supervisor::inspect;
use crossfork::supervisor::instances::Instances;
use crossfork::supervisor::program::Program;

#[test]
fn instances_are_a_number_or_follow_the_processors() {
    let of = |text: &str, processors| text.parse::<Instances>().map(|instances| instances.of(processors));
    assert_eq!(of("3", 8), Ok(3));
    assert_eq!(of("max", 8), Ok(8));
    assert_eq!(of("-1", 8), Ok(7));
    assert_eq!(of("-1", 1), Ok(1));
    for wrong in ["0", "-2", "", "1025", "many", "1.5"] {
        assert!(of(wrong, 8).is_err(), "{wrong}");
    }
    assert_eq!(Instances::default(), Instances::Max);
}

#[test]
fn instances_count_the_processors_that_we_may_use() {
    let ours = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    let ours = (0..nix::sched::CpuSet::count()).filter(|cpu| ours.is_set(*cpu).unwrap()).count();
    let counted = Instances::Max.count();
    assert!((1..=ours).contains(&counted), "{counted} of {ours}: a control group may allow fewer");
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crossfork-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn variables_come_from_the_file_but_for_those_that_we_have() {
    let scratch = Scratch::new("env-file");
    let path = scratch.file("env", "PATH=/nowhere\nexport A=1\n", 0o644);
    assert_eq!(env_file::read(&path).unwrap(), [("A".to_owned(), "1".to_owned())]);
}

/// What Node makes of each, test/interop/run-options.test.mjs tells.
#[test]
fn a_file_of_variables_is_read_as_node_reads_it() {
    let scratch = Scratch::new("node-env-file");
    for (text, expected) in [
        ("A=two words \nB=2", &[("A", "two words"), ("B", "2")][..]),
        ("# A=1\n\n  \nB=2 # more\nC=a#b", &[("B", "2"), ("C", "a")]),
        ("A=p$A\nB=\"${A}\"\nC=\\n", &[("A", "p$A"), ("B", "${A}"), ("C", "\\n")]),
        ("A=\"x\\ny # z\" # more\nB='x\\ny'\nC=`it's`", &[("A", "x\ny # z"), ("B", "x\\ny"), ("C", "it's")]),
        ("A=\"one\ntwo\"\nB='\n'", &[("A", "one\ntwo"), ("B", "\n")]),
        ("A=it's\nB=\"open\nC=", &[("A", "it's"), ("B", "\"open"), ("C", "")]),
        ("nonsense\n=1\n A = 1 \r\nA.b=c=d", &[("A", "1"), ("A.b", "c=d")]),
        ("A=\0\nB=1", &[("B", "1")]),
    ] {
        let path = scratch.file("env", text, 0o644);
        let read = env_file::read(&path).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(read, expected, "{text:?}");
    }
}

#[test]
fn a_file_of_variables_that_cannot_be_read_is_named() {
    let absent = concat!(env!("CARGO_MANIFEST_DIR"), "/test/absent");
    let error = env_file::read(Path::new(absent)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{absent}: ")) && error.contains("No such file"), "{error}");
}

#[test]
fn an_executable_binary_is_run_by_itself_and_all_else_by_node() {
    let scratch = Scratch::new("programs");
    let found = |path: &Path| Program::find(path).unwrap();
    let binary = fs::canonicalize(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(found(&binary), Program::Binary(binary.clone()));
    let addon = scratch.file("addon.node", fs::read(&binary).unwrap().split_at(100).0, 0o644);
    for path in [
        scratch.file("app.js", "listen()", 0o644),
        scratch.file("tool.js", "#!/usr/bin/env node\nlisten()", 0o755),
        scratch.file("empty", "", 0o755),
        addon,
        scratch.0.clone(),
    ] {
        assert_eq!(found(&path), Program::Module(path.clone()));
    }
    let with_options = scratch.file("cli.js", "#!/usr/bin/env -S node --no-warnings\n", 0o755);
    assert_eq!(found(&with_options), Program::Module(with_options.clone()));
    let without_end = scratch.0.join("app");
    assert_eq!(found(&without_end), Program::Module(without_end.clone()));
    assert!(Program::find(&scratch.0.join("nothing")).is_err());
}

#[test]
fn what_node_cannot_run_is_named_at_once() {
    let scratch = Scratch::new("no-programs");
    let why = |path: &Path| Program::find(path).unwrap_err().to_string();
    for (line, interpreter) in [
        ("#!/bin/sh", "sh"),
        ("#! /usr/bin/bash -e", "bash"),
        ("#!/usr/bin/env python3", "python3"),
        ("#!/usr/bin/env -S sh -e", "sh"),
    ] {
        for mode in [0o755, 0o644] {
            let script = scratch.file("server", format!("{line}\nexec node server.js\n"), mode);
            let why = why(&script);
            assert!(why.starts_with(&format!("this is a script for {interpreter}, ")), "{why}");
        }
    }
    let npm = scratch.file("npm", "#!/usr/bin/env node\n", 0o755);
    for path in [Path::new("npm"), Path::new("npx"), &npm] {
        assert!(why(path).starts_with("this is a package manager, not a program"), "{}", why(path));
    }
}

#[test]
fn the_inspector_has_a_port_for_each_worker() {
    let first = |args: &str| inspect::first_port(args.split(' ').map(OsStr::new));
    assert_eq!(first("--no-warnings --stack-trace-limit=5"), None);
    assert_eq!(first("--inspect"), Some(9229));
    assert_eq!(first("--inspect-brk=5000"), Some(5000));
    assert_eq!(first("--inspect=0.0.0.0"), Some(9229));
    assert_eq!(first("--inspect=[::1]:5000"), Some(5000));
    assert_eq!(first("--inspect=[::1]"), Some(9229));
    assert_eq!(first("--inspect=5000 --inspect-port=127.0.0.1:6000"), Some(6000));
    assert_eq!(first("--inspect-port=6000 --inspect"), Some(6000));
    assert_eq!(first("--inspect=0"), None, "Node finds one");

    let port = |slot, taken: &[u16]| inspect::port(9229, slot, 4, &taken.iter().copied().collect());
    assert_eq!(port(0, &[]), Some(9229));
    assert_eq!(port(3, &[9229]), Some(9232));
    assert_eq!(port(3, &[9232]), Some(9236), "beside an old worker");
    assert_eq!(port(3, &[9232, 9236]), Some(9240));
    assert_eq!(inspect::port(65534, 3, 4, &[].into()), None);
}
