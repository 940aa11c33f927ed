//! A primary of a cluster with shell scripts as workers, whose channel is at 3. For real workers see
//! test/interop/cluster-primary.test.mjs.

#[cfg(feature = "calls")]
#[path = "cluster_primary/calls.rs"]
mod calls;
#[path = "cluster_primary/delay.rs"]
mod delay;
#[path = "cluster_primary/paths.rs"]
mod paths;
#[path = "cluster_primary/serving.rs"]
mod serving;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crossfork::tokio::cluster::{Event, ForkedWorker, Primary, Settings};
use crossfork::{Error, Signal};
use nix::unistd::{Pid, getpgid, getsid};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

fn script(text: &str) -> Settings {
    Primary::program("/bin/sh").args(["-c", text])
}

/// A line on the channel. printf is a builtin of every sh.
fn says(json: &str) -> String {
    format!("printf '%s\\n' '{json}' >&3; ")
}

fn cluster(fields: &str) -> String {
    says(&format!("{{\"cmd\":\"NODE_CLUSTER\",{fields}}}"))
}

/// The next event. `None`: no more will come.
async fn next(primary: &Primary) -> Option<Event> {
    timeout(PATIENCE, primary.next()).await.expect("an event in time")
}

/// The names of the events until the end of a worker.
async fn until_exit(primary: &Primary) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let event = next(primary).await.expect("an event");
        let text = format!("{event:?}");
        names.push(text.split(' ').next().expect("a name").to_owned());
        if matches!(event, Event::Exit { .. }) {
            return names;
        }
    }
}

