//! Faults on purpose, for tests: what a kernel may do to a program, made frequent, and repeatable by a
//! seed. Only with the feature `faults`.
//!
//! [`Builder::faults`](crate::Builder::faults) gives a runtime a [`Plan`]. From then on its waits
//! end early, its events come late, twice, in another order or for no reason, and its system calls
//! are interrupted, would block, move a few bytes only, or find no descriptor left. None of that
//! loses anything: what a program sees is slower, not wrong, and a program that sees something wrong
//! has found a bug, here or in itself.
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
//! It works on the descriptors of this runtime: sockets, pipes, children, signals. Not on files, and
//! not on a loop that another one drives by [`Runtime::turn`](crate::Runtime::turn), which would
//! sleep through an event that is held back here.

mod inject;
mod plan;

pub(crate) use inject::{Config, Fault, Injector};
pub use plan::{Kind, Plan};
