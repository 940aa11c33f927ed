//! [`SocketList`] for threads.

crate::driver::face::socket_list_face! {
    /// ```no_run
    /// # use crossfork::blocking::{Fork, SocketList};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:8080")?;
    /// let child = Fork::new("worker.js").spawn()?;
    /// let list = SocketList::new();
    /// let (connection, _) = listener.accept()?;
    /// list.send(&child.channel, &"a connection", connection)?;
    /// println!("{} open in children", list.connections()?);
    /// list.closed()?; // waits
    /// # Ok(()) }
    /// ```
    threads #[doc = ""]
}
