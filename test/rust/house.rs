//! The house and its rooms: who may import whom, where the unsafe code lives, and that the core
//! is pure. Told from the source text alone.

#[path = "house/text.rs"]
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use text::{
    Source, borrowed_texts, declared_module, hidden_modules, hidden_uses, impurities, library, prints, root,
    runtime_uses, sources, uncancelled, unsafe_code, wrong_imports,
};

/// Each room, and the rooms, or parts of rooms, that it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("limits", &[]),
    ("sys", &[]),
    ("trace", &[]),
    ("fd", &["sys"]),
    ("wire", &["error"]),
    ("message", &["wire", "handle", "error"]),
    ("proto", &["wire", "message::Payload", "error", "limits"]),
    ("calls", &["message", "wire", "handle", "error", "limits"]),
    ("handle", &["wire::control", "sys", "error"]),
    ("env", &["wire", "sys", "error"]),
    ("process", &["env", "sys", "error", "limits", "wire"]),
    (
        "driver",
        &["proto", "calls", "sys", "wire", "handle", "message", "process", "env", "error", "limits", "trace"],
    ),
    ("blocking", FACE),
    ("tokio", FACE),
    (
        "supervisor",
        &[
            "tokio",
            "process",
            "message",
            "error",
            "sys::dispositions",
            "sys::limit",
            "sys::output",
            "sys::reap",
            "sys::terminal",
            "trace",
            "wire::Serialization",
        ],
    ),
];

const FACE: &[&str] = &[
    "driver", "calls", "env", "handle", "message", "process", "proto", "wire", "error", "limits", "sys",
    "fd", "trace",
];

/// Rooms in which nothing is waited for, read or written.
const PURE: &[&str] = &["error", "limits", "wire", "message", "proto", "calls"];

/// What a pure room does not know. It may name the types that hold what others do.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time",
    "libc::",
    "nix::",
    "tokio::",
];

/// Exceptions: data without I/O, that a pure room may name.
const DATA: &[(&str, &[&str])] = &[
    ("proto", &["std::io::IoSlice", "libc::E"]),
    // A point in time is data, and a `Date`; only `now` would be a clock.
    // serde_json's formatters write into memory by the traits of `std::io`.
    (
        "wire",
        &[
            "std::time::SystemTime;",
            "std::time::{Duration, SystemTime};",
            "std::io::Write>(",
            "std::io::Result<()> {",
        ],
    ),
    ("calls", &["std::time::Duration;"]),
    ("error", &["std::io", "std::{fmt, io}", "libc::E", "libc::$name"]),
];

