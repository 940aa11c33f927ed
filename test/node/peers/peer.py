"""A peer that knows only what every Unix program knows: sendmsg and recvmsg."""

import os
import socket
import sys

how, kind, path = sys.argv[1:]
peer = socket.socket(socket.AF_UNIX, {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET}[kind])
peer.connect(path)

if how == "echo":  # sends back what comes, with its descriptors
    while True:
        data, fds, _, _ = socket.recv_fds(peer, 65536, 253)
        if not data:
            break
        socket.send_fds(peer, [data], fds)
        for fd in fds:
            os.close(fd)
elif how == "one":  # has room for one descriptor, and tells how many came and whether the kernel has dropped others
    while True:
        data, fds, flags, _ = socket.recv_fds(peer, 65536, 1)
        if not data:
            break
        for fd in fds:
            os.close(fd)
        peer.sendall(b"%d %s" % (len(fds), b"truncated" if flags & socket.MSG_CTRUNC else b"whole"))
elif how == "read":  # tells what is in the file that comes
    data, fds, _, _ = socket.recv_fds(peer, 65536, 1)
    peer.sendall(os.pread(fds[0], 65536, 0))
