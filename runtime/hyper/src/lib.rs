//! Adapter to [hyper](https://docs.rs/hyper) 1: an executor, a timer, and I/O on the
//! [wakeful](https://docs.rs/wakeful) runtime.
//!
//! Connections of hyper need no `Send`: services, bodies and sockets may contain an `Rc`. Depend on
//! `hyper` with the features that you use, and on `hyper-util` for a server with HTTP/1 and HTTP/2
//! on one port.
//!
//! ```no_run
//! use std::convert::Infallible;
//!
//! use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
//! use wakeful_hyper::{Io, Timer};
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = wakeful::net::TcpListener::bind("127.0.0.1:7000").await?;
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     wakeful::spawn(async move {
//!         let service = service_fn(async |_: Request<Incoming>| {
//!             Ok::<_, Infallible>(Response::new("hello\n".to_string()))
//!         });
//!         let connection = http1::Builder::new()
//!             .timer(Timer::new())
//!             .serve_connection(Io::new(stream), service);
//!         if let Err(error) = connection.await {
//!             eprintln!("{error}");
//!         }
//!     });
//! }
//! # }
//! ```
//!
//! # What works without `Send`, and what does not
//!
//! | part of hyper 1 and hyper-util | with sockets, services and bodies that are not `Send` |
//! | --- | --- |
//! | `server::conn::http1`, `client::conn::http1` | yes; they need no executor |
//! | `server::conn::http2`, `client::conn::http2` with [`Executor`] | yes; only the data of the client's body must be `Send` |
//! | `hyper_util::server::conn::auto` with [`Executor`] | yes, `serve_connection` |
//! | timeouts (`header_read_timeout`, `keep_alive_interval`) with [`Timer`] | yes |
//! | `hyper::upgrade`, `with_upgrades`, `serve_connection_with_upgrades` | no: they need a socket that is `Send`. Poll the connection with `poll_without_shutdown` or `without_shutdown` and take the socket out of its `Parts` |
//! | `hyper_util::client::legacy::Client` | no: its connector, its futures and its sockets must be `Send` |
//!
//! Always set a [`Timer`] in the builders: without one, a timeout that is set makes hyper panic,
//! and the default timeout for the head of a request has no effect.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod executor;
mod io;
mod sleep;
mod thread;
mod timer;

pub use executor::Executor;
pub use io::Io;
pub use timer::Timer;
