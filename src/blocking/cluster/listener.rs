//! [`Listener`] for threads.

use crate::driver::listen::Socket;

crate::driver::face::listener_face! { threads #[doc = ""] }

/// Threads accept from the socket as it is.
fn register(socket: listen::Socket) -> io::Result<Socket> {
    Ok(socket)
}

/// Waits for a connection on the socket. `None` when the server ends.
fn accept_until_over(server: &Server, socket: &Arc<Socket>) -> Option<io::Result<Stream>> {
    let accepted = op::until_over(server.id, || Stream::accept(socket));
    server.channel.call_watching(socket.clone(), accepted)
}
