//! [`UdpSocket`] for threads.

use std::net;
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

crate::driver::face::udp_face! { threads #[doc = ""] }

type Socket = Arc<net::UdpSocket>;

fn register(socket: net::UdpSocket) -> io::Result<Socket> {
    Ok(Arc::new(socket))
}

/// Waits for a datagram, or for the end of the server: `None`.
fn receive_until_over(
    server: &Server,
    socket: &Socket,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, SocketAddr)>> {
    let received = op::until_over(server.id, || match socket.recv_from(buffer) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => None,
        received => Some(received),
    });
    server.channel.call_watching(socket.clone(), received).transpose()
}

fn send(socket: &Socket, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
    loop {
        match socket.send_to(bytes, to) {
            // The primary and the other workers share the flag, so it must stay set (HND-16).
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
                match poll(&mut fds, PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(e) => return Err(e.into()),
                }
            }
            sent => return sent,
        }
    }
}
