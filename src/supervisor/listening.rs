//! What workers listen on, and what they cannot listen on, in words.

use super::policy::ListenFailure;
use crate::error::Error;
use crate::tokio::cluster::{Address, AddressType};

/// Ports below this one need more rights than others, unless the system is set up otherwise.
const PRIVILEGED: u16 = 1024;

/// Why a worker cannot listen there.
pub(super) fn failure(address: &Address, error: &Error) -> ListenFailure {
    let code = error.code();
    let reason = match (code, error) {
        ("EADDRINUSE", _) => "the address is in use".to_owned(),
        ("EACCES", _) if address.port.is_some_and(|port| (1..PRIVILEGED).contains(&port)) => {
            format!("only privileged processes may use ports below {PRIVILEGED}")
        }
        ("EADDRNOTAVAIL", _) => "this machine does not have the address".to_owned(),
        (_, Error::Listen { reason, .. }) => without_number(&reason.to_string()),
        (_, other) => other.to_string(),
    };
    ListenFailure { address: in_words(address), reason, code }
}

/// As the log has it.
pub(super) fn in_words(address: &Address) -> String {
    match address.address_type {
        AddressType::Udp4 | AddressType::Udp6 => format!("{address} (UDP)"),
        _ => address.to_string(),
    }
}

/// Its name follows.
fn without_number(text: &str) -> String {
    text.split(" (os error").next().unwrap_or(text).to_lowercase()
}
