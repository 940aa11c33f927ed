//! Memory that is passed on as a descriptor.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::BitOr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;

/// What can no longer be done to a memfd, by anybody who has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seals(i32);

impl Seals {
    /// All is allowed.
    pub const NONE: Seals = Seals(0);
    /// No more seals.
    pub const SEAL: Seals = Seals(libc::F_SEAL_SEAL);
    /// Its size can't become less.
    pub const SHRINK: Seals = Seals(libc::F_SEAL_SHRINK);
    /// Its size can't become more.
    pub const GROW: Seals = Seals(libc::F_SEAL_GROW);
    /// Its contents stay as they are.
    pub const WRITE: Seals = Seals(libc::F_SEAL_WRITE);

    /// Whether all of these are among them.
    pub fn contains(self, others: Seals) -> bool {
        self.0 & others.0 == others.0
    }
}

impl BitOr for Seals {
    type Output = Seals;

    fn bitor(self, other: Seals) -> Seals {
        Seals(self.0 | other.0)
    }
}

/// Makes a memfd with these contents and seals. The caller owns it. The name is for those who
/// look at `/proc`.
///
/// # Errors
/// `EINVAL` for a name of more than 249 bytes.
pub fn memfd(name: &CStr, contents: &[u8], seals: Seals) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(contents)?;
    if seals != Seals::NONE {
        add_seals(file.as_fd(), seals)?;
    }
    Ok(file.into())
}

/// Adds seals.
///
/// # Errors
/// `EPERM` if it is sealed against seals or was opened for reading only, `EINVAL` if it is no
/// memfd, `EBUSY` if it is to be sealed against writing and mapped for writing.
pub fn add_seals(fd: BorrowedFd<'_>, seals: Seals) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_ADD_SEALS(SealFlag::from_bits_retain(seals.0)))?;
    Ok(())
}

/// The seals that it has.
///
/// # Errors
/// `EINVAL` if it is no memfd.
pub fn seals(fd: BorrowedFd<'_>) -> io::Result<Seals> {
    Ok(Seals(fcntl(fd, FcntlArg::F_GET_SEALS)?))
}

/// A memfd in this process's memory, until it is dropped. Others may change it at any time.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: NonZeroUsize,
    shared: bool,
}

// SAFETY: it is a place in memory that belongs to nobody in particular, and using it takes unsafe
// code anyway.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Where it begins.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// How many bytes it has, which is never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Whether what is written to it is written to the memfd. Else it stays in this process.
    pub fn is_shared(&self) -> bool {
        self.shared
    }
}

/// Maps all of a memfd, which is sealed against shrinking: whoever touched a page that is no
/// longer there would be killed. It is shared if it may be written to. The descriptor stays the
/// caller's and can be closed. None if it is empty.
///
/// # Errors
/// `EINVAL` if it is no memfd, `EPERM` if it can shrink and can't be kept from it.
pub fn map(fd: BorrowedFd<'_>) -> io::Result<Option<Mapping>> {
    if !seals(fd)?.contains(Seals::SHRINK) {
        add_seals(fd, Seals::SHRINK)?;
    }
    // Only now, for until now it could become less.
    let size = fstat(fd)?.st_size;
    let Some(len) = usize::try_from(size).ok().and_then(NonZeroUsize::new) else {
        return Ok(None);
    };
    let map = |how| {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), len.get(), access, how, fd.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(start) }
    };
    let (start, shared) = match map(libc::MAP_SHARED) {
        Ok(start) => (start, true),
        // Sealed against writing, or open for reading alone. A page that can't be written to
        // would kill whoever tries, so each gets a page of its own. Reserved now, for so would one
        // that can't be had later.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => {
            (map(libc::MAP_PRIVATE)?, false)
        }
        Err(e) => return Err(e),
    };
    let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
    Ok(Some(Mapping { start, len, shared }))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by `map`, whole, and nobody uses it any longer who is not told to keep the
        // mapping as long.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len.get()) };
    }
}
