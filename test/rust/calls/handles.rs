//! Handles that go with the calls of a pool, and come with their answers. For both drivers.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use crossfork::calls::{CallError, Extension};
use crossfork::{Handle, ReceivedHandle};

use super::pool::{beside, command, n, pool, stop_resting, until};
use super::*;

/// A connection: the end that is sent, and what its other end reads until all copies are closed.
fn connection() -> (TcpStream, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        client.read_to_string(&mut text).map(|_| text).expect("it is closed in time")
    });
    (server, reader)
}

#[test]
fn a_handle_goes_with_a_call() {
    let pool = start(pool(2)).unwrap();
    for _ in 0..10 {
        let (stream, read) = connection();
        assert!(pool.request("write_hello", &()).handle(stream).call::<bool>().unwrap());
        assert_eq!(read.join().unwrap(), "hello");
    }
    let (stream, read) = connection();
    assert_eq!(pool.request("double", &2).handle(stream).call::<u64>().unwrap(), 4);
    assert_eq!(read.join().unwrap(), "", "the handler has not taken it");
}

#[test]
fn a_handle_comes_with_an_answer() {
    let pool = start(pool(1)).unwrap();
    let (port, handle) = pool.request("open", &()).call_for_handle::<u16>().unwrap();
    let Some((Handle::TcpListener(listener), _)) = handle.map(ReceivedHandle::into_parts) else {
        panic!("no listener");
    };
    assert_eq!(listener.local_addr().unwrap().port(), port);
    let (_, none) = pool.request("double", &2).call_for_handle::<u64>().unwrap();
    assert!(none.is_none());
    let port: u16 = pool.call("open", &()).unwrap();
    until("the one that nobody takes is closed", || TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_handle_goes_only_to_a_worker_that_has_said_that_it_takes_handles() {
    let pool = start(Pool::command(command().env("BREAKS_RULES", "nothing")).size(n(1))).unwrap();
    let (stream, read) = connection();
    let error = pool.request("pid", &()).handle(stream).call::<u32>().unwrap_err();
    assert!(matches!(error, PoolError::Call(CallError::Unsupported(Extension::Handles))), "{error}");
    assert_eq!(read.join().unwrap(), "", "it is closed");
    let (stream, read) = connection();
    pool.request("pid", &()).handle_to_any_peer(stream).call::<u32>().unwrap();
    assert_eq!(read.join().unwrap(), "");
}

#[test]
fn a_call_whose_handle_has_gone_is_not_made_again() {
    let pool = start(pool(1)).unwrap();
    let (stream, read) = connection();
    let request = pool.request("write_hello_and_die", &()).with(Call::new().idempotent(3));
    let error = request.handle(stream).call::<()>().unwrap_err();
    assert!(matches!(error, PoolError::WorkerDied { begun: true, exit_code: Some(7), .. }), "{error}");
    assert_eq!(read.join().unwrap(), "hello");
    pool.call::<u32>("pid", &()).unwrap();
    assert_eq!((pool.stats().restarts, pool.stats().lost), (1, 1));
}

#[test]
fn a_call_that_waits_with_a_handle_goes_to_another_worker() {
    let pool = start(pool(1).concurrency(n(1))).unwrap();
    pool.ready().unwrap();
    let dying = beside(&pool, |pool| pool.call::<()>("die_slowly", &100));
    until("it runs", || pool.stats().running == 1);
    let (stream, read) = connection();
    assert!(pool.request("write_hello", &()).handle(stream).call::<bool>().unwrap());
    assert_eq!(read.join().unwrap(), "hello");
    dying.join().unwrap().unwrap_err();
}

/// One waits behind the other, which a worker that is stopped does not acknowledge.
#[test]
#[cfg(target_os = "linux")]
fn a_call_whose_handle_was_not_sent_takes_it_to_another_worker() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let pool = start(pool(1).concurrency(n(2))).unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    let is_stopped = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"));
    until("it has stopped", || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(is_stopped));
    let calls = [connection(), connection()].map(|(stream, read)| {
        (beside(&pool, |pool| pool.request("write_hello", &()).handle(stream).call::<bool>()), read)
    });
    until("it has both", || pool.stats().running == 2);
    kill(pid, Signal::SIGKILL).unwrap();
    let mut answered = 0;
    for (call, read) in calls {
        match call.join().unwrap() {
            Ok(true) => {
                assert_eq!(read.join().unwrap(), "hello");
                answered += 1;
            }
            Err(PoolError::WorkerDied { begun: true, signal: Some(9), .. }) => {
                assert_eq!(read.join().unwrap(), "");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(answered >= 1, "the one that was not sent");
}

#[test]
fn a_handle_is_closed_if_its_call_is_not_sent() {
    let pool = start(pool(1).concurrency(n(1)).max_queue(1)).unwrap();
    pool.ready().unwrap();
    let busy = beside(&pool, |pool| pool.call::<u64>("rest", &600_000));
    until("it runs", || pool.stats().running == 1);
    let (stream, read) = connection();
    let late = Call::new().timeout(Duration::from_millis(20));
    let error = pool.request("write_hello", &()).with(late).handle(stream).call::<bool>().unwrap_err();
    assert_eq!((error.code(), read.join().unwrap().as_str()), ("ERR_CALL_TIMEOUT", ""));
    let waiting = beside(&pool, |pool| pool.call::<u64>("double", &1));
    until("it waits", || pool.stats().waiting == 1);
    let (stream, read) = connection();
    let error = pool.request("write_hello", &()).handle(stream).call::<bool>().unwrap_err();
    assert_eq!((error.code(), read.join().unwrap().as_str()), ("ERR_QUEUE_FULL", ""));
    stop_resting(&pool);
    busy.join().unwrap().unwrap();
    waiting.join().unwrap().unwrap();
}
