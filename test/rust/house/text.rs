//! Sources, and what is wrong in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{DATA, IMPURE, MAY_IMPORT, PURE};

#[derive(Clone)]
pub struct Source {
    pub path: PathBuf,
    pub room: String,
    pub text: String,
}

impl Source {
    /// The lines of code, numbered: without comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(i, line)| (i + 1, line));
        lines.map(|(i, line)| (i, line.split("//").next().unwrap_or_default()))
    }

    pub fn complain(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The library's files, but for lib.rs, which names all the rooms.
pub fn library() -> Vec<Source> {
    let all = sources("src");
    assert!(all.len() > 10);
    all.into_iter().filter(|s| s.room != "bin" && s.room != "lib" && s.room != "addon").collect()
}

pub fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(root()).unwrap().to_owned();
                let room = inside.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
                found.push(Source { path: inside, room, text: fs::read_to_string(path).unwrap() });
            }
        }
    }
    found
}

/// The module that a line of lib.rs declares.
pub fn declared_module(line: &str) -> Option<&str> {
    line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')
}

pub fn wrong_imports(source: &Source) -> Vec<String> {
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let Some(allowed) = table.get(source.room.as_str()) else {
        return vec![source.complain(1, "a room that is not in the table")];
    };
    let is_root = source.path.ends_with("mod.rs") || source.path.iter().count() == 2;
    let mut wrong = Vec::new();
    for (i, line) in source.code() {
        for path in paths_after(line, "crate::") {
            let own = [source.room.as_str()];
            if !allowed.iter().chain(&own).any(|allowed| is_within(path, allowed)) {
                wrong.push(source.complain(i, &format!("{} may not import crate::{path}", source.room)));
            }
        }
        let mut upwards = paths_after(line, "super::");
        if upwards
            .any(|path| is_within(path, "super") || is_root && table.keys().any(|room| is_within(path, room)))
        {
            wrong.push(source.complain(i, "leaves its room by super::, where crate:: would tell"));
        }
    }
    wrong
}

/// What follows a path's beginning in a line; empty where a group follows at once.
pub fn paths_after<'a>(line: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(start).filter(move |(at, _)| !line[..*at].ends_with(is_name)).map(move |(at, _)| {
        let rest = &line[at + start.len()..];
        &rest[..rest.find(|c| !is_name(c) && c != ':').unwrap_or(rest.len())]
    })
}

pub fn is_within(path: &str, room: &str) -> bool {
    path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

pub fn runtime_uses(source: &Source) -> Vec<String> {
    if source.room != "driver" {
        return Vec::new();
    }
    let lines = source.code().filter(|(_, line)| line.contains("tokio::"));
    lines.map(|(i, _)| source.complain(i, "what both drivers share names a runtime")).collect()
}

pub fn unsafe_code(source: &Source) -> Vec<String> {
    let is_word = |line: &str| {
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == "unsafe")
    };
    let lines = source.code().filter(|(_, line)| is_word(line) || line.contains("allow(unsafe_code)"));
    lines.map(|(i, _)| source.complain(i, "unsafe code outside of sys")).collect()
}

pub fn prints(source: &Source) -> Vec<String> {
    const MACROS: [&str; 5] = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let prints = |line: &str| {
        MACROS.iter().any(|name| line.match_indices(name).any(|(at, _)| !line[..at].ends_with(is_name)))
    };
    let lines = source.code().filter(|(_, line)| prints(line));
    lines
        .map(|(i, _)| source.complain(i, "panics if it cannot write: use write! and ignore errors"))
        .collect()
}

pub fn impurities(source: &Source) -> Vec<String> {
    if !PURE.contains(&source.room.as_str()) {
        return Vec::new();
    }
    let data: Vec<_> =
        DATA.iter().filter(|(room, _)| *room == source.room).flat_map(|(_, data)| *data).collect();
    let mut wrong = Vec::new();
    for (i, line) in source.code() {
        let rest = data.iter().fold(line.to_owned(), |line, data| line.replace(*data, ""));
        // A group could hide anything.
        let grouped = rest.contains("std::{").then_some("std::{");
        for word in IMPURE.iter().copied().filter(|word| rest.contains(word)).chain(grouped) {
            wrong.push(source.complain(i, &format!("{} is pure, and does not know {word}", source.room)));
        }
    }
    wrong
}

/// The public asynchronous functions whose documentation has no paragraph on being cancelled. In a
/// face, which is made for both drivers, it is among what tasks see.
pub fn uncancelled(source: &Source) -> Vec<String> {
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    let is_async = |line: &str| line.starts_with("pub async fn ") || line.starts_with("pub $($async)? fn ");
    let functions = lines.iter().enumerate().filter(|(_, line)| is_async(line));
    let silent = functions.filter(|(at, _)| {
        let is_about = |line: &str| ["///", "#[", "$(#[", ")?"].iter().any(|start| line.starts_with(start));
        let mut about: Vec<_> =
            lines[..*at].iter().rev().take_while(|line| is_about(line)).copied().collect();
        about.reverse();
        let mut seen = about.split(|line| *line == ")?").flat_map(|part| {
            let threads = part.iter().position(|line| line.starts_with("$(#[$threads]"));
            &part[..threads.unwrap_or(part.len())]
        });
        seen.find(|line| **line == "/// # Cancel safety");
        !seen.next().is_some_and(|text| text.starts_with("/// ") && !text.starts_with("/// #"))
    });
    silent.map(|(at, line)| source.complain(at + 1, &format!("no `# Cancel safety`: {line}"))).collect()
}

/// Comments count: they are what users read.
pub fn borrowed_texts(source: &Source) -> Vec<String> {
    let borrows =
        |line: &str| line.contains("decode::<&") || line.contains(": &") && line.contains(".decode()");
    let lines = source.text.lines().enumerate().filter(|(_, line)| borrows(line));
    lines.map(|(i, _)| source.complain(i + 1, "decode into a String")).collect()
}

pub fn hidden_modules(lib: &str) -> BTreeSet<String> {
    let lines: Vec<_> = lib.lines().collect();
    let hidden = lines.windows(2).filter(|pair| pair[0] == "#[doc(hidden)]");
    hidden.filter_map(|pair| declared_module(pair[1])).map(str::to_owned).collect()
}

pub fn hidden_uses(source: &Source, hidden: &BTreeSet<String>) -> Vec<String> {
    let uses =
        source.code().flat_map(|(i, line)| paths_after(line, "crossfork::").map(move |path| (i, path)));
    let wrong = uses.filter(|(_, path)| hidden.iter().any(|module| is_within(path, module)));
    wrong.map(|(i, path)| source.complain(i, &format!("crossfork::{path} is not for users"))).collect()
}
