//! [`UdpSocket`] for tasks.

use tokio::net;
use tokio::select;

crate::driver::face::udp_face! { tasks #[doc = ""] async await }

type Socket = net::UdpSocket;

fn register(socket: std::net::UdpSocket) -> io::Result<Socket> {
    Socket::from_std(socket)
}

/// Waits for a datagram. `None` when the server ends.
async fn receive_until_over(
    server: &Server,
    socket: &Socket,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, SocketAddr)>> {
    select! {
        biased;
        () = server.channel.call(op::over(server.id)) => Ok(None),
        received = socket.recv_from(buffer) => received.map(Some),
    }
}

async fn send(socket: &Socket, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
    socket.send_to(bytes, to).await
}
