//! An output that is slow, that nobody reads, or whose reader is gone.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crossfork::supervisor::log::{CAPACITY, Sink, Source, Stream};

const WORKER: Source = Source::Worker(4711, Stream::Stdout);

/// Gives each write away, and goes on when it is told to.
struct Gate {
    written: Sender<Vec<u8>>,
    go_on: Receiver<io::Result<()>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
        match self.go_on.recv() {
            Ok(result) => result.map(|()| bytes.len()),
            // The test has ended.
            Err(e) => Err(io::Error::other(e)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Other {
    written: Receiver<Vec<u8>>,
    go_on: Sender<io::Result<()>>,
}

impl Other {
    fn next(&self) -> Vec<u8> {
        self.written.recv_timeout(Duration::from_secs(60)).expect("something is written")
    }
}

fn sink() -> (Sink, Other) {
    let (to_test, written) = channel();
    let (go_on, from_test) = channel();
    let gate = Gate { written: to_test, go_on: from_test };
    let lost = |lines| format!("[{lines} lost]\n").into_bytes();
    (Sink::new(gate, lost).unwrap(), Other { written, go_on })
}

/// The clock stands still, and jumps when everything waits for it.
fn in_paused_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

#[test]
fn what_comes_while_a_write_takes_its_time_is_written_together_and_in_order() {
    in_paused_time(async {
        let (sink, other) = sink();
        sink.write(b"one\n", 1, WORKER).await;
        assert_eq!(other.next(), b"one\n");
        sink.write(b"two\n", 1, WORKER).await;
        sink.write_now(b"three\n", 1);
        other.go_on.send(Ok(())).unwrap();
        assert_eq!(other.next(), b"two\nthree\n");
        other.go_on.send(Ok(())).unwrap();
    });
}

#[test]
fn where_nobody_reads_lines_are_lost_and_that_is_told_when_somebody_does() {
    in_paused_time(async {
        let (sink, other) = sink();
        sink.write(b"first\n", 1, WORKER).await;
        assert_eq!(other.next(), b"first\n");
        let half = vec![b'x'; CAPACITY / 2];
        sink.write(&half, 1, WORKER).await;
        sink.write(&half[5..], 1, WORKER).await;
        let start = tokio::time::Instant::now();
        sink.write(b"too long\n", 3, WORKER).await;
        assert!(!start.elapsed().is_zero(), "it waits for room");
        let start = tokio::time::Instant::now();
        sink.write(b"lost\n", 1, WORKER).await;
        sink.write_now(b"and so is this\n", 1);
        assert!(start.elapsed().is_zero(), "but not each time anew");
        other.go_on.send(Ok(())).unwrap();
        assert_eq!(other.next().len(), CAPACITY - 5);
        sink.write(b"last\n", 1, WORKER).await;
        other.go_on.send(Ok(())).unwrap();
        assert_eq!(String::from_utf8(other.next()).unwrap(), "\n[5 lost]\nlast\n");
        other.go_on.send(Ok(())).unwrap();
    });
}

#[test]
fn one_that_waits_for_room_gets_it() {
    // Real time, for the room comes from another thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (sink, other) = sink();
        sink.write(b"first\n", 1, WORKER).await;
        assert_eq!(other.next(), b"first\n");
        sink.write(&vec![b'x'; CAPACITY], 1, WORKER).await;
        let write = sink.write(b"waited\n", 1, WORKER);
        let make_room = async {
            tokio::task::yield_now().await;
            other.go_on.send(Ok(())).unwrap();
        };
        tokio::join!(write, make_room);
        assert_eq!(other.next().len(), CAPACITY);
        other.go_on.send(Ok(())).unwrap();
        assert_eq!(other.next(), b"waited\n");
        other.go_on.send(Ok(())).unwrap();
        sink.flush().await;
    });
}

#[test]
fn while_a_write_fails_nothing_waits_for_it() {
    in_paused_time(async {
        let (sink, other) = sink();
        sink.write(b"one\n", 1, WORKER).await;
        other.next();
        other.go_on.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        sink.flush().await;
        let start = tokio::time::Instant::now();
        for _ in 0..3 {
            sink.write(&vec![b'x'; CAPACITY], 1, WORKER).await;
        }
        assert!(start.elapsed().is_zero());
        assert_eq!(sink.unwritten(), 4);
    });
}

/// A disk that is full for a while.
#[test]
fn a_write_that_fails_is_tried_again_until_it_succeeds() {
    in_paused_time(async {
        let (sink, other) = sink();
        let (told, troubles) = channel();
        sink.on_trouble(move |trouble| told.send(format!("{trouble:?}")).unwrap());
        sink.write(b"one\n", 1, WORKER).await;
        for _ in 0..3 {
            assert_eq!(other.next(), b"one\n");
            other.go_on.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        }
        assert_eq!(other.next(), b"one\n");
        sink.write(b"two\n", 1, WORKER).await;
        other.go_on.send(Ok(())).unwrap();
        assert_eq!(other.next(), b"two\n");
        other.go_on.send(Ok(())).unwrap();
        let next = || troubles.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!([next(), next()], ["Failing(Kind(StorageFull))", "Over(0)"]);
    });
}

#[test]
fn what_is_lost_while_writes_fail_is_counted_and_told() {
    in_paused_time(async {
        let (sink, other) = sink();
        let (told, troubles) = channel();
        sink.on_trouble(move |trouble| told.send(format!("{trouble:?}")).unwrap());
        sink.write(b"one\n", 1, WORKER).await;
        other.next();
        other.go_on.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        sink.flush().await;
        sink.write(&vec![b'x'; CAPACITY], 1, WORKER).await;
        sink.write(b"lost\n", 1, WORKER).await;
        sink.write_now(b"lost\nlost\n", 2);
        for _ in 0..2 {
            other.next();
            other.go_on.send(Ok(())).unwrap();
        }
        assert_eq!(other.next(), b"\n[3 lost]\n");
        other.go_on.send(Ok(())).unwrap();
        let next = || troubles.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!([next(), next()], ["Failing(Kind(StorageFull))", "Over(3)"]);
    });
}

#[test]
fn an_interrupted_write_is_no_failure() {
    in_paused_time(async {
        let (sink, other) = sink();
        sink.write(b"one\n", 1, WORKER).await;
        other.next();
        other.go_on.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
        assert_eq!(other.next(), b"one\n");
        other.go_on.send(Ok(())).unwrap();
    });
}

#[test]
fn the_thread_ends_with_the_sink() {
    let (sink, other) = sink();
    drop(sink);
    let end = other.written.recv_timeout(Duration::from_secs(60));
    assert_eq!(end, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn nobodys_line_is_joined_to_one_that_another_has_not_ended() {
    in_paused_time(async {
        let (sink, other) = sink();
        sink.write(b"first\n", 1, WORKER).await;
        other.next();
        sink.write(b"a long", 1, WORKER).await;
        sink.write(b" line", 1, WORKER).await;
        sink.write_now(b"ours\n", 1);
        sink.write(b"rest\n", 1, WORKER).await;
        sink.write(b"no end", 1, Source::Worker(1, Stream::Stdout)).await;
        sink.write(b"error\n", 1, Source::Worker(1, Stream::Stderr)).await;
        other.go_on.send(Ok(())).unwrap();
        assert_eq!(String::from_utf8(other.next()).unwrap(), "a long line\nours\nrest\nno end\nerror\n");
        other.go_on.send(Ok(())).unwrap();
    });
}