#[test]
fn rooms_import_only_the_rooms_that_they_may() {
    let wrong: Vec<_> = library().iter().flat_map(wrong_imports).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A face is made where a driver calls its macro, and names what that driver has. It may not name one
/// driver's own.
#[test]
fn what_both_drivers_share_knows_no_runtime() {
    let wrong: Vec<_> = library().iter().flat_map(runtime_uses).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms: BTreeSet<_> = lib.lines().filter_map(declared_module).collect();
    let table: BTreeSet<_> = MAY_IMPORT.iter().map(|(room, _)| *room).collect();
    assert_eq!(rooms, table, "src/lib.rs and the table of this test");
}

#[test]
fn unsafe_code_is_in_sys_alone() {
    // The addon has a `sys` of its own, for what comes from and goes to JavaScript, and its loop.
    let is_addons = |path: &Path| {
        path.ends_with("addon/sys.rs") || path.parent().is_some_and(|p| p.ends_with("addon/sys"))
    };
    let is_sys = |source: &&Source| source.room == "sys" || is_addons(&source.path);
    let wrong: Vec<_> =
        sources("src").iter().filter(|source| !is_sys(source)).flat_map(unsafe_code).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_core_does_no_io_and_knows_no_clock() {
    let wrong: Vec<_> =
        library().iter().filter(|s| PURE.contains(&s.room.as_str())).flat_map(impurities).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_command_the_addon_and_the_examples_use_only_what_a_user_finds_in_the_documentation() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let hidden = hidden_modules(&lib);
    assert_eq!(hidden, ["proto", "supervisor", "sys", "wire"].map(str::to_owned).into());
    let programs = [sources("src/bin"), sources("src/addon"), sources("examples")].concat();
    let mut wrong: Vec<_> = programs.iter().flat_map(|source| hidden_uses(source, &hidden)).collect();
    // What `crossfork run` does is the command's own.
    wrong.retain(|complaint| {
        !(complaint.starts_with("src/bin/") && complaint.contains("crossfork::supervisor"))
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Longer files have more than one idea in them. V8's codec is one, and long.
#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let is_codec = |source: &Source| source.path.starts_with("src/wire/v8");
    let long = |source: &&Source| source.text.lines().count() > 400 && !is_codec(source);
    let wrong: Vec<_> = sources("src").iter().filter(long).map(|s| s.complain(401, "a long file")).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `println!` and its like panic where standard output or error is a closed pipe, or a disk is full.
#[test]
fn nothing_is_printed_by_what_panics_if_nobody_reads() {
    let wrong: Vec<_> = sources("src").iter().flat_map(prints).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_public_async_function_says_what_becomes_of_it_when_it_is_cancelled() {
    let is_face = |source: &Source| source.room == "tokio" || source.path.starts_with("src/driver/face");
    let faces: Vec<_> = library().into_iter().filter(is_face).collect();
    let wrong: Vec<_> = faces.iter().flat_map(uncancelled).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Such a program ends at the first text with a quote in it.
#[test]
fn no_example_and_no_documentation_borrows_a_text_from_a_message() {
    let mut texts = [sources("src"), sources("examples")].concat();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    texts.push(Source { path: "README.md".into(), room: String::new(), text: readme });
    let wrong: Vec<_> = texts.iter().flat_map(borrowed_texts).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A guard that sees nothing wrong in anything would be worse than none.
#[test]
fn the_guards_see_what_is_wrong() {
    let finds = |room: &str, path: &str, text: &str| {
        let source = Source { path: path.into(), room: room.into(), text: text.into() };
        [wrong_imports(&source), unsafe_code(&source), impurities(&source)].map(|found| found.len())
    };
    assert_eq!(finds("wire", "src/wire/a.rs", "use crate::error::Error;\n"), [0, 0, 0]);
    assert_eq!(finds("wire", "src/wire/a.rs", "use crate::proto::Channel;\n"), [1, 0, 0]);
    assert_eq!(
        finds("handle", "src/handle/mod.rs", "use crate::wire::control::{self, HandleType};\n"),
        [0, 0, 0]
    );
    assert_eq!(finds("handle", "src/handle/mod.rs", "use crate::wire::json;\n"), [1, 0, 0]);
    assert_eq!(finds("wire", "src/wire/a.rs", "use crate::wireless;\n"), [1, 0, 0]);
    assert_eq!(finds("wire", "src/wire/a.rs", "    crate::sys::a(crate::error::b)\n"), [1, 0, 0]);
    assert_eq!(finds("blocking", "src/blocking/a.rs", "use crate::tokio::Channel;\n"), [1, 0, 0]);
    assert_eq!(finds("blocking", "src/blocking/a.rs", "use crate::{error, driver};\n"), [1, 0, 0]);
    assert_eq!(finds("wire", "src/wire/a.rs", "use super::super::proto;\n"), [1, 0, 0]);
    assert_eq!(finds("wire", "src/wire/mod.rs", "use super::proto;\n"), [1, 0, 0]);
    assert_eq!(
        finds("wire", "src/wire/a.rs", "/// See `crate::sys`, and unsafe code, and std::io.\n"),
        [0, 0, 0]
    );
    assert_eq!(finds("driver", "src/driver/link.rs", "    let x = unsafe { y };\n"), [0, 1, 0]);
    assert_eq!(finds("driver", "src/driver/link.rs", "#![deny(unsafe_code)]\n"), [0, 0, 0]);
    assert_eq!(finds("proto", "src/proto/a.rs", "use std::io::IoSlice;\n"), [0, 0, 0]);
    assert_eq!(finds("proto", "src/proto/a.rs", "use std::io::{IoSlice, Read};\n"), [0, 0, 1]);
    assert_eq!(finds("wire", "src/wire/a.rs", "use std::{fmt, time::Instant};\n"), [0, 0, 1]);
    let asynchronous = |text: &str| {
        let source = Source { path: "src/tokio/a.rs".into(), room: "tokio".into(), text: text.into() };
        uncancelled(&source).len()
    };
    assert_eq!(
        asynchronous(
            "/// Waits.\n///\n/// # Cancel safety\n/// Nothing is lost.\n#[inline]\npub async fn a() {}\n"
        ),
        0
    );
    assert_eq!(asynchronous("/// Waits.\npub async fn a() {}\n"), 1);
    assert_eq!(
        asynchronous("/// # Cancel safety\n/// Nothing is lost.\nfn a() {}\n\npub async fn b() {}\n"),
        1
    );
    assert_eq!(
        asynchronous("/// # Cancel safety\n/// # Panics\npub async fn a() {}\n"),
        1,
        "it says nothing"
    );
    assert_eq!(asynchronous("async fn a() {}\npub(super) async fn b() {}\n"), 0);
    let face = |doc: &str| {
        asynchronous(&format!("/// Waits.\n///\n{doc}pub $($async)? fn a() {{\n    b() $(.$await)?\n}}\n"))
    };
    assert_eq!(face("$(#[$tasks]\n/// # Cancel safety\n/// Nothing is lost.\n)?\n"), 0);
    assert_eq!(face("$(#[$tasks]\n/// # Panics\n/// Never.\n)?\n"), 1);
    assert_eq!(
        face("$(#[$threads]\n/// # Cancel safety\n/// Nothing is lost.\n)?\n"),
        1,
        "tasks see nothing"
    );
    assert_eq!(face(""), 1);
    assert_eq!(asynchronous("pub(super) $($async)? fn b() {}\n"), 0);
    let runtime = |text: &str| {
        let source = Source { path: "src/driver/face/a.rs".into(), room: "driver".into(), text: text.into() };
        runtime_uses(&source).len()
    };
    assert_eq!(runtime("    tokio::time::sleep(a)\n    ::tokio::spawn(b)\n"), 2);
    assert_eq!(runtime("use super::shared::Shared;\n/// See tokio::spawn.\n"), 0);
    let program = Source {
        path: "src/bin/a.rs".into(),
        room: "bin".into(),
        text: "crossfork::sys::scm::recv()".into(),
    };
    let prints = |text: &str| prints(&Source { text: text.into(), ..program.clone() }).len();
    assert_eq!(prints("    eprintln!(\"a\");\n  print!(\"b\")\ndbg!(c)\n"), 3);
    assert_eq!(prints("/// `println!` panics.\nwriteln!(f, \"a\")?;\nmy_print!()\n"), 0);
    assert_eq!(hidden_uses(&program, &BTreeSet::from(["sys".to_owned()])).len(), 1);
    let example = "/// let text: &str = message.decode()?;\n/// let text: String = message.decode()?;\n";
    let example = Source { path: "src/a.rs".into(), room: "a".into(), text: example.into() };
    assert_eq!(borrowed_texts(&example).len(), 1);
}
