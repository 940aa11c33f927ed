//! [`Worker`] for tasks.

use std::io;
use std::net::SocketAddr;

use crate::driver::listen::Host;
use crate::tokio::{Channel, require_driver};

crate::driver::face::worker_face! {
    /// ```no_run
    /// use crossfork::tokio::cluster::Worker;
    /// use tokio::io::AsyncWriteExt;
    ///
    /// # async fn example() -> Result<(), crossfork::Error> {
    /// let worker = Worker::from_env()?;
    /// let listener = worker.listen(8000).await?;
    /// while let Some(mut connection) = listener.accept().await? {
    ///     tokio::spawn(async move { connection.write_all(b"hello\n").await });
    /// }
    /// // Asked to stop. The channel closes with the last connection.
    /// worker.closed().await;
    /// # Ok(()) }
    /// ```
    tasks #[doc = ""] async await
}

/// The first address of the name, as in Node.
async fn look_up(host: &Host) -> io::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((host.name.as_str(), host.port)).await?;
    found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}
