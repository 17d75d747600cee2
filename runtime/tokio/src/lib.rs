//! tokio's paths over the runtime [wakeful].
//!
//! A program that was written for tokio runs on Wakeful with one line of its `Cargo.toml` changed:
//!
//! ```toml
//! [dependencies]
//! tokio = { package = "wakeful-tokio", version = "0.1", features = ["full"] }
//! ```
//!
//! ```
//! # use wakeful_tokio as tokio;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     let server = tokio::spawn(async move {
//!         let (mut stream, _) = listener.accept().await?;
//!         stream.write_all(b"hello").await?;
//!         stream.shutdown().await
//!     });
//!     let mut text = String::new();
//!     TcpStream::connect(addr).await?.read_to_string(&mut text).await?;
//!     assert_eq!(text, "hello");
//!     server.await?
//! }
//! ```
//!
//! It is meant to compare the two runtimes with one program, and as the first step of a port. A new
//! program should use [wakeful] itself.
//!
//! # Whose paths
//!
//! | path | whose |
//! | --- | --- |
//! | [`main`](macro@main), [`test`](macro@test) | Wakeful's, with tokio's keys |
//! | [`spawn`], [`task`], [`task_local!`], [`runtime`] | Wakeful's, with tokio's names and types |
//! | [`net`], [`fs::File`], [`fs::OpenOptions`] | Wakeful's, in adapters with tokio's methods and traits |
//! | [`time`], [`signal`], [`process`], the rest of [`fs`] | Wakeful's own types |
//! | [`io::unix`], [`io::stdin`], [`io::stdout`], [`io::stderr`], [`io::Interest`], [`io::Ready`] | Wakeful's own types |
//! | [`sync`], the traits, helpers and buffers of [`io`] | tokio's own |
//! | [`select!`], [`join!`], [`try_join!`], [`pin!`] | tokio's own |
//!
//! Of tokio only its features `sync`, `io-util` and `macros` are compiled: no scheduler, no driver,
//! no timer.
//!
//! The features of this package have tokio's names, so that the list in a `Cargo.toml` need not be
//! changed. They change nothing: all modules are always there. An unstable feature of tokio is an
//! error of cargo.
//!
//! # What is accepted and means nothing
//!
//! [`Builder::new_multi_thread`](runtime::Builder::new_multi_thread) and
//! [`new_current_thread`](runtime::Builder::new_current_thread) both make a runtime of one loop on
//! one thread. [`enable_all`](runtime::Builder::enable_all),
//! [`enable_io`](runtime::Builder::enable_io), [`enable_time`](runtime::Builder::enable_time),
//! [`worker_threads`](runtime::Builder::worker_threads),
//! [`thread_stack_size`](runtime::Builder::thread_stack_size) and
//! [`global_queue_interval`](runtime::Builder::global_queue_interval) change nothing. The same
//! holds for the keys `flavor` and `worker_threads` of [`main`](macro@main) and
//! [`test`](macro@test).
//!
//! # What does not compile
//!
//! | with tokio | here |
//! | --- | --- |
//! | sockets, files, timers and the [`JoinHandle`](task::JoinHandle) are `Send` | they belong to one thread. A bound `Send` on something that holds one is an error: `Box<dyn Future + Send>`, `async_trait` without `?Send`, `std::thread::spawn`, a `static`. [`spawn`] itself has no such bound |
//! | a [`Runtime`](runtime::Runtime) in a `static`, or sent to another thread | send its [`Handle`](runtime::Handle) |
//! | [`Handle::spawn`](runtime::Handle::spawn) of a future with a socket | [`spawn`], on the runtime's thread |
//! | `task::block_in_place` | [`task::spawn_blocking`] |
//! | `task::LocalSet` | [`spawn`] or [`task::spawn_local`] anywhere |
//! | `Runtime::metrics`, `Handle::metrics`, `on_thread_start`, `on_thread_stop`, `thread_name_fn` | absent; [`wakeful`] has metrics of its own |
//! | `net::windows`, `signal::windows`, `fs::OpenOptions::from(std_options)` | absent |
//! | a type of `tokio::net` or `tokio::time` that another crate takes | those are types of tokio itself. What takes tokio's traits, such as `tokio_util::codec`, works |
//!
//! # What compiles and differs
//!
//! - Tasks run only during `block_on`, as in tokio's `current_thread` flavor, and on its thread
//!   alone. A task that blocks the thread blocks all others.
//! - [`spawn`] inside a blocking closure panics. Use
//!   [`Handle::current().spawn`](runtime::Handle::spawn), which works there.
//! - [`Handle::enter`](runtime::Handle::enter) works on the runtime's own thread only,
//!   [`Handle::block_on`](runtime::Handle::block_on) on other threads only.
//! - tokio's channels consume no cooperative budget outside tokio's runtime. A loop over one that is
//!   never empty should call [`task::consume_budget`].
//! - A crate that calls `tokio::spawn` or `tokio::time` itself uses tokio and not this package, and
//!   panics: "there is no reactor running, must be called from the context of a Tokio 1.x runtime".
//! - A `#[tokio::test]` whose tasks can never be woken again fails, instead of not ending.
//!
//! The page [Coming from tokio](https://github.com/wakeful-rs/wakeful/blob/main/docs/src/from-tokio.md)
//! lists differences of single functions.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

pub mod fs;
pub mod io;
mod join;
pub mod net;
pub mod runtime;
pub mod task;

/// Makes an `async fn` a function that runs its body on a new runtime, as `#[tokio::main]` does.
///
/// ```
/// # use wakeful_tokio as tokio;
/// #[tokio::main(flavor = "multi_thread", worker_threads = 4)]
/// async fn main() {
///     assert_eq!(tokio::spawn(async { 6 * 7 }).await.unwrap(), 42);
/// }
/// ```
///
/// # Keys
///
/// - `flavor = ".."`: accepted, and changes nothing: `"current_thread"`, `"multi_thread"` or
///   `"local"`.
/// - `worker_threads = 4`: accepted, and changes nothing.
/// - `start_paused = true`: the clock is stopped, and jumps to the next timer when no task is
///   ready.
/// - `name = ".."`: the name of the runtime.
/// - `crate = ".."`: the path of this package, if not `tokio`.
///
/// # Panics
///
/// If the runtime cannot be built, and if the body panics.
///
/// # Errors
///
/// Compile errors, as those of Wakeful's attribute.
///
/// ```compile_fail
/// # use wakeful_tokio as tokio;
/// #[tokio::main(flavor = "many_threads")]
/// async fn main() {}
/// ```
pub use wakeful_macros::tokio_main as main;
/// Makes an `async fn` a test that runs its body on a new runtime, as `#[tokio::test]` does.
///
/// ```
/// # use wakeful_tokio as tokio;
/// #[tokio::test(start_paused = true)]
/// async fn an_hour_takes_no_time() {
///     tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
/// }
/// # fn main() {}
/// ```
///
/// The keys are those of [`main`](macro@main). The test also fails if its tasks are in a deadlock,
/// and polls of more than a second are reported on standard error.
pub use wakeful_macros::tokio_test as test;

#[doc(no_inline)]
pub use tokio::{join, pin, select, sync, try_join};
#[doc(no_inline)]
pub use wakeful::{process, signal, task_local, time};

#[doc(inline)]
pub use task::spawn;

/// What the expansions of the attributes need. Not a public interface.
#[doc(hidden)]
pub mod __private {
    pub use wakeful::Builder;
}
