//! The OS error number of an error with a description.

use std::io;

/// Returns the OS error number of an error, also of one that describes the failed operation.
///
/// An error that describes an operation and its arguments can't carry a number as well, so
/// [`io::Error::raw_os_error`] returns `None` for it. Connecting, binding, the functions of
/// [`fs`](crate::fs) and starting a process return such errors. Their kind is that of the OS error.
/// Errors without a kind of their own, such as a lack of descriptors, are recognized by this
/// number, which is also that of the error's `source`.
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
