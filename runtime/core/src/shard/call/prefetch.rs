//! What another core wrote last is asked for ahead, so that many such reads wait together.

/// Asks for both ends of a value; for a small one that is all of it. It says nothing to the program.
#[inline]
pub(in crate::shard) fn fetch<T: ?Sized>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let first = std::ptr::from_ref(value).cast::<i8>();
        let last = first.wrapping_add(size_of_val(value).saturating_sub(1));
        // SAFETY: a hint, which reads nothing and faults nowhere; every x86-64 has it.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(first);
            _mm_prefetch::<_MM_HINT_T0>(last);
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}
