//! The attributes of the wakeful runtime: [`main`] and [`test`].
//!
//! Use them through `wakeful`, which exports them under its feature `macros` (on by default); this crate
//! is only their home, because attributes have to be compiled on their own.

#![allow(clippy::needless_doctest_main)] // `fn main` is what the attribute is about

mod expand;
mod function;
mod options;

use options::Kind;
use proc_macro::TokenStream;

/// Runs an `async fn` on a runtime of its own.
///
/// The function becomes an ordinary one: a call makes a [`Runtime`] with the defaults of its
/// [`Builder`], blocks the thread on the body, and drops the runtime before it returns. Nothing is shared
/// between two calls.
///
/// ```
/// #[wakeful::main]
/// async fn main() {
///     println!("hello");
/// }
/// ```
///
/// is the same as
///
/// ```
/// fn main() {
///     let runtime = wakeful::Builder::new().build().expect("failed to build the runtime");
///     runtime.block_on(async {
///         println!("hello");
///     })
/// }
/// ```
///
/// # What may stand under it
///
/// Any `async fn` without `self`. Attributes, visibility, generics and the return type stay as they are:
/// `main` may return whatever an ordinary `main` may, and `?` works in it.
///
/// ```
/// #[wakeful::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let port: u16 = "8080".parse()?;
///     assert_eq!(port, 8080);
///     Ok(())
/// }
/// ```
///
/// A function that is not the program's `main` may have arguments. It is called without `.await`:
///
/// ```
/// #[wakeful::main]
/// async fn double(number: u32) -> u32 {
///     number * 2
/// }
///
/// fn main() {
///     assert_eq!(double(21), 42);
/// }
/// ```
///
/// # Keys
///
/// - `crate = path` or `crate = "path"`: where the runtime is found, if not at `::wakeful`. A library that
///   exports wakeful, or a manifest that renames it, needs this.
///
/// ```
/// mod vendored {
///     pub use wakeful as runtime;
/// }
///
/// #[wakeful::main(crate = vendored::runtime)]
/// async fn main() {}
/// ```
///
/// - `detect_stalls = "100ms"`: polls that take longer are reported on standard error while they are
///   stuck, see `Builder::detect_stalls`. Default: off.
///
/// ```
/// #[wakeful::main(detect_stalls = "100ms")]
/// async fn main() {}
/// ```
///
/// # Panics
///
/// The function panics when the runtime cannot be built (the process is out of file descriptors, for
/// example), when it is called inside a runtime, and when its body panics.
///
/// # Errors
///
/// These are compile errors, each at the words it is about: a function that is not `async`, a method, a
/// `main` with arguments, a key that is unknown, given twice, or has the wrong kind of value.
///
/// [`Builder`]: https://docs.rs/wakeful/latest/wakeful/struct.Builder.html
/// [`Runtime`]: https://docs.rs/wakeful/latest/wakeful/struct.Runtime.html
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Main, options.into(), item.into()).into()
}

/// Makes a test of an `async fn`: `#[test]` on a runtime of its own.
///
/// ```
/// #[wakeful::test]
/// async fn a_task_gives_its_output_back() {
///     let answer = wakeful::spawn(async { 6 * 7 }).await;
///     assert_eq!(answer.unwrap(), 42);
/// }
/// # fn main() {}
/// ```
///
/// `#[should_panic]`, `#[ignore]` and `#[cfg(..)]` work as on any test, and so does a return type:
///
/// ```
/// #[wakeful::test]
/// async fn a_port_is_a_number() -> Result<(), std::num::ParseIntError> {
///     let port: u16 = "8080".parse()?;
///     assert_eq!(port, 8080);
///     Ok(())
/// }
///
/// #[wakeful::test]
/// #[should_panic(expected = "on purpose")]
/// async fn a_panic_is_seen() {
///     panic!("on purpose");
/// }
/// # fn main() {}
/// ```
///
/// # Keys
///
/// - `start_paused = true`: the runtime's clock stands still and moves only when everything waits for it,
///   so a test of a minute's timeout takes no time. Default: `false`.
///
/// ```
/// use std::time::Duration;
///
/// #[wakeful::test(start_paused = true)]
/// async fn an_hour_is_over_at_once() {
///     wakeful::time::sleep(Duration::from_secs(3600)).await;
/// }
/// # fn main() {}
/// ```
///
/// - `max_poll = "5ms"`: the test fails after a poll that took longer, with a message that names the
///   task. The units are `ns`, `us`, `ms` and `s`. Default: no limit.
/// - `detect_stalls = "100ms"`: polls that take longer are reported on standard error while they are
///   stuck; the test goes on. Default: `"1s"`; `false` turns it off.
///
/// ```
/// #[wakeful::test(max_poll = "10s", detect_stalls = false)]
/// async fn nothing_here_blocks() {
///     wakeful::task::yield_now().await;
/// }
/// # fn main() {}
/// ```
///
/// - `crate = path` or `crate = "path"`: where the runtime is found, if not at `::wakeful`.
///
/// # Panics
///
/// The test fails when its body panics or returns an error, and when the runtime cannot be built.
///
/// # Errors
///
/// The compile errors are those of [`main`], and: a test with arguments, a second `#[test]`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Test, options.into(), item.into()).into()
}
