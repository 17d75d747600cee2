//! Simulates a cluster in one thread: hosts, their network and their clocks, repeatable by a seed.
//!
//! Each host is a runtime of [wakeful](https://docs.rs/wakeful) of its own. Its code is the same as
//! in production: it uses `wakeful::net`, `wakeful::time`, `wakeful::spawn`, and knows nothing of
//! the simulation. Time is virtual and takes no time. The simulation decides how long packets
//! travel, which are lost, in which order ready tasks and hosts run, and when hosts crash. All of
//! that depends on the seed alone.
//!
//! ```
//! use wakeful::net::{TcpListener, TcpStream};
//! use wakeful_sim::Sim;
//!
//! async fn serve() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:80").await?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         stream.write_all(b"hello").await?;
//!     }
//! }
//!
//! async fn ask() -> std::io::Result<()> {
//!     let stream = TcpStream::connect("server:80").await?;
//!     let mut greeting = [0; 5];
//!     stream.read_exact(&mut greeting).await?;
//!     assert_eq!(&greeting, b"hello");
//!     Ok(())
//! }
//!
//! let mut sim = Sim::builder().seed(7).build();
//! sim.host("server", serve);
//! sim.client("client", ask());
//! sim.run().unwrap();
//! ```
//!
//! [`Sim::run`] returns when all clients have ended. It fails if a host panics or returns an error,
//! if nothing is left that could happen, or when the limit of virtual time is reached. The
//! [`Failure`] says which host, when and with which seed. [`seeds`] runs a test with many seeds,
//! and prints the command that repeats the one that fails.
//!
//! Faults are made through the [`Sim`] or, from inside of a host, through its [`Control`]:
//! [`partition`](Control::partition), [`link`](Control::link), [`crash`](Control::crash),
//! [`restart`](Control::restart), [`pause`](Control::pause), [`rule`](Control::rule).
//!
//! The page [Simulation](https://github.com/wakeful-rs/wakeful/blob/main/docs/src/simulation.md)
//! says what is simulated, what is not yet, and how a test stays deterministic.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod clock;
mod control;
mod failure;
mod network;
mod outcome;
mod process;
mod seeds;
mod sim;

pub use control::Control;
pub use failure::{Failure, Reason};
pub use network::{Link, Packet, Protocol, Record, Verdict, What};
pub use outcome::Outcome;
pub use seeds::{repeatable, seeds};
pub use sim::{Builder, Sim};
