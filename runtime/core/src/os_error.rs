//! The system's number of an error that says what was tried.

use std::io;

/// The number that the system gave, as [`io::Error::raw_os_error`] says it; also where an error says what
/// was tried and with what, which std has no way to carry beside a number.
///
/// Connecting, binding, the functions of [`fs`](crate::fs) and starting a process give such errors. Their
/// kind is that of the system's, and what has no kind of its own, as a lack of descriptors, is known by this
/// number. Without this function it is that of the error's `source`.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let error = wakeful::fs::read("/no/such/file").await.unwrap_err();
///     assert!(error.to_string().contains("/no/such/file"));
///     assert_eq!(error.raw_os_error(), None);
///     assert_eq!(wakeful::raw_os_error(&error), Some(2));
///     Ok(())
/// })
/// # }
/// ```
pub fn raw_os_error(error: &io::Error) -> Option<i32> {
    let source = || {
        let tried = error.get_ref()?.source()?;
        raw_os_error(tried.downcast_ref()?)
    };
    error.raw_os_error().or_else(source)
}
