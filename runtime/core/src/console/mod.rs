//! Support for [tokio-console]: tasks, wakers, timers, descriptors, channels and locks as spans and
//! events of [`tracing`].
//!
//! This module has no functions. With the feature `console` the runtime emits the spans and events
//! that the crate [console-subscriber] reads, and with that subscriber in the program
//! `tokio-console` shows its tasks and resources while it runs. The program's tasks do not run on
//! tokio; the subscriber runs a tokio runtime on a thread of its own, for its server.
//!
//! # How to use it
//!
//! 1. Turn the feature on, and depend on the subscriber:
//!
//!    ```toml
//!    wakeful = { version = "0.1", features = ["console"] }
//!    console-subscriber = "0.5"
//!    ```
//!
//! 2. Configure the subscriber for tasks that are not tokio's, in `.cargo/config.toml` of the
//!    program or with the variable `RUSTFLAGS`. Without the flag it panics when it starts. A
//!    library cannot set it.
//!
//!    ```toml
//!    [build]
//!    rustflags = ["--cfg", "console_without_tokio_unstable"]
//!    ```
//!
//! 3. Start the subscriber before the runtime: a task that is older than the subscriber is never
//!    shown.
//!
//!    ```text
//!    fn main() {
//!        console_subscriber::init();
//!        wakeful::block_on(serve());
//!    }
//!    ```
//!
//! 4. Run the program, and in another terminal `cargo install tokio-console && tokio-console`.
//!
//! The package `examples/console` does all of this.
//!
//! # What is reported
//!
//! | item | reported as | fields |
//! | --- | --- | --- |
//! | a task | a span `runtime.spawn`, entered for each poll, closed with its future | `kind`, `task.name`, `task.id`, `size.bytes`, `loc.file`, `loc.line`, `loc.col` |
//! | an operation on a waker | an event `runtime::waker`, from any thread | `op`, `task.id` (the span's) |
//! | a timer, a registered descriptor, something in `wakeful::sync` from its first wait | a span `runtime.resource` | `concrete_type`, `kind`, `is_internal`, `loc.*` |
//! | the state of a resource | an event `runtime::resource::state_update` | `duration`; `fd`, `readable`, `writable` |
//! | a wait for a resource | a span `runtime.resource.async_op`, inside the span of the resource | `source` |
//! | a poll in that wait | a span `runtime.resource.async_op.poll`, an event `runtime::resource::poll_op` | `op_name`, `is_ready` |
//!
//! Kinds of resources are `timer`, `io` and `sync`. Kinds of tasks are `task`, `block_on` (its
//! future) and `blocking` (a closure of [`spawn_blocking`](crate::spawn_blocking), entered on its
//! thread; the task that waits for it is not reported). A wait begins with the first poll that
//! returns `Pending`, so an operation that is ready at once has no wait.
//!
//! # What to know
//!
//! - An event goes to the subscriber of its thread. Use a global subscriber: otherwise the wakes of
//!   other threads are lost, and clones and drops do not add up.
//! - console-subscriber 0.5 reads at most 128 events each time it publishes, once a second. Above
//!   that rate, timers, waits and tasks are shown late, and short ones not at all. It can publish
//!   more often: `TOKIO_CONSOLE_PUBLISH_INTERVAL=50ms`.
//! - The location of a socket is where `wakeful-net` registers it, because an async function does
//!   not know its caller. The location of a timer is that of the call.
//! - An [`AbortHandle`](crate::task::AbortHandle) counts as a waker, because it contains one.
//! - A panic of the subscriber is caught and dropped.
//!
//! # Cost
//!
//! Without a subscriber, a branch for each poll and each operation on a waker. With
//! console-subscriber, about a microsecond for a poll, and some tens of microseconds for a new
//! task, timer or wait; it keeps the data of a task for an hour. It is not suited to benchmarks.
//! The flight recorder, feature `trace`, costs far less.
//!
//! [tokio-console]: https://docs.rs/tokio-console
//! [console-subscriber]: https://docs.rs/console-subscriber
//! [`tracing`]: https://docs.rs/tracing

mod resource;
mod span;
mod task;

pub(crate) use resource::{Op, Primitive, Resource, Timer, What};
pub(crate) use task::{About, Closure, Main, Task};

/// Whether a subscriber, which is user code, learns of what is done to a waker.
pub(crate) const TELLS: bool = true;
