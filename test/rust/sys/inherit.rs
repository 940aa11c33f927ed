// These tests take descriptors by number and change the environment, so each runs in its own process.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crossfork::sys::inherit::{adopt, look_env, peek, prepare, set_cloexec, take_env};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use crate::support::descriptors::{identity, is_cloexec, watched};
use crate::support::process::alone;

macro_rules! alone {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() {
            alone(concat!(module_path!(), "::", stringify!($name)), bodies::$name);
        })+
    };
}

alone!(
    ch_7_a_descriptor_is_adopted_once,
    ch_7_an_adopted_descriptor_is_close_on_exec,
    ch_7_a_closed_descriptor_is_not_adopted,
    ch_3_a_standard_descriptor_is_replaced_by_dev_null,
    ch_7_variables_are_taken_once,
    ch_7_variables_are_removed_from_the_environment_if_there_is_one_thread,
    peek_takes_nothing,
);

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

fn inheritable(fd: impl AsFd) {
    fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
}

mod bodies {
    use super::*;

    pub fn ch_7_a_descriptor_is_adopted_once() {
        let (socket, witness) = watched();
        let number = socket.into_raw_fd();
        let owned = adopt(number).unwrap();
        assert_eq!(owned.as_raw_fd(), number);
        assert_eq!(errno(adopt(number)), libc::EBADF);
        witness.assert_open();
        drop(owned);
        witness.assert_closed();
        // The number may refer to something else by now.
        let (socket, witness) = watched();
        assert_eq!(socket.as_raw_fd(), number);
        assert_eq!(errno(adopt(number)), libc::EBADF);
        witness.assert_open();
    }

    pub fn ch_7_an_adopted_descriptor_is_close_on_exec() {
        let (socket, _witness) = watched();
        inheritable(&socket);
        assert!(!is_cloexec(&socket));
        let owned = adopt(socket.into_raw_fd()).unwrap();
        assert!(is_cloexec(&owned));
    }

    pub fn ch_7_a_closed_descriptor_is_not_adopted() {
        for number in [-1, i32::MIN, i32::MAX, 1 << 20] {
            assert_eq!(errno(adopt(number)), libc::EBADF, "{number}");
        }
        // The number does not count as adopted, either.
        let (socket, _witness) = watched();
        let number = socket.as_raw_fd();
        drop(socket);
        assert_eq!(errno(adopt(number)), libc::EBADF);
        let (socket, _witness) = watched();
        assert_eq!(socket.as_raw_fd(), number);
        adopt(socket.into_raw_fd()).unwrap();
    }

    pub fn ch_3_a_standard_descriptor_is_replaced_by_dev_null() {
        // Standard error must differ from standard input, which is /dev/null in this process.
        let before = identity(io::stderr());
        let null = identity(File::open("/dev/null").unwrap());
        assert_ne!(before, null);
        let owned = adopt(2).unwrap();
        assert!(owned.as_raw_fd() > 2);
        assert_eq!(identity(&owned), before);
        assert!(is_cloexec(&owned));
        assert_eq!(identity(io::stderr()), null);
        assert!(!is_cloexec(io::stderr()));
        assert_eq!(errno(adopt(2)), libc::EBADF);
    }

    const NAMES: [&str; 3] = ["CROSSFORK_ONE", "CROSSFORK_ABSENT", "CROSSFORK_EMPTY"];

    fn set(name: &str, value: &str) {
        // SAFETY: no other thread reads or writes the environment.
        #[allow(unsafe_code)]
        unsafe {
            std::env::set_var(name, value);
        }
    }

    pub fn ch_7_variables_are_taken_once() {
        set("CROSSFORK_ONE", "1");
        set("CROSSFORK_EMPTY", "");
        let values = || [Some("1".into()), None, Some("".into())];
        assert_eq!(look_env(NAMES), values());
        assert_eq!(take_env(NAMES), values());
        assert_eq!(look_env(NAMES), [None, None, None]);
        assert_eq!(take_env(NAMES), [None, None, None]);
        // They stay, because the test harness is another thread and may be reading the environment.
        assert_eq!(NAMES.map(std::env::var_os), values());
        // New values do not count as taken yet.
        set("CROSSFORK_EMPTY", "not any more");
        assert_eq!(take_env(NAMES), [Some("1".into()), None, Some("not any more".into())]);
        assert_eq!(take_env(NAMES), [None, None, None]);
        assert_eq!(take_env(["CROSSFORK_ONE"]), [Some("1".into())]);
    }

    pub fn ch_7_variables_are_removed_from_the_environment_if_there_is_one_thread() {
        set("CROSSFORK_ONE", "1");
        set("CROSSFORK_EMPTY", "");
        // SAFETY: the only other thread of this process just waits, so it holds no lock.
        #[allow(unsafe_code)]
        match unsafe { fork() }.unwrap() {
            // A process with one thread.
            ForkResult::Child => {
                let taken = take_env(NAMES) == [Some("1".into()), None, Some("".into())];
                let gone = NAMES.iter().all(|name| std::env::var_os(name).is_none());
                // SAFETY: only ends the process.
                unsafe { libc::_exit(if taken && gone { 0 } else { 1 }) }
            }
            ForkResult::Parent { child } => {
                assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
            }
        }
    }

    pub fn peek_takes_nothing() {
        let (socket, witness) = watched();
        let seen = peek(socket.as_raw_fd(), |fd| fd.try_clone_to_owned()).unwrap();
        assert_eq!(identity(&seen), identity(&socket));
        witness.assert_open();
        assert_eq!(errno(peek(-1, |fd| Ok(fd.as_raw_fd()))), libc::EBADF);
        inheritable(&socket);
        set_cloexec(socket.as_fd()).unwrap();
        assert!(is_cloexec(&socket));
        prepare(UnixStream::pair().unwrap().0.as_fd()).unwrap();
        drop(OwnedFd::from(socket));
    }
}
