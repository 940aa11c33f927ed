//! Texts that come from outside of the program: no panic, whatever they are, and nothing in what is
//! made of them that the system would not take.

use crossfork::cluster::ListenAddress;
use crossfork::fd::ListenFd;
use crossfork::supervisor::env_file;

/// Checks each reader with the text.
pub fn check(text: &str) {
    env_file(text);
    listen_fds(text);
    let address = ListenAddress::from(text);
    if let Err(error) = address.check() {
        assert!(error.to_string().contains("cannot listen on"), "{error}");
    }
}

fn env_file(text: &str) {
    for (name, value) in env_file::parse(text) {
        assert!(!name.is_empty() && !name.contains(['\0', '=', '\n']), "{name:?}");
        assert!(!value.contains(['\0', '\r']), "{value:?}");
        // What is read can be written, in quotes that are not in it, and read again as the same.
        if let Some(quote) = ['\'', '`'].into_iter().find(|quote| !value.contains(*quote))
            && !name.starts_with(['#', 'e'])
        {
            let again = env_file::parse(&format!("{name}={quote}{value}{quote}"));
            assert_eq!(again, [(name, value)]);
        }
    }
}

/// For another process, so that no descriptor of ours is taken: or too many to be open.
fn listen_fds(text: &str) {
    let (count, names) = text.split_once(' ').unwrap_or((text, ""));
    let other = (std::process::id() + 1).to_string();
    assert!(ListenFd::from_values(Some(&other), Some(count), Some(names)).is_ok_and(|fds| fds.is_empty()));
    assert!(ListenFd::from_values(Some(text), None, None).is_ok_and(|fds| fds.is_empty()));
    let me = std::process::id().to_string();
    if count.parse::<u32>().is_err() || count.parse::<u32>().is_ok_and(|count| count > 1 << 20) {
        assert!(ListenFd::from_values(Some(&me), Some(count), Some(names)).is_err(), "{count:?}");
    }
}
