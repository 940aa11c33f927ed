//! Standard streams that are inherited: from a process whose own are known.

use std::io::Write;
use std::process::Stdio;

use crossfork::launch::Command;

use crate::support::for_both_drivers;
use crate::support::parents::{Parent, Started, start};
use crate::support::process::{assert_success, command, is_inside, with_name};

for_both_drivers!(with_name: standard_streams_are_inherited_unless_told_otherwise);

fn standard_streams_are_inherited_unless_told_otherwise<D: Parent>(test: &'static str) {
    if is_inside(test) {
        let mut cat = start::<D>(Command::shell("cat; echo to stderr >&2"));
        assert!(cat.wait().unwrap().success());
        return;
    }
    let mut process = command(test);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = process.spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"through two processes").unwrap();
    let output = assert_success(process);
    assert!(String::from_utf8(output.stdout).unwrap().contains("through two processes"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("to stderr"));
}
