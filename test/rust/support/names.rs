//! Names that nobody else on this machine has, whatever namespaces there are.

/// The name of an abstract socket.
pub fn abstract_name() -> String {
    let unique = std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a random name");
    format!("\0crossfork-test-{}", unique.trim())
}

/// A path at which there is nothing: nobody else makes files in our own folder.
pub const ABSENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/test/absent");
