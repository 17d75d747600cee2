//! Fault injection for tests: rare results of system calls, made frequent, and repeatable by a
//! seed. Only with the feature `faults`.
//!
//! [`Builder::faults`](crate::Builder::faults) gives a runtime a [`Plan`]. From then on its waits
//! end early, its events come late, twice, in another order or without a cause, and its system
//! calls are interrupted, would block, transfer only a few bytes, or find no free descriptor. A
//! kernel may do all of this, and nothing is lost: the program runs slower. A wrong result is a
//! bug, of the runtime or of the program.
//!
//! ```
//! use wakeful::faults::{Kind, Plan};
//!
//! # fn main() -> std::io::Result<()> {
//! let plan = Plan::quiet(7).with(Kind::Early, 500);
//! let runtime = wakeful::Builder::new().faults(plan.clone()).build()?;
//! runtime.block_on(async {
//!     wakeful::time::sleep(std::time::Duration::from_millis(1)).await;
//! });
//! println!("{} waits ended early", plan.count(Kind::Early));
//! # Ok(())
//! # }
//! ```
//!
//! Faults happen on the descriptors of this runtime: sockets, pipes, children, signals. They do not
//! happen on files, nor in a loop that another event loop drives with
//! [`Runtime::turn`](crate::Runtime::turn), which would sleep through an event that is held back.

mod inject;
mod plan;

pub(crate) use inject::{Config, Fault, Injector};
pub use plan::{Kind, Plan};
