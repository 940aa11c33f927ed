//! Shared memory that is passed as a descriptor.

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

/// Seals of a memfd: operations that no process can perform on it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seals(i32);

impl Seals {
    /// No seals: everything is allowed.
    pub const NONE: Seals = Seals(0);
    /// No more seals can be added.
    pub const SEAL: Seals = Seals(libc::F_SEAL_SEAL);
    /// The size cannot shrink.
    pub const SHRINK: Seals = Seals(libc::F_SEAL_SHRINK);
    /// The size cannot grow.
    pub const GROW: Seals = Seals(libc::F_SEAL_GROW);
    /// The contents cannot change.
    pub const WRITE: Seals = Seals(libc::F_SEAL_WRITE);

    /// Whether these seals include all of `others`.
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

/// Creates a memfd with these contents and seals. The caller owns it. The name appears in `/proc`, for
/// debugging.
///
/// # Errors
/// `EINVAL` if the name is longer than 249 bytes.
pub fn memfd(name: &CStr, contents: &[u8], seals: Seals) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(contents)?;
    if seals != Seals::NONE {
        add_seals(file.as_fd(), seals)?;
    }
    Ok(file.into())
}

/// Adds seals to a memfd.
///
/// # Errors
/// `EPERM` if it has [`Seals::SEAL`] or was opened read-only, `EINVAL` if it is not a memfd, `EBUSY` if
/// [`Seals::WRITE`] is to be added and it is mapped for writing.
pub fn add_seals(fd: BorrowedFd<'_>, seals: Seals) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_ADD_SEALS(SealFlag::from_bits_retain(seals.0)))?;
    Ok(())
}

/// Returns the seals of a memfd.
///
/// # Errors
/// `EINVAL` if it is not a memfd.
pub fn seals(fd: BorrowedFd<'_>) -> io::Result<Seals> {
    Ok(Seals(fcntl(fd, FcntlArg::F_GET_SEALS)?))
}

/// A memfd that is mapped into this process's memory until this value is dropped. Other processes may
/// change its contents at any time.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: NonZeroUsize,
    shared: bool,
}

// SAFETY: the memory is not bound to a thread, and accessing it takes unsafe code anyway.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Returns the start of the memory.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Returns the length in bytes, which is never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Whether writes go to the memfd. If not, they stay in this process.
    pub fn is_shared(&self) -> bool {
        self.shared
    }
}

/// Maps a whole memfd. Seals it against shrinking first, because access to a page that no longer exists
/// kills the process. The mapping is shared if the memfd is writable. The caller keeps the descriptor and
/// may close it. Returns `None` if the memfd is empty.
///
/// # Errors
/// `EINVAL` if it is not a memfd, `EPERM` if it can shrink and cannot be sealed against that.
pub fn map(fd: BorrowedFd<'_>) -> io::Result<Option<Mapping>> {
    if !seals(fd)?.contains(Seals::SHRINK) {
        add_seals(fd, Seals::SHRINK)?;
    }
    // Read after sealing, because the size could shrink until then.
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
        // Sealed against writing, or opened read-only. A write to a read-only page would kill the
        // process, so the mapping is private: a write copies the page. The memory for the copies is
        // reserved now, because a failure to allocate it later would kill the process too.
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
        // SAFETY: `map` created this mapping with this start and length. Users of the pointer must keep
        // the `Mapping` while they use it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len.get()) };
    }
}
