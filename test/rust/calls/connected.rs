//! A parent and one program that it has forked, without a pool: calls go both ways. For both drivers.

use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use crossfork::calls::{CallError, Extension, RpcError, Upload, WithHandle, code};
use crossfork::{Error, SendError};

use super::pool::command;
use super::*;

const LONG: Duration = Duration::from_secs(60);

type Answer<T> = Result<T, RpcError>;

fn triple(n: u32, _: &Context) -> Answer<u32> {
    Ok(3 * n)
}

fn started(service: Service) -> (End, Connected) {
    let end = End::command(command());
    let peer = end.connect(service).unwrap();
    (end, peer)
}

#[test]
fn a_parent_calls_its_child_and_the_child_its_parent() {
    let (end, peer) = started(Service::new().method("triple", triple));
    assert_eq!(peer.call::<u64>("double", &21).unwrap(), 42);
    assert_eq!(peer.call::<u32>("ask", &7).unwrap(), 21);
    assert!(end.stop().success());
}

#[test]
fn errors_of_either_side_arrive_as_what_they_are() {
    let (end, peer) = started(Service::new());
    let failed = peer.call::<()>("fail", &()).unwrap_err();
    assert_eq!((failed.to_string().as_str(), failed.rpc().unwrap().code), ("on purpose", code::HANDLER));
    assert_eq!(peer.call::<()>("nothing", &()).unwrap_err().rpc().unwrap().code, code::METHOD_NOT_FOUND);
    let wrong = peer.call::<u64>("double", "text").unwrap_err();
    assert_eq!(wrong.to_string(), "params: invalid type: string \"text\", expected u64");
    let asked = peer.call::<u32>("ask", &1).unwrap_err();
    assert_eq!(asked.to_string(), "there is no method \"triple\"", "this side has none");
    let late = peer.call_timeout::<u64>("rest", &600_000, Duration::from_millis(30)).unwrap_err();
    assert!(matches!(late, CallError::TimedOut), "{late}");
    assert!(end.stop().success());
}

#[test]
fn streams_uploads_and_handles_go_with_calls() {
    let listen = |(): (), _: &Context| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Ok::<_, std::io::Error>(WithHandle::new(listener.local_addr()?.port(), listener))
    };
    let (end, peer) = started(Service::new().method("listen", listen));
    let offer = peer.ready().unwrap();
    assert_eq!(offer.concurrency, 4);
    assert!(offer.methods.unwrap().contains(&"double".to_owned()));

    let items: Vec<u32> = peer.stream("count", &1000).unwrap().map(Result::unwrap).collect();
    assert!(items.into_iter().eq(0..1000));
    let mut left = peer.stream::<u32>("count", &u32::MAX).unwrap();
    assert_eq!(left.next().unwrap().unwrap(), 0);
    drop(left);
    assert_eq!(peer.call::<u64>("sum", &Upload::new(1..=1000)).unwrap(), 500_500);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(peer.request("port", &()).handle(listener).call::<Option<u16>>().unwrap(), Some(port));
    assert!(peer.call::<bool>("listen", &()).unwrap(), "it gets one with the answer");
    assert!(end.stop().success());
}

/// It may be a program that leaves a handle open and never answers.
#[test]
fn uploads_and_handles_are_refused_before_the_other_end_has_said_that_it_takes_them() {
    let (end, peer) = started(Service::new());
    let refused = peer.call::<u64>("sum", &Upload::new(1..=3)).unwrap_err();
    assert!(matches!(refused, CallError::Unsupported(Extension::Uploads)), "{refused}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = peer.request("port", &()).handle(listener).call::<()>().unwrap_err();
    assert!(matches!(refused, CallError::Unsupported(Extension::Handles)), "{refused}");
    peer.ready_timeout(LONG).unwrap();
    assert_eq!(peer.call::<u64>("sum", &Upload::new(1..=3)).unwrap(), 6);
    assert!(end.stop().success());
}

#[test]
fn several_threads_call_at_once() {
    let (end, peer) = started(Service::new().method("triple", triple));
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let peer = peer.clone();
            std::thread::spawn(move || {
                for n in 0..50 {
                    assert_eq!(peer.call::<u64>("double", &n).unwrap(), 2 * n);
                    assert_eq!(peer.call::<u32>("ask", &1).unwrap(), 3);
                }
            })
        })
        .collect();
    calls.into_iter().for_each(|calls| calls.join().unwrap());
    assert!(end.stop().success());
}

