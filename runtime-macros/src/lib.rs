//! The attributes of the wakeful runtime: [`main`] and [`test`].
//!
//! Use them through `wakeful`, which exports them with its feature `macros` (on by default). They
//! are a crate of their own because procedural macros must be compiled separately. The expansions
//! of `wakeful::select!`, `wakeful::join!` and `wakeful::try_join!` are here, too.

#![allow(clippy::needless_doctest_main)] // the attribute is for `fn main`

mod chain;
mod expand;
mod function;
mod input;
mod join;
mod options;
mod select;
mod template;
mod values;

use options::Kind;
use proc_macro::TokenStream;

/// Makes an `async fn` a function that runs its body on a new runtime.
///
/// A call creates a [`Runtime`] with the defaults of its [`Builder`], blocks the thread until the
/// body is ready, and drops the runtime before it returns. Two calls share nothing.
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
/// # Functions
///
/// The attribute accepts any `async fn` without `self`. Attributes, visibility, generics and the
/// return type are kept: `main` may return the same types as an ordinary `main`, and `?` works in
/// it.
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
/// A function other than the program's `main` may have arguments. It is called without `.await`:
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
/// - `crate = path` or `crate = "path"`: the path of the runtime, if not `::wakeful`. For libraries
///   that export wakeful, and for manifests that rename it.
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
/// - `detect_deadlocks = true`: tasks that can never be woken are reported on standard error, see
///   `Builder::detect_deadlocks`. Default: `false`.
/// - `detect_stalls = "100ms"`: polls that take longer are reported on standard error while they
///   still run, see `Builder::detect_stalls`. Default: off.
///
/// ```
/// #[wakeful::main(detect_stalls = "100ms")]
/// async fn main() {}
/// ```
///
/// - `host = "tokio"`: a tokio runtime drives the loop, on the same thread, so the body and its
///   tasks may use tokio's crates directly, see the module `tokio_host` of `wakeful`, which needs
///   the feature `tokio-host`. Not with `start_paused` and `detect_deadlocks`. Default: none.
/// - `start_paused = true`: the runtime's clock is stopped, and jumps to the next timer when no
///   task is ready, see `Builder::start_paused`. Default: `false`.
/// - `name = "metrics"`: the name of the runtime, see `Builder::name`. Default: none.
///
/// ```
/// #[wakeful::main(start_paused = true, name = "simulation")]
/// async fn main() {
///     // An hour takes no time.
///     wakeful::time::sleep(std::time::Duration::from_secs(3600)).await;
///     assert_eq!(wakeful::Handle::current().name(), Some("simulation"));
/// }
/// ```
///
/// # Panics
///
/// The function panics when the runtime cannot be built (the process is out of file descriptors,
/// for example), when it is called inside a runtime, and when its body panics.
///
/// # Errors
///
/// Compile errors, each at the tokens that cause it: a function that is not `async`, a method, a
/// `main` with arguments, a key that is unknown, given twice, or has the wrong kind of value.
///
/// [`Builder`]: https://docs.rs/wakeful/latest/wakeful/struct.Builder.html
/// [`Runtime`]: https://docs.rs/wakeful/latest/wakeful/struct.Runtime.html
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Main, options, item)
}

/// Makes an `async fn` a test that runs its body on a new runtime.
///
/// ```
/// #[wakeful::test]
/// async fn a_task_returns_its_output() {
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
/// async fn a_panic_fails_the_test() {
///     panic!("on purpose");
/// }
/// # fn main() {}
/// ```
///
/// # Keys
///
/// - `start_paused = true`: the runtime's clock is paused, and jumps to the next timer when no
///   task is ready, so a test of a timeout of a minute takes no time. Default: `false`.
///
/// ```
/// use std::time::Duration;
///
/// #[wakeful::test(start_paused = true)]
/// async fn an_hour_takes_no_time() {
///     wakeful::time::sleep(Duration::from_secs(3600)).await;
/// }
/// # fn main() {}
/// ```
///
/// - `max_poll = "5ms"`: the test fails after a poll that took longer, with a message that names
///   the task. The units are `ns`, `us`, `ms` and `s`. Default: no limit.
/// - `detect_deadlocks = false`: a deadlock does not fail the test, which then does not end, see
///   `Builder::detect_deadlocks`. Default: `true`.
/// - `detect_stalls = "100ms"`: polls that take longer are reported on standard error while they
///   still run; the test continues. Default: `"1s"`; `false` turns the reports off.
///
/// ```
/// #[wakeful::test(max_poll = "10s", detect_stalls = false)]
/// async fn nothing_here_blocks() {
///     wakeful::task::yield_now().await;
/// }
/// # fn main() {}
/// ```
///
/// - `host = "tokio"`: as for [`main`]. Deadlocks are not detected then.
/// - `name = "metrics"`: the name of the runtime, see `Builder::name`. Default: none.
/// - `crate = path` or `crate = "path"`: the path of the runtime, if not `::wakeful`.
///
/// # Panics
///
/// The test fails when its body panics or returns an error, when its tasks are in a deadlock, and
/// when the runtime cannot be built.
///
/// # Errors
///
/// Compile errors as for [`main`], and for a test with arguments or with a second `#[test]`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Test, options, item)
}

/// `#[tokio::main]` of `wakeful-tokio`, where it is documented.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn tokio_main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::TokioMain, options, item)
}

/// `#[tokio::test]` of `wakeful-tokio`, where it is documented.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn tokio_test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::TokioTest, options, item)
}

/// Expansion of `wakeful::select!`, which has parsed its input.
#[doc(hidden)]
#[proc_macro]
pub fn __select(input: TokenStream) -> TokenStream {
    select::expand(input)
}

/// Expansion of `wakeful::join!` and `wakeful::try_join!`, which have parsed their input.
#[doc(hidden)]
#[proc_macro]
pub fn __join(input: TokenStream) -> TokenStream {
    join::expand(input)
}
