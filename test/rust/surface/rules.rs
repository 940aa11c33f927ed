//! The rules of the protocol: a page of the documentation, and what users read links to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::sources::{documented, root};

const FAMILIES: [&str; 9] = ["CH", "SER", "ADV", "INT", "HND", "SOCK", "LIFE", "CLU", "NEVER"];

#[test]
fn each_rule_stands_once_on_the_page_and_can_be_linked_to() {
    let page = fs::read_to_string(root().join("src/protocol.md")).unwrap();
    let anchors: Vec<_> = page.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let distinct: BTreeSet<_> = anchors.iter().collect();
    assert_eq!(anchors.len(), distinct.len());
    assert!(anchors.len() > 100);
    for rule in cited(&page) {
        assert!(anchors.contains(&rule), "{rule} is cited and not there");
        assert!(page.contains(&format!("<a id=\"{rule}\" href=\"#{rule}\">{rule}</a>")), "{rule}");
    }
}

#[test]
fn what_users_read_links_each_rule_that_it_cites() {
    let mut wrong = Vec::new();
    for source in documented() {
        let lines: Vec<_> = source.text.lines().collect();
        let is_shown = is_public_module(&source.path);
        let found = unlinked(&lines).into_iter();
        for at in found.filter(|at| is_shown || !lines[*at].starts_with("//!")) {
            wrong.push(format!("{}:{}: {}", source.path.display(), at + 1, lines[at].trim()));
        }
    }
    assert!(wrong.is_empty(), "write [HND-6](crate::protocol#HND-6)\n{}", wrong.join("\n"));
}

#[test]
fn the_guard_knows_which_modules_are_shown() {
    let shown = ["lib.rs", "env.rs", "blocking/mod.rs", "tokio/fd.rs", "wire/v8/mod.rs"];
    assert!(shown.iter().all(|path| is_public_module(&Path::new("src").join(path))));
    let hidden = ["limits.rs", "handle/mod.rs", "wire/v8/tag.rs", "tokio/cluster/primary/mod.rs"];
    assert!(!hidden.iter().any(|path| is_public_module(&Path::new("src").join(path))));
}

#[test]
fn the_guard_sees_rules_that_are_not_linked() {
    let count = |text: &str| unlinked(&text.lines().collect::<Vec<_>>()).len();
    assert_eq!(count("/// One (HND-6).\npub fn a() {}\n"), 1);
    assert_eq!(count("/// One (HND-6).\n#[inline]\npub fn a() {}\n"), 1);
    assert_eq!(count("/// One ([HND-6](crate::protocol#HND-6)).\npub fn a() {}\n"), 0);
    assert_eq!(count("/// One (HND-6).\npub(crate) fn a() {}\n/// One (HND-6).\nfn b() {}\n"), 0);
    assert_eq!(count("/// One (HND-6).\n$(#[$tasks]\n/// Two.\n)?\npub $($async)? fn a() {}\n"), 1);
    assert_eq!(count("/// One (HND-6).\n$($async)? fn a() {}\n"), 0);
    assert_eq!(count("// One (HND-6).\npub fn a() {}\n"), 0);
    assert_eq!(count("pub enum A {\n    /// One (HND-6).\n    B,\n}\n"), 1);
    assert_eq!(count("pub enum A {\n    B {\n        /// One (HND-6).\n        c: u8,\n    },\n}\n"), 1);
    assert_eq!(count("enum A {\n    /// One (HND-6).\n    B,\n}\n"), 0);
    assert_eq!(
        count("pub struct A {\n    /// One (HND-6).\n    b: u8,\n    /// (HND-7)\n    pub c: u8,\n}\n"),
        1
    );
    assert_eq!(count("/// UTF-8, ISO-8859\npub fn a() {}\n"), 0);
}

/// The lines of documentation of public items that cite a rule by its bare name.
fn unlinked(lines: &[&str]) -> Vec<usize> {
    let is_bare = |at: &usize| {
        let rest = lines[*at].split("](crate::protocol#");
        // In a link the name stands before and behind the address.
        let names: usize = rest.clone().map(|part| cited(part).len()).sum();
        let links = rest.count() - 1;
        names > 2 * links
    };
    let is_public = |at: &usize| {
        let line = lines[*at].trim();
        line.starts_with("//!") || line.starts_with("///") && is_public_item(lines, item_below(lines, *at))
    };
    (0..lines.len()).filter(is_bare).filter(is_public).collect()
}

/// Whether its `//!` is a page.
fn is_public_module(path: &Path) -> bool {
    let is_folder = path.ends_with("mod.rs");
    let module = if is_folder { path.parent().unwrap() } else { path };
    let name = module.file_stem().unwrap().to_str().unwrap();
    let folder = root().join(module.parent().unwrap());
    let above = [folder.join("mod.rs"), folder.join("lib.rs")];
    name == "lib"
        || above
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .any(|text| text.lines().any(|line| line.trim() == format!("pub mod {name};")))
}

/// The line that documentation is about.
fn item_below(lines: &[&str], at: usize) -> usize {
    let is_above = |line: &&&str| {
        let line = line.trim();
        // The faces of both drivers have parts for one of them.
        ["///", "#[", "$(#[", ")?"].into_iter().any(|start| line.starts_with(start))
    };
    at + lines[at..].iter().take_while(is_above).count()
}

fn is_public_item(lines: &[&str], at: usize) -> bool {
    const PRIVATE: [&str; 14] = [
        "pub(",
        "fn ",
        "const ",
        "async ",
        "struct ",
        "enum ",
        "static ",
        "trait ",
        "type ",
        "mod ",
        "use ",
        "macro_rules",
        "unsafe ",
        "$(",
    ];
    let line = lines.get(at).map_or("", |line| line.trim());
    if line.starts_with("pub ") || line.starts_with("impl") {
        return true;
    }
    if PRIVATE.iter().any(|start| line.starts_with(start)) {
        return false;
    }
    // A variant, or a field of one.
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_around = |above: &usize| {
        let text = lines[*above].trim();
        let is_code = !text.is_empty() && !text.starts_with("//") && !text.starts_with("#[");
        is_code && indent(lines[*above]) < indent(lines[at])
    };
    let Some(around) = (0..at).rev().find(is_around) else {
        return false;
    };
    let text = lines[around].trim();
    text.starts_with("pub enum ")
        || text.ends_with('{')
            && !text.starts_with("pub ")
            && !text.starts_with("impl")
            && is_public_item(lines, around)
}

/// The rules that a text cites, in order.
fn cited(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_rule = |word: &&str| {
        word.rsplit_once('-').is_some_and(|(family, number)| {
            FAMILIES.contains(&family) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        })
    };
    words.filter(is_rule).collect()
}
