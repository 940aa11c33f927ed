//! Names that are unique on this machine, in any namespace.

/// The name of an abstract socket.
pub fn abstract_name() -> String {
    let unique = std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a random name");
    format!("\0crossfork-test-{}", unique.trim())
}

/// An unused path, in a folder of our own.
pub const ABSENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/test/absent");