#[test]
fn a_child_that_dies_fails_the_calls_that_it_had() {
    let (end, peer) = started(Service::new());
    let rested = std::thread::spawn({
        let peer = peer.clone();
        move || peer.call::<u64>("note_and_sleep", &600_000)
    });
    super::pool::until("it has begun", || peer.call::<bool>("has_noted", &()).unwrap());
    end.kill();
    let lost = rested.join().unwrap().unwrap_err();
    assert!(matches!(lost, CallError::Disconnected { begun: true }), "{lost}");
    peer.closed().unwrap();
    let never = peer.call::<u64>("double", &1).unwrap_err();
    assert!(matches!(never, CallError::Disconnected { begun: false }), "{never}");
    assert!(!peer.is_connected());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&end.wait()), Some(9));
}

#[test]
fn a_child_exits_when_the_last_clone_of_its_peer_is_dropped() {
    let (end, peer) = started(Service::new());
    let clone = peer.clone();
    drop(peer);
    assert_eq!(clone.call::<u64>("double", &21).unwrap(), 42);
    drop(clone);
    assert!(end.wait().success());
}

#[test]
fn a_stream_that_is_read_keeps_the_channel_open() {
    let (end, peer) = started(Service::new());
    let mut items = peer.stream::<u32>("count", &1000).unwrap();
    drop(peer);
    for n in 0..1000 {
        assert_eq!(items.next().unwrap().unwrap(), n);
    }
    assert!(items.next().is_none());
    assert!(end.wait().success());
}

#[test]
fn a_channel_has_calls_once() {
    let (end, peer) = started(Service::new());
    let Err(Error::Send(error @ SendError::HasCalls)) = end.connect(Service::new()).map(drop) else {
        panic!("two would each get a part of the messages");
    };
    assert_eq!(error.code(), "ERR_INVALID_STATE");
    assert_eq!(peer.call::<u64>("double", &21).unwrap(), 42);
}

#[test]
fn what_is_no_call_goes_to_on_message() {
    let end = End::command(command().env("BREAKS_RULES", "posts"));
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let service = Service::new().on_message(move |message, _| {
        tell.lock().unwrap().send(message.decode::<String>().unwrap()).unwrap();
    });
    let peer = end.connect(service).unwrap();
    peer.call::<()>("post", &()).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), "no call");
    assert!(peer.call::<u32>("pid", &()).unwrap() > 0);
    end.send(&"no call either").unwrap();
    drop(peer);
    end.wait();
}

#[test]
fn a_worker_of_a_pool_whose_peer_is_closed_is_replaced() {
    let close = |_: u32, cx: &Context| {
        cx.peer().close();
        Answer::Ok(0)
    };
    let pool = start(
        Pool::command(command()).size(super::pool::n(1)).service(Service::new().method("triple", close)),
    );
    let pool = pool.unwrap();
    let pid: u32 = pool.call("pid", &()).unwrap();
    let lost = pool.call::<u32>("ask", &1).unwrap_err();
    assert!(matches!(lost, PoolError::WorkerDied { begun: true, .. }), "{lost}");
    super::pool::until("another takes calls", || {
        pool.call::<u32>("pid", &()).is_ok_and(|other| other != pid)
    });
    assert_eq!(pool.close(), 0, "it was not killed");
}

#[test]
fn a_set_up_that_panics_ends_the_calls() {
    let end = End::command(command());
    let peer = end.connect(panicking_set_up(Service::new())).unwrap();
    let failed = peer.closed().unwrap_err();
    assert!(failed.to_string().ends_with(": in the set-up"), "{failed}");
    assert!(!peer.is_connected());
    assert!(end.wait().success(), "its channel has ended");
}
