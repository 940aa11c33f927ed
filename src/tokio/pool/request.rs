//! [`Request`]: a call of a pool that is being prepared, for tasks.

crate::driver::face::pool_request_face! {
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use crossfork::tokio::pool::{Call, Pool};
    ///
    /// // In Node: serve({ convert(file, cx) { cx.progress(50); return cx.handle ? 1 : 0 } })
    /// let pool = Pool::builder("convert.js").start()?;
    /// let socket = std::net::TcpStream::connect("localhost:80")?;
    /// let request = pool.request("convert", "a.png").with(Call::new().key("user 7"));
    /// let request = request.on_progress(|percent: u32| println!("{percent} %")).handle(socket);
    /// let (size, handle) = request.call_for_handle::<u64>().await?;
    /// # let _ = (size, handle);
    /// # Ok(()) }
    /// ```
    tasks #[doc = ""] async await
}
