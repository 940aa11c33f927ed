//! [`SocketList`] for tasks.

crate::driver::face::socket_list_face! {
    /// ```no_run
    /// # use crossfork::tokio::{Fork, SocketList};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    /// let child = Fork::new("worker.js").spawn()?;
    /// let list = SocketList::new();
    /// let (connection, _) = listener.accept().await?;
    /// list.send(&child.channel, &"a connection", connection.into_std()?).await?;
    /// println!("{} open in children", list.connections().await?);
    /// list.closed().await?;
    /// # Ok(()) }
    /// ```
    tasks #[doc = ""] async await
}
