//! Paths of Unix sockets that are bound again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crossfork::tokio::cluster::{Balance, Event, Primary};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::{PATIENCE, cluster, next, script};

/// A folder of this test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crossfork-{}-{name}", std::process::id()));
        fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Asks for the path, and reports the answer. When there is a file named `go` beside it, it takes each connection,
/// and closes it.
fn worker(path: &Path) -> String {
    let query = format!(
        r#""act":"queryServer","index":0,"address":"{}","port":-1,"addressType":-1,"readableAll":true,"writableAll":true,"seq":1"#,
        path.display()
    );
    let (folder, go) = (path.parent().expect("a folder"), path.with_file_name("go"));
    // Without the folder, the test is over.
    let waits =
        format!("while [ -d {} ] && [ ! -e {} ]; do sleep 0.01; done; ", folder.display(), go.display());
    cluster(&query)
        + r#"read reply <&3; printf '%s\n' "{\"reply\":$reply}" >&3; "#
        + &waits
        + r#"while read offer <&3; do
            seq=${offer##*'"seq":'}
            seq=${seq%%[!0-9]*}
            printf '{"cmd":"NODE_HANDLE_ACK"}\n{"cmd":"NODE_CLUSTER","ack":%d,"accepted":true}\n' "$seq" >&3
        done"#
}

/// Starts another worker, and gives the error number with which its query was answered; 0 for none.
async fn forks(primary: &Primary) -> i64 {
    primary.fork().expect("is started");
    loop {
        if let Event::Message { message, .. } = next(primary).await.expect("an event") {
            let said: serde_json::Value = message.decode().expect("JSON");
            return said["reply"]["errno"].as_i64().expect("a number");
        }
    }
}

async fn is_served(mut client: UnixStream) -> bool {
    matches!(timeout(PATIENCE, client.read(&mut [0])).await.expect("its end, in time"), Ok(0))
}

#[tokio::test]
async fn clu_16_a_removed_path_is_bound_again_and_clients_of_the_old_socket_are_served() {
    for balance in [Balance::RoundRobin, Balance::Shared] {
        let folder = Folder::new(&format!("again-{balance:?}"));
        let path = folder.path();
        let primary = script(&worker(&path)).balance(balance).rebind_paths(true).start();
        assert_eq!(forks(&primary).await, 0);
        // One is offered. The worker does not answer, and the others wait here or in the kernel.
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(UnixStream::connect(&path).await.expect("it listens"));
        }
        fs::remove_file(&path).expect("it is there");
        assert_eq!(forks(&primary).await, 0);
        let file = fs::metadata(&path).expect("it is there again");
        assert_eq!(file.permissions().mode() & 0o666, 0o666);
        clients.push(UnixStream::connect(&path).await.expect("it listens"));
        // A third worker finds the file as it is.
        assert_eq!(forks(&primary).await, 0);
        assert_eq!(fs::metadata(&path).expect("the same").ino(), file.ino());
        fs::write(folder.0.join("go"), "").expect("a file");
        for client in clients {
            assert!(is_served(client).await);
        }
        primary.disconnect();
        for worker in primary.workers() {
            worker.kill(crossfork::Signal::KILL).expect("a signal");
        }
        while next(&primary).await.is_some() {}
        assert!(!path.exists(), "it is removed in the end");
    }
}

/// As programs do when they end, while others still serve it.
#[tokio::test]
async fn clu_16_a_path_that_was_removed_is_bound_again_when_a_worker_ends() {
    let folder = Folder::new("ends");
    let path = folder.path();
    fs::write(folder.0.join("go"), "").expect("a file");
    let primary = script(&worker(&path)).rebind_paths(true).start();
    for _ in 0..2 {
        assert_eq!(forks(&primary).await, 0);
    }
    fs::remove_file(&path).expect("it is there");
    assert!(primary.workers()[0].kill(crossfork::Signal::KILL).expect("a signal"));
    while !matches!(next(&primary).await, Some(Event::Disconnect { .. })) {}
    assert!(is_served(UnixStream::connect(&path).await.expect("it listens")).await);
}

#[tokio::test]
async fn clu_12_the_file_of_another_is_replaced_only_if_nobody_listens() {
    let folder = Folder::new("other");
    let path = folder.path();
    let other = UnixListener::bind(&path).expect("a listener");
    let primary = script(&worker(&path)).rebind_paths(true).start();
    assert_eq!(forks(&primary).await, -98, "somebody listens");
    drop(other);
    assert_eq!(forks(&primary).await, 0, "nobody does");
    fs::remove_file(&path).expect("it is there");
    let other = UnixListener::bind(&path).expect("a listener");
    assert_eq!(forks(&primary).await, -98, "somebody else has taken it");
    drop(primary);
    assert!(path.exists(), "it is not ours to remove");
    drop(other);
}

#[tokio::test]
async fn clu_16_without_the_setting_paths_are_as_in_node() {
    let folder = Folder::new("as-in-node");
    let path = folder.path();
    let primary = script(&worker(&path)).start();
    drop(UnixListener::bind(&path).expect("a listener"));
    assert_eq!(forks(&primary).await, -98);
    fs::remove_file(&path).expect("it is there");
    assert_eq!(forks(&primary).await, 0);
    fs::remove_file(&path).expect("it is there");
    assert_eq!(forks(&primary).await, 0);
    assert!(!path.exists());
}

/// Each socket that was replaced is closed: removing the path again and again costs nothing.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn clu_16_a_path_that_is_removed_all_the_time_costs_no_descriptors() {
    let folder = Folder::new("often");
    let path = folder.path();
    let query = format!(
        r#""act":"queryServer","index":0,"address":"{}","port":-1,"addressType":-1,"seq":1"#,
        path.display()
    );
    let close = format!(r#""act":"close","key":"{}:-1:-1:undefined""#, path.display());
    let asks = cluster(&query) + r#"read reply <&3; printf '%s\n' "{\"reply\":$reply}" >&3; "#;
    let again = format!("while read go <&3; do rm '{}'; {} {asks} done", path.display(), cluster(&close));
    let primary = script(&(asks.clone() + &again)).rebind_paths(true).keep_servers(true).start();
    assert_eq!(forks(&primary).await, 0);
    let listening = || {
        let sockets = fs::read_to_string("/proc/net/unix").expect("a file");
        sockets.lines().filter(|line| line.ends_with(&path.display().to_string())).count()
    };
    let worker = primary.workers().pop().expect("a worker");
    for _ in 0..30 {
        worker.send("again").await.expect("is sent");
        while !matches!(next(&primary).await, Some(Event::Message { .. })) {}
    }
    timeout(PATIENCE, async {
        while listening() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the old ones are closed in time");
}
