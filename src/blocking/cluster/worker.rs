//! [`Worker`] for threads.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::blocking::{Channel, require_driver};
use crate::driver::listen::Host;

crate::driver::face::worker_face! {
    /// ```no_run
    /// use crossfork::blocking::cluster::Worker;
    /// use std::io::Write;
    /// use std::thread;
    ///
    /// # fn main() -> Result<(), crossfork::Error> {
    /// let worker = Worker::from_env()?;
    /// let listener = worker.listen(8000)?;
    /// while let Some(mut connection) = listener.accept()? {
    ///     thread::spawn(move || connection.write_all(b"hello\n"));
    /// }
    /// // Asked to stop. The channel closes with the last connection.
    /// worker.closed();
    /// # Ok(()) }
    /// ```
    threads #[doc = ""]
}

/// The first address of the name, as Node takes it.
fn look_up(host: &Host) -> io::Result<SocketAddr> {
    let mut found = (host.name.as_str(), host.port).to_socket_addrs()?;
    found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}
