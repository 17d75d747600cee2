//! Memory that is mapped from the system, past the allocator.

use std::ptr::{self, NonNull};

/// Maps memory. The size is a multiple of a page, and a power of two; the address is aligned to it.
/// Returns `None` if the system refuses, for example as the process has too many mappings.
pub(crate) fn map(size: usize) -> Option<NonNull<u8>> {
    // The system places a mapping next to the last one, which is often aligned.
    let first = mapping(size)?;
    if first.addr().get().is_multiple_of(size) {
        return Some(first);
    }
    // SAFETY: mapped above, and not used.
    unsafe { unmap(first, size) };
    // Twice the size contains an aligned part.
    let whole = mapping(2 * size)?;
    let before = whole.addr().get().next_multiple_of(size) - whole.addr().get();
    // SAFETY: `before` is at most the size, so both ends and the part between them are inside of
    // the mapping, and nothing uses them.
    unsafe {
        unmap(whole, before);
        unmap(whole.add(before + size), size - before);
        Some(whole.add(before))
    }
}

fn mapping(size: usize) -> Option<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at an address that the system chooses, affects no other memory.
    let memory = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
    if memory == libc::MAP_FAILED {
        return None;
    }
    NonNull::new(memory.cast())
}

/// Removes a part of a mapping of [`map`].
///
/// # Safety
/// The address and the size are multiples of a page, the part is mapped, and it is not used any
/// more.
pub(crate) unsafe fn unmap(memory: NonNull<u8>, size: usize) {
    if size > 0 {
        // It can only fail if the process has too many mappings; then the memory stays mapped.
        // SAFETY: by the contract.
        unsafe { libc::munmap(memory.as_ptr().cast(), size) };
    }
}

/// Returns the memory of a part of a mapping to the system. The part stays mapped, with any
/// contents.
///
/// # Safety
/// The part is mapped by [`map`], and its contents are not used any more.
pub(crate) unsafe fn discard(memory: NonNull<u8>, size: usize) {
    // SAFETY: no requirement.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // The call rounds up to whole pages, and a page may be larger than the part.
    let is_whole = usize::try_from(page).is_ok_and(|page| {
        page > 0 && size.is_multiple_of(page) && memory.addr().get().is_multiple_of(page)
    });
    if is_whole {
        // If it fails, the memory is kept.
        // SAFETY: by the contract, and exactly this part.
        unsafe { libc::madvise(memory.as_ptr().cast(), size, libc::MADV_DONTNEED) };
    }
}
