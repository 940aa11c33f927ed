//! What the compiler says of a program that is wrong, where that leads to what is right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_borrowed_socket_leads_to_keep_open() {
    let said = complaint("channel.send_handle(&1, &listener)", "listener: std::net::TcpListener");
    assert!(said.contains("`&std::net::TcpListener` cannot be sent over a channel"), "{said}");
    assert!(said.contains("write `Outgoing::keep_open(&socket)?`"), "{said}");
}

#[test]
fn a_bare_descriptor_leads_to_a_handle() {
    let said = complaint("channel.send_handle(&1, fd)", "fd: std::os::fd::OwnedFd");
    assert!(said.contains("OwnedFd` cannot be sent over a channel"), "{said}");
    assert!(said.contains("write `Handle::try_from(fd)?`"), "{said}");
}

/// What the compiler says of a function with this in it.
fn complaint(call: &str, argument: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let name = format!("complaint_{}", call.len() * 100 + argument.len());
    let source = folder.join(format!("{name}.rs"));
    let text =
        format!("pub fn f(channel: &crossfork::blocking::Channel, {argument}) {{ let _ = {call}; }}\n");
    fs::write(&source, text).unwrap();
    let dependencies = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"])
        .arg(&folder)
        .arg("-L")
        .arg(format!("dependency={}", dependencies.display()))
        .arg("--extern")
        .arg(format!("crossfork={}", library(&dependencies).display()))
        .arg(&source)
        .output()
        .unwrap();
    assert!(!output.status.success(), "this should be no program: {call}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The library that this test was linked with: the last that was built before it.
fn library(folder: &Path) -> PathBuf {
    let modified = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).unwrap();
    let ours = modified(&std::env::current_exe().unwrap());
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libcrossfork-") && name.ends_with(".rlib")
    };
    files.filter(is_library).filter(|path| modified(path) <= ours).max_by_key(modified).unwrap()
}
