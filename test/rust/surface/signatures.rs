//! What public signatures name.

use std::collections::BTreeSet;

use crate::sources::documented;

/// nix is at 0.x: each of its minor versions would be a breaking change of ours.
#[test]
fn no_public_signature_names_a_type_of_nix() {
    let wrong: Vec<_> = documented()
        .iter()
        .flat_map(|source| types_of_nix(&source.text).map(|line| format!("{}:{line}", source.path.display())))
        .collect();
    assert!(wrong.is_empty(), "a type of nix in a public signature\n{}", wrong.join("\n"));
}

#[test]
fn the_guard_sees_types_of_nix() {
    let count = |text: &str| types_of_nix(text).count();
    assert_eq!(count("    pub fn a(\n        pid: nix::unistd::Pid,\n    ) {}\n"), 1);
    assert_eq!(count("use nix::unistd::Pid;\npub fn a() -> Option<Pid> {}\n"), 1);
    assert_eq!(count("use nix::sys::signal::{Signal as S, kill};\nimpl From<S> for A {}\n"), 1);
    assert_eq!(count("pub struct A(pub nix::unistd::Pid);\n"), 1);
    assert_eq!(count("pub struct A(nix::unistd::Pid);\n"), 0);
    assert_eq!(count("use nix::unistd::Pid;\npub(crate) fn a(pid: Pid) {}\nfn b(pid: Pid) {}\n"), 0);
    assert_eq!(count("pub const A: B = B(nix::unistd::Pid(1));\nfn a() {\n    nix::b();\n}\n"), 0);
}

/// The lines in which a public signature, or an implementation, begins that names something of nix.
fn types_of_nix(text: &str) -> impl Iterator<Item = usize> {
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()).collect();
    let imports = code.iter().filter_map(|line| line.strip_prefix("use nix::"));
    let imported: BTreeSet<&str> = imports
        .flat_map(|path| path.split(['{', '}', ',', ';']))
        .filter_map(|path| path.trim().rsplit([':', ' ']).next())
        .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
        .collect();
    let names_nix = |at: usize| {
        let line = code[at];
        // What is in a tuple is private unless it says otherwise.
        let is_tuple = line.starts_with("pub struct ") && !line.contains("(pub ");
        if !line.starts_with("pub ") && !line.starts_with("impl") || is_tuple {
            return false;
        }
        let rest = code[at..].join("\n");
        let signature = rest.split(['{', ';', '=']).next().unwrap_or_default();
        let mut names = signature.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.any(|name| name == "nix" || imported.contains(name))
    };
    let wrong: Vec<_> = (0..code.len()).filter(|at| names_nix(*at)).map(|at| at + 1).collect();
    wrong.into_iter()
}
