//! A process at its descriptor limit.

use std::fs::File;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// So many are enough for whatever it has.
const LIMIT: u64 = 256;

/// Opens files until the limit is reached.
pub fn hoard() -> Vec<File> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, LIMIT, hard).expect("a lower limit");
    let mut hoard = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => hoard.push(file),
            Err(e) if e.raw_os_error() == Some(nix::libc::EMFILE) => return hoard,
            Err(e) => panic!("{e}"),
        }
    }
}