/// Waits for the exit of a process that causes no event.
async fn gone(worker: &ForkedWorker) {
    timeout(PATIENCE, async {
        while !worker.is_dead() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it ends in time");
}

#[tokio::test]
async fn clu_22_a_program_that_is_not_a_worker_starts_and_exits() {
    let primary = Primary::program("/bin/sh").args(["-c", "exit 7"]).start();
    let worker = primary.fork().expect("is started");
    assert_eq!(until_exit(&primary).await, ["Setup", "Fork", "Disconnect", "Exit"]);
    assert!(worker.is_dead() && !worker.is_connected() && !worker.exited_after_disconnect());
    assert!(primary.workers().is_empty() && primary.worker(1).is_none());
}

#[tokio::test]
async fn clu_22_exit_code_and_signal_are_distinguished() {
    let primary = script("kill -KILL $$").start();
    primary.fork().expect("is started");
    loop {
        if let Event::Exit { code, signal, .. } = next(&primary).await.expect("an event") {
            assert_eq!((code, signal), (None, Some(Signal::KILL)));
            break;
        }
    }
}

#[tokio::test]
async fn clu_22_a_worker_reaped_by_other_code_has_no_invented_exit_code() {
    let primary = script("read line <&3; exit 7").start();
    let worker = primary.fork().expect("is started");
    worker.send("go on").await.expect("is sent");
    // The runtime does not run in the meantime.
    let pid = nix::unistd::Pid::from_raw(worker.pid() as i32);
    nix::sys::wait::waitpid(pid, None).expect("its end");
    loop {
        if let Event::Exit { code, signal, .. } = next(&primary).await.expect("an event") {
            assert_eq!((code, signal), (None, None));
            break;
        }
    }
}

#[tokio::test]
async fn clu_4_a_worker_that_cannot_be_started_is_an_error_and_no_event() {
    let absent = concat!(env!("CARGO_MANIFEST_DIR"), "/test/absent");
    let primary = Primary::program(absent).start();
    let Err(Error::Spawn { program, reason }) = primary.fork() else { panic!("unexpected start") };
    assert_eq!((program.as_str(), reason.kind()), (absent, ErrorKind::NotFound));
    assert!(matches!(next(&primary).await, Some(Event::Setup)));
    primary.disconnect();
    assert!(next(&primary).await.is_none());
}

#[tokio::test]
async fn workers_use_the_latest_settings() {
    let primary = script("exit 1").start();
    for code in [1, 2] {
        primary.set_up(script(&format!("exit {code}")));
        primary.fork().expect("is started");
        loop {
            if let Event::Exit { code: found, .. } = next(&primary).await.expect("an event") {
                assert_eq!(found, Some(code));
                break;
            }
        }
    }
}

/// Ignoring them silently would be confusing.
#[tokio::test]
async fn module_settings_are_an_error_for_a_program() {
    let program = || Primary::program("/bin/true");
    let cases = [
        ("exec_path", program().exec_path("/usr/bin/node")),
        ("exec_argv", program().exec_argv(["--inspect"])),
    ];
    for (option, settings) in cases {
        let primary = settings.start();
        let error = primary.fork().expect_err("unexpected start");
        assert!(error.to_string().starts_with("/bin/true cannot be started: "), "{error}");
        assert!(error.to_string().contains(option), "{error}");
        assert_eq!(error.code(), "ERR_INVALID_ARG_VALUE");
    }
    assert!(program().start().fork().is_ok());
}

#[tokio::test]
async fn clu_4_a_silent_worker_has_pipes_and_its_number_in_its_environment() {
    let primary = script("echo $NODE_UNIQUE_ID $EXTRA").silent().env("EXTRA", "settings").start();
    for expected in ["1 settings\n", "2 fork\n"] {
        let own = (expected == "2 fork\n").then_some(("EXTRA", "fork"));
        let worker = primary.fork_with(own).expect("is started");
        let mut text = String::new();
        let mut stdout = worker.take_stdout().expect("a pipe");
        timeout(PATIENCE, stdout.read_to_string(&mut text)).await.expect("in time").expect("is read");
        assert_eq!(text, expected);
        assert!(worker.take_stdout().is_none(), "stdout was taken before");
    }
}

#[tokio::test]
async fn clu_5_clu_8_clu_10_worker_messages_become_events_in_order() {
    let text = cluster(r#""act":"online","seq":0"#)
        + &cluster(r#""act":"listening","address":null,"port":80,"addressType":4,"seq":1"#)
        + &says(r#""a message""#)
        + &cluster(r#""act":"exitedAfterDisconnect","seq":2"#)
        + &says("?");
    let primary = script(&text).start();
    let worker = primary.fork().expect("is started");
    assert_eq!(
        until_exit(&primary).await,
        ["Setup", "Fork", "Online", "Listening", "Message", "Leaving", "Error", "Disconnect", "Exit"]
    );
    assert!(worker.exited_after_disconnect());
}

/// Sends the numbers up to `$1`, each in a message.
const SAY: &str = "i=0; say() { while [ $i -lt $1 ]; do i=$((i+1)); echo $i; done >&3; }; ";

#[tokio::test]
async fn life_4_messages_sent_before_a_workers_exit_are_received_even_late() {
    // More messages than are read before some are taken, and then more again.
    let primary = script(&(SAY.to_owned() + "say 300; read line <&3; say 400")).start();
    let worker = primary.fork().expect("is started");
    let mut said = Vec::new();
    while said.len() < 20 {
        if let Event::Message { message, .. } = next(&primary).await.expect("an event") {
            said.push(message.decode::<u32>().expect("a number"));
        }
    }
    worker.send("go on").await.expect("is sent");
    gone(&worker).await;
    loop {
        match next(&primary).await.expect("an event") {
            Event::Message { message, .. } => said.push(message.decode().expect("a number")),
            Event::Exit { .. } => break,
            _ => {}
        }
    }
    assert_eq!(said, (1..=400).collect::<Vec<_>>());
}

#[tokio::test]
async fn hnd_7_a_handle_is_acknowledged_while_the_workers_messages_are_unread() {
    let acknowledges = "read line <&3; say 500; echo '{\"cmd\":\"NODE_HANDLE_ACK\"}' >&3; read line <&3";
    let primary = script(&(SAY.to_owned() + "say 300; " + acknowledges)).start();
    let worker = primary.fork().expect("is started");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let sent = timeout(PATIENCE, worker.send_handle("yours", listener)).await;
    sent.expect("an acknowledgement, in time").expect("it has arrived");
    timeout(PATIENCE, worker.send("more")).await.expect("in time").expect("is sent");
    let names = until_exit(&primary).await;
    assert_eq!(names.iter().filter(|name| *name == "Message").count(), 500);
}

#[tokio::test]
async fn clu_21_disconnect_completes_when_all_workers_have_ended_and_a_new_fork_works() {
    let primary = script("read line <&3").start();
    for _ in 0..3 {
        primary.fork().expect("is started");
    }
    primary.disconnect();
    let mut exits = 0;
    while let Some(event) = next(&primary).await {
        exits +=
            usize::from(matches!(event, Event::Exit { ref worker, .. } if worker.exited_after_disconnect()));
    }
    assert_eq!(exits, 3);
    assert!(next(&primary).await.is_none());
    primary.fork().expect("is started");
    assert!(matches!(next(&primary).await, Some(Event::Fork { worker }) if worker.id() == 4));
}

#[tokio::test]
async fn life_9_a_worker_with_unread_messages_gets_backpressure_and_its_exit_is_seen() {
    // More than our queue and both sockets' buffers together.
    let endless = "while printf '%065536d\\n' 0 >&3; do :; done";
    let primary = script(endless).start();
    let worker = primary.fork().expect("is started");
    assert!(matches!(next(&primary).await, Some(Event::Setup)));
    // Sooner or later its write blocks. Only its exit can be observed.
    assert!(worker.kill(Signal::KILL).expect("a signal"));
    gone(&worker).await;
    let names = until_exit(&primary).await;
    assert!(names.len() < 400, "{} events", names.len());
    assert_eq!(names[names.len() - 2..], ["Disconnect", "Exit"]);
}

#[tokio::test]
async fn clu_4_workers_can_run_as_another_user_and_group() {
    const NOBODY: u32 = 65534;
    let text = cluster(r#""act":"online","seq":0"#) + "echo $(id -u) $(id -g) $(id -G)";
    let primary = script(&text).silent().uid(NOBODY).gid(NOBODY).start();
    let worker = match primary.fork() {
        Ok(worker) => worker,
        // Without root, this is an error that says so.
        Err(error) => {
            let we = std::fs::metadata("/proc/self").expect("ourselves").uid();
            assert_ne!(we, 0, "{error}");
            assert_eq!(error.code(), "EPERM");
            eprintln!("skipped, for only root may: {error}");
            return;
        }
    };
    let mut text = String::new();
    let mut stdout = worker.take_stdout().expect("a pipe");
    timeout(PATIENCE, stdout.read_to_string(&mut text)).await.expect("in time").expect("is read");
    assert_eq!(text, "65534 65534 65534\n");
    assert_eq!(until_exit(&primary).await, ["Setup", "Fork", "Online", "Disconnect", "Exit"]);
}

#[tokio::test]
async fn clu_4_each_worker_can_have_its_own_process_group() {
    let primary = script("cat <&3 >/dev/null").own_process_group().start();
    let pid = Pid::from_raw(primary.fork().expect("is started").pid() as i32);
    assert_eq!((getpgid(Some(pid)), getsid(Some(pid))), (Ok(pid), getsid(None)));
}

#[tokio::test]
async fn clu_4_detached_workers_have_their_own_session_and_end_with_their_channel() {
    for is_detached in [false, true] {
        let settings = script("cat <&3 >/dev/null");
        let primary = if is_detached { settings.detached() } else { settings }.start();
        let worker = primary.fork().expect("is started");
        let pid = Pid::from_raw(worker.pid() as i32);
        let session = if is_detached { pid } else { getsid(None).expect("ours") };
        assert_eq!(getsid(Some(pid)), Ok(session));
        drop(primary);
        gone(&worker).await;
    }
}

#[tokio::test]
async fn a_dropped_next_loses_no_event() {
    let primary = Primary::program("/bin/true").start();
    let worker = primary.fork().unwrap();
    let mut names = Vec::new();
    while names.last().map(String::as_str) != Some("Exit") {
        // Each future is polled once and dropped.
        let event = timeout(Duration::ZERO, primary.next()).await;
        let Ok(event) = event else {
            tokio::task::yield_now().await;
            continue;
        };
        let text = format!("{:?}", event.expect("an event"));
        names.push(text.split(' ').next().expect("a name").to_owned());
    }
    assert_eq!(names, ["Setup", "Fork", "Disconnect", "Exit"]);
    gone(&worker).await;
}

/// Its tasks would panic one day, with nobody who sees it.
#[test]
fn a_primary_in_a_runtime_without_timers_panics_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let started = std::panic::catch_unwind(|| runtime.block_on(async { script("exit 0").start() }));
    assert!(started.is_err());
}
