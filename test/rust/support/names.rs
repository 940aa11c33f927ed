//! Names that nobody else on this machine has, whatever namespaces there are.

/// The name of an abstract socket.
pub fn abstract_name() -> String {
    let unique = std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a random name");
    format!("\0crossfork-test-{}", unique.trim())
}
