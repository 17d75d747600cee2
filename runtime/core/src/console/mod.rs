//! What [tokio-console] shows: tasks, wakers, timers and descriptors, told through [`tracing`].
//!
//! There is nothing to call in here. With the feature `console` the runtime emits the spans and
//! events that the crate [console-subscriber] reads, and with that in the program `tokio-console`
//! shows its tasks and resources while it runs. No tokio runs the program's tasks for that; the
//! subscriber keeps one on a thread of its own, for its server.
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
//! 2. Tell the subscriber that the tasks are not tokio's, in `.cargo/config.toml` of the program or
//!    by the variable `RUSTFLAGS`. Without it, it panics as it starts; no library can say it instead.
//!
//!    ```toml
//!    [build]
//!    rustflags = ["--cfg", "console_without_tokio_unstable"]
//!    ```
//!
//! 3. Start it before the runtime: a task that is there before the subscriber is never shown.
//!
//!    ```text
//!    fn main() {
//!        console_subscriber::init();
//!        wakeful::block_on(serve());
//!    }
//!    ```
//!
//! 4. Run the program, and beside it `cargo install tokio-console && tokio-console`.
//!
//! The package `examples/console` does all of this.
//!
//! # What is told
//!
//! | | as | fields |
//! | --- | --- | --- |
//! | a task | a span `runtime.spawn`, entered for each poll, closed with its future | `kind`, `task.name`, `task.id`, `size.bytes`, `loc.file`, `loc.line`, `loc.col` |
//! | what is done to a waker | an event `runtime::waker`, from any thread | `op`, `task.id` (the span's) |
//! | a timer, a registered descriptor | a span `runtime.resource` | `concrete_type`, `kind`, `is_internal`, `loc.*` |
//! | its state | an event `runtime::resource::state_update` | `duration`; `fd`, `readable`, `writable` |
//! | a wait for it | a span `runtime.resource.async_op`, inside that of the resource | `source` |
//! | a poll in that wait | a span `runtime.resource.async_op.poll`, an event `runtime::resource::poll_op` | `op_name`, `is_ready` |
//!
//! Kinds of tasks are `task`, `block_on` (its future) and `blocking` (a closure of
//! [`spawn_blocking`](crate::spawn_blocking), entered on its thread; the task that waits for it is not
//! told). A wait begins with the first poll that finds nothing, so one that is ready at once is none.
//!
//! # What to know
//!
//! - An event goes to the subscriber of the thread that it happens on. So use a global subscriber, or
//!   the wakes of other threads are lost, and clones and drops do not add up.
//! - console-subscriber 0.5 takes in no more than 128 events each time it publishes, once a second. A
//!   program that makes more timers, waits and tasks than that is shown late, and what lives shorter not
//!   at all. Let it publish more often: `TOKIO_CONSOLE_PUBLISH_INTERVAL=50ms`.
//! - A socket's place is where `wakeful-net` registers it, as an async function does not know who
//!   called it. A timer's is that of the call.
//! - An [`AbortHandle`](crate::task::AbortHandle) counts as a waker, as it is one inside.
//! - A panic of the subscriber ends in here.
//!
//! # Cost
//!
//! With no subscriber, a branch for each poll and each thing done to a waker. With console-subscriber,
//! a microsecond or so for a poll and some tens of them for a new task, timer or wait; it keeps what it
//! knows of a task for an hour. Not for a benchmark. The flight recorder, feature `trace`, is cheaper
//! by far.
//!
//! [tokio-console]: https://docs.rs/tokio-console
//! [console-subscriber]: https://docs.rs/console-subscriber
//! [`tracing`]: https://docs.rs/tracing

mod quiet;
mod resource;
mod task;

pub(crate) use resource::{Op, Resource, Timer, What};
pub(crate) use task::{About, Closure, Task};

/// Whether a subscriber, which is user code, learns of what is done to a waker.
pub(crate) const TELLS: bool = true;
