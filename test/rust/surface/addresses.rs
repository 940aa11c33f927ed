//! Texts that become addresses, signals and serializations, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crossfork::cluster::ListenAddress;
use crossfork::{ParseError, Serialization, Signal};

#[test]
fn an_address_reads_as_it_was_written() {
    let addresses = [
        ListenAddress::from(8000),
        (Ipv4Addr::LOCALHOST, 8000).into(),
        (Ipv6Addr::LOCALHOST, 8000).into(),
        ([127, 0, 0, 1], 8000).into(),
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0).into(),
        ("localhost", 8000).into(),
        ("localhost".to_owned(), 8000).into(),
        ListenAddress::path("/tmp/app.sock"),
        ListenAddress::path("relative.sock"),
        ListenAddress::fd(3),
    ];
    for address in addresses {
        let text = address.to_string();
        let again: ListenAddress = text.parse().unwrap();
        assert_eq!(format!("{again:?}"), format!("{address:?}"), "{text}");
        assert_eq!(again.to_string(), text);
        assert!(again.check().is_ok());
    }
}

#[test]
fn a_host_that_is_an_ip_address_is_that_address() {
    assert_eq!(ListenAddress::from(("::1", 80)).to_string(), "[::1]:80");
    assert_eq!(ListenAddress::from(("127.0.0.1", 80)).to_string(), "127.0.0.1:80");
}

#[test]
fn a_host_that_is_no_name_is_refused_when_it_is_used_and_not_taken_for_something_else() {
    for host in ["", "a/b", "unix:/tmp/a", "a:b", "[::1]"] {
        let error = ListenAddress::from((host, 80)).check().unwrap_err().to_string();
        assert!(error.contains("not a valid host name"), "{host:?}: {error}");
    }
}

#[test]
fn a_text_that_is_no_address_is_refused_when_it_is_read() {
    for text in ["", "nonsense", "70000", "a/b:80", "fd:", "fd:x", ":80", "::1"] {
        let error: ParseError = text.parse::<ListenAddress>().unwrap_err();
        assert!(error.to_string().contains("is not an address: write a port"), "{text:?}: {error}");
    }
}

#[test]
fn an_error_says_what_a_bare_number_is() {
    let error = ListenAddress::path("").check().unwrap_err();
    assert_eq!(error.to_string(), "cannot listen on : the path is empty");
    let error = ListenAddress::fd(-1).check().unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on the primary's descriptor -1: "), "{error}");
}

#[test]
fn a_signal_reads_as_it_was_written_and_without_sig() {
    for signal in [Signal::TERM, Signal::KILL, Signal::USR1, Signal::from_number(11).unwrap()] {
        assert_eq!(signal.to_string().parse(), Ok(signal));
        assert_eq!(signal.name().trim_start_matches("SIG").parse(), Ok(signal));
    }
    for text in ["", "SIG", "SIGFOO", "15", "sigterm"] {
        assert!(text.parse::<Signal>().is_err(), "{text}");
    }
}

#[test]
fn a_serialization_reads_as_it_was_written() {
    for serialization in [Serialization::Json, Serialization::Advanced] {
        assert_eq!(serialization.to_string().parse(), Ok(serialization));
    }
    let error = "bson".parse::<Serialization>().unwrap_err();
    assert_eq!(error.to_string(), r#""bson" is not a serialization: write json or advanced"#);
}

#[test]
fn what_cannot_be_read_is_shown_short_and_without_control_characters() {
    let text = format!("\u{1b}[31m{}", "x".repeat(10_000));
    let error = text.parse::<Signal>().unwrap_err().to_string();
    assert!(error.len() < 500 && !error.contains('\u{1b}'), "{error}");
}
