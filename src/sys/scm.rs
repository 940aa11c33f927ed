//! Bytes with descriptors over a Unix stream socket: `sendmsg` and `recvmsg` with `SCM_RIGHTS`.
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
struct Control([MaybeUninit<u8>; control_space(MAX_FDS)]);

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
    let mut control = Control([MaybeUninit::uninit(); control_space(MAX_FDS)]);
    let spare = buffer.spare_capacity_mut();
    debug_assert!(!spare.is_empty(), "a read into no room looks like the end of the stream");
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
        unsafe { libc::recvmsg(socket.as_raw_fd(), &mut header, RECV_FLAGS) }
    })?;
    // SAFETY: the kernel has filled in the header and the control buffer that it points to.
    unsafe { take_fds(&header, fds) };
    // SAFETY: the kernel has written `len` bytes to the free space.
    unsafe { buffer.advance_mut(len) };
    Ok(Received { len, truncated: header.msg_flags & libc::MSG_CTRUNC != 0 })
}

/// Writes once, without waiting and without SIGPIPE. The descriptor rides on the first byte.
pub fn send(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>], fd: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut control = Control([MaybeUninit::uninit(); control_space(MAX_FDS)]);
    // SAFETY: all-zero is a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice has the layout of iovec, by its documentation; sendmsg does not write to it.
    header.msg_iov = slices.as_ptr().cast_mut().cast();
    header.msg_iovlen = slices.len() as _;
    if let Some(fd) = fd {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control_space(1) as _;
        // SAFETY: the control buffer has room for one descriptor and is aligned for cmsghdr, so
        // CMSG_FIRSTHDR is not null, and CMSG_DATA is inside of the buffer.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(&header);
            (*message).cmsg_level = libc::SOL_SOCKET;
            (*message).cmsg_type = libc::SCM_RIGHTS;
            (*message).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
            ptr::write_unaligned(libc::CMSG_DATA(message).cast::<RawFd>(), fd.as_raw_fd());
        }
    }
    retry(|| {
        // SAFETY: the header points to slices and control data that live longer than the call.
        unsafe { libc::sendmsg(socket.as_raw_fd(), &header, SEND_FLAGS) }
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const RECV_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const RECV_FLAGS: i32 = libc::MSG_DONTWAIT;

#[cfg(any(target_os = "linux", target_os = "android"))]
const SEND_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
// Elsewhere the socket itself is told (`inherit::prepare`).
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEND_FLAGS: i32 = libc::MSG_DONTWAIT;

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
