//! Sends and receives bytes with descriptors over a Unix socket: `sendmsg` and `recvmsg` with `SCM_RIGHTS`.
//!
//! Calls libc directly, because nix allocates for each message.

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use bytes::BufMut;
use bytes::BytesMut;

/// The maximum number of descriptors in one message (Linux's limit).
pub const MAX_FDS: usize = 253;

/// A buffer for [`MAX_FDS`] descriptors, with the alignment that control data needs.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; control_space(MAX_FDS) + OTHER_CONTROL_DATA]);

/// Space for other control data that the kernel puts before the descriptors if socket options
/// request it: credentials, a security label, a pidfd.
const OTHER_CONTROL_DATA: usize = 512;

const fn control_space(fds: usize) -> usize {
    // SAFETY: CMSG_SPACE only computes a size.
    unsafe { libc::CMSG_SPACE((fds * size_of::<RawFd>()) as u32) as usize }
}

/// The result of one read from a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// Number of bytes appended; 0 means end of stream.
    pub len: usize,
    /// The kernel dropped descriptors (`MSG_CTRUNC`).
    pub truncated: bool,
}

/// Reads once, without waiting. Appends bytes to the buffer's free space, which must not be empty, and
/// descriptors to `fds`. The descriptors are close-on-exec.
pub fn recv(socket: BorrowedFd<'_>, buffer: &mut BytesMut, fds: &mut Vec<OwnedFd>) -> io::Result<Received> {
    let spare = buffer.spare_capacity_mut();
    debug_assert!(!spare.is_empty(), "reading into an empty buffer looks like the end of the stream");
    let (len, flags) = receive(socket, spare, fds, DONT_WAIT)?;
    // SAFETY: the kernel has written `len` bytes to the free space.
    unsafe { buffer.advance_mut(len) };
    Ok(Received { len, truncated: flags & libc::MSG_CTRUNC != 0 })
}

/// The result of one read: a packet, or a part of a stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet {
    /// Number of bytes written to the buffer.
    pub len: usize,
    /// The packet was longer than the buffer, and the rest is lost (`MSG_TRUNC`).
    pub cut: bool,
    /// The kernel dropped descriptors (`MSG_CTRUNC`).
    pub truncated: bool,
}

/// Reads once into a buffer, from any type of Unix socket. Appends descriptors, which are close-on-exec.
/// With `wait`, the call blocks if the socket is blocking; without it, the call never blocks.
pub fn recv_packet(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    fds: &mut Vec<OwnedFd>,
    wait: bool,
) -> io::Result<Packet> {
    // SAFETY: initialized bytes are valid as `MaybeUninit`, and the kernel does not make any byte
    // uninitialized.
    let spare = unsafe { &mut *(ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    let (len, flags) = receive(socket, spare, fds, if wait { 0 } else { DONT_WAIT })?;
    Ok(Packet {
        len: len.min(buffer.len()),
        cut: flags & libc::MSG_TRUNC != 0,
        truncated: flags & libc::MSG_CTRUNC != 0,
    })
}

/// Calls recvmsg once. Returns the number of bytes and the flags that the kernel set.
fn receive(
    socket: BorrowedFd<'_>,
    spare: &mut [MaybeUninit<u8>],
    fds: &mut Vec<OwnedFd>,
    flags: i32,
) -> io::Result<(usize, i32)> {
    let mut control = Control([MaybeUninit::uninit(); control_space(MAX_FDS) + OTHER_CONTROL_DATA]);
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

/// Writes once, without waiting and without SIGPIPE. The descriptor is attached to the first byte.
pub fn send(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>], fd: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    send_many(socket, slices, fd.as_slice(), false)
}

/// Writes once, without SIGPIPE. The descriptors, at most [`MAX_FDS`], are attached to the first byte.
/// With `wait`, the call blocks if the socket is blocking; without it, the call never blocks.
pub fn send_many(
    socket: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
    wait: bool,
) -> io::Result<usize> {
    if fds.len() > MAX_FDS {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut control = Control([MaybeUninit::uninit(); control_space(MAX_FDS) + OTHER_CONTROL_DATA]);
    // SAFETY: all-zero is a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice has the same layout as iovec (documented by std); sendmsg does not write to it.
    header.msg_iov = slices.as_ptr().cast_mut().cast();
    header.msg_iovlen = slices.len() as _;
    if !fds.is_empty() {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control_space(fds.len()) as _;
        // SAFETY: the control buffer is large enough for these descriptors and aligned for cmsghdr.
        // So CMSG_FIRSTHDR is not null, and CMSG_DATA points into the buffer. A BorrowedFd has the
        // same layout as its number (documented by std).
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
// Other systems: `inherit::prepare` sets the socket option instead.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEND_FLAGS: i32 = 0;

/// # Safety
/// recvmsg must have filled in the header, and its descriptors must not have been taken yet.
unsafe fn take_fds(header: &libc::msghdr, fds: &mut Vec<OwnedFd>) {
    // SAFETY: recvmsg left a valid list of control messages in the header's buffer.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: `message` is not null and points into the control buffer, as CMSG_* guarantee.
        // Each descriptor in SCM_RIGHTS is new in this process and has no other owner.
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
