//! A port for the inspector of each worker, as Node's cluster gives them: one port can be had once.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

/// Node's own default.
const DEFAULT: u16 = 9229;

/// Options of Node after which there may be an address.
const OPTIONS: [&str; 4] = ["--inspect", "--inspect-brk", "--inspect-port", "--inspect-wait"];

/// The first port, if these arguments start an inspector. With port 0 Node finds ports by itself.
pub fn first_port<'a>(args: impl IntoIterator<Item = &'a OsStr>) -> Option<u16> {
    let mut found = None;
    for arg in args {
        let arg = arg.to_str().unwrap_or_default();
        let (name, address) = arg.split_once('=').map_or((arg, ""), |(name, address)| (name, address));
        if !OPTIONS.contains(&name) {
            continue;
        }
        // A port, a host, or both; a host of IPv6 is in brackets.
        let port = match address.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => port,
            _ => address,
        };
        found = Some(port.parse().ok().or(found).unwrap_or(DEFAULT));
    }
    found.filter(|port| *port != 0)
}

/// The port for a worker of this slot: the first port and its slot, or, while a worker that has that port lives,
/// as much higher as there are instances.
pub fn port(first: u16, slot: usize, instances: usize, taken: &BTreeSet<u16>) -> Option<u16> {
    let candidates = (usize::from(first) + slot..).step_by(instances.max(1));
    let ports = candidates.map_while(|port| u16::try_from(port).ok());
    ports.into_iter().find(|port| !taken.contains(port))
}

/// Tells Node. After the others, it decides on the port, and they on the host.
pub fn arg(port: u16) -> OsString {
    format!("--inspect-port={port}").into()
}
