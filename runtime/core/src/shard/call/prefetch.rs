//! Prefetching of memory that another core wrote last, so that several such reads overlap.

/// Prefetches both ends of a value, which for a small one is all of it. Has no effect on the
/// program's state.
#[inline]
pub(super) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let first = std::ptr::from_ref(value).cast::<i8>();
        let last = first.wrapping_add(size_of_val(value).saturating_sub(1));
        // SAFETY: a prefetch is a hint, which reads nothing and never faults; every x86-64 has it.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(first);
            _mm_prefetch::<_MM_HINT_T0>(last);
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}
