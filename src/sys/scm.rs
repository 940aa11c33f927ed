//! Bytes with descriptors over a Unix socket: `sendmsg` and `recvmsg` with `SCM_RIGHTS`.
//!
//! Called through libc and not through nix, which allocates for each message.

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use bytes::BufMut;
use bytes::BytesMut;

/// The most descriptors that Linux attaches to one message.
pub const MAX_FDS: usize = 253;

/// Room for [`MAX_FDS`] descriptors, aligned as control data must be.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; control_space(MAX_FDS) + OTHERS]);

/// Room for what else the kernel attaches to messages, ahead of the descriptors, where a socket's
/// options ask for it: credentials, a security label, a pidfd.
const OTHERS: usize = 512;

const fn control_space(fds: usize) -> usize {
    // SAFETY: CMSG_SPACE only computes.
    unsafe { libc::CMSG_SPACE((fds * size_of::<RawFd>()) as u32) as usize }
}

/// What one read has brought.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes were appended; 0 is the end of the stream.
    pub len: usize,
    /// The kernel dropped descriptors (`MSG_CTRUNC`).
    pub truncated: bool,
}

/// Reads once, without waiting, appending bytes to the buffer's free space, which must not be
/// empty, and descriptors, all close-on-exec, to `fds`.
pub fn recv(socket: BorrowedFd<'_>, buffer: &mut BytesMut, fds: &mut Vec<OwnedFd>) -> io::Result<Received> {
    let spare = buffer.spare_capacity_mut();
    debug_assert!(!spare.is_empty(), "a read into no room looks like the end of the stream");
    let (len, flags) = receive(socket, spare, fds, DONT_WAIT)?;
    // SAFETY: the kernel has written `len` bytes to the free space.
    unsafe { buffer.advance_mut(len) };
    Ok(Received { len, truncated: flags & libc::MSG_CTRUNC != 0 })
}

/// What one read of a packet, or of a part of a stream, has brought.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet {
    /// How many bytes were written to the buffer.
    pub len: usize,
    /// A packet that was longer than the buffer has lost its end (`MSG_TRUNC`).
    pub cut: bool,
    /// The kernel dropped descriptors (`MSG_CTRUNC`).
    pub truncated: bool,
}

/// Reads once into a buffer, for any kind of Unix socket. Appends descriptors, all close-on-exec.
/// If it may `wait`, it does so if the socket does.
pub fn recv_packet(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    fds: &mut Vec<OwnedFd>,
    wait: bool,
) -> io::Result<Packet> {
    // SAFETY: initialized bytes are as good as uninitialized ones, and the kernel makes none of
    // them uninitialized.
    let spare = unsafe { &mut *(ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    let (len, flags) = receive(socket, spare, fds, if wait { 0 } else { DONT_WAIT })?;
    Ok(Packet {
        len: len.min(buffer.len()),
        cut: flags & libc::MSG_TRUNC != 0,
        truncated: flags & libc::MSG_CTRUNC != 0,
    })
}

/// One recvmsg: how many bytes, and the flags that it came back with.
fn receive(
    socket: BorrowedFd<'_>,
    spare: &mut [MaybeUninit<u8>],
    fds: &mut Vec<OwnedFd>,
    flags: i32,
) -> io::Result<(usize, i32)> {
    let mut control = Control([MaybeUninit::uninit(); control_space(MAX_FDS) + OTHERS]);
    let mut iov = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    // SAFETY: all-zero is a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &mut iov;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    let len = retry(|| {
        // SAFETY: the header points to an iovec over the buffer's free space and to the control
        // buffer, both of which live longer than the call.
        unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, flags | RECV_FLAGS) }
    })?;
    // SAFETY: the kernel has filled in the header and the control buffer that it points to.
    unsafe { take_fds(&header, fds) };
    Ok((len, header.msg_flags))
}

/// Writes once, without waiting and without SIGPIPE. The descriptor rides on the first byte.
pub fn send(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>], fd: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    send_many(socket, slices, fd.as_slice(), false)
}

/// Writes once, without SIGPIPE. The descriptors, [`MAX_FDS`] at most, ride on the first byte. If
/// it may `wait`, it does so if the socket does.
pub fn send_many(
    socket: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
    wait: bool,
) -> io::Result<usize> {
    if fds.len() > MAX_FDS {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut control = Control([MaybeUninit::uninit(); control_space(MAX_FDS) + OTHERS]);
    // SAFETY: all-zero is a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice has the layout of iovec, by its documentation; sendmsg does not write to it.
    header.msg_iov = slices.as_ptr().cast_mut().cast();
    header.msg_iovlen = slices.len() as _;
    if !fds.is_empty() {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control_space(fds.len()) as _;
        // SAFETY: the control buffer has room for so many descriptors and is aligned for cmsghdr,
        // so CMSG_FIRSTHDR is not null, and what CMSG_DATA points to is inside of the buffer. A
        // BorrowedFd has the layout of its number, by its documentation.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(&header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(size_of_val(fds) as u32) as _;
            ptr::copy_nonoverlapping(
                fds.as_ptr().cast::<u8>(),
                libc::CMSG_DATA(message).cast::<u8>(),
                size_of_val(fds),
            );
        }
    }
    let flags = if wait { 0 } else { DONT_WAIT };
    retry(|| {
        // SAFETY: the header points to slices and control data that live longer than the call.
        unsafe { libc::sendmsg(socket.as_raw_fd(), &header, flags | SEND_FLAGS) }
    })
}

const DONT_WAIT: i32 = libc::MSG_DONTWAIT;

#[cfg(any(target_os = "linux", target_os = "android"))]
const RECV_FLAGS: i32 = libc::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const RECV_FLAGS: i32 = 0;

#[cfg(any(target_os = "linux", target_os = "android"))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
// Elsewhere the socket itself is told (`inherit::prepare`).
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEND_FLAGS: i32 = 0;

/// # Safety
/// The header must have been filled in by recvmsg, and the descriptors not yet taken.
unsafe fn take_fds(header: &libc::msghdr, fds: &mut Vec<OwnedFd>) {
    // SAFETY: recvmsg left a valid list of control messages in the header's buffer.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: `message` is not null and inside of the control buffer, as CMSG_* guarantee.
        // Each descriptor in SCM_RIGHTS is new in this process and owned by nobody else.
        unsafe {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(message).cast::<RawFd>();
                let bytes = (*message).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for i in 0..bytes / size_of::<RawFd>() {
                    let fd = OwnedFd::from_raw_fd(ptr::read_unaligned(data.add(i)));
                    #[cfg(not(any(target_os = "linux", target_os = "android")))]
                    let _ = super::inherit::set_cloexec(std::os::fd::AsFd::as_fd(&fd));
                    fds.push(fd);
                }
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
}

fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let result = call();
        if result >= 0 {
            return Ok(result as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
