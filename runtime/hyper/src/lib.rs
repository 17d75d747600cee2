//! Adapter to [hyper](https://docs.rs/hyper) 1 on the [wakeful](https://docs.rs/wakeful) runtime: a
//! server, a client with a pool of connections, and what hyper itself needs: an executor, a timer,
//! and I/O.
//!
//! Nothing here needs `Send`: services, bodies and sockets may contain an `Rc`.
//!
//! | feature | adds | costs, in packages to compile |
//! | --- | --- | --- |
//! | none | [`Executor`], [`Timer`], [`Io`], [`KeepAlive`] | 24, among them hyper without its features |
//! | `server` | [`serve`](crate::serve()): the counterpart of `axum::serve`, for any service of tower; HTTP/1 and HTTP/2 on one port | 18: `hyper-util`, `h2`, `httparse`, `tower-service`, `wakeful-net` and what they need |
//! | `client` | [`Client`]: keep-alive, limits, timeouts; HTTP/1 and HTTP/2 | 18, of which 16 are those of `server` |
//! | `rustls` | TLS for both: `TlsListener`, `ClientBuilder::tls` | 7: `futures-rustls`, `rustls` and what they need; the cryptography comes with a feature of `rustls` |
//! | `axum` | [`ConnectInfo`] as an extractor of axum | 5: `axum-core` and what it needs |
//!
//! ```no_run
//! # #[cfg(feature = "server")]
//! # mod server {
//! use axum::{Router, routing::get};
//! use wakeful::net::TcpListener;
//!
//! # pub
//! # async fn example() -> std::io::Result<()> {
//! let router = Router::new().route("/", get(async || "hello\n"));
//! let listener = TcpListener::bind("127.0.0.1:7000").await?;
//! wakeful_hyper::serve(listener, router).await
//! # }
//! # }
//! ```
//!
//! # hyper itself
//!
//! For a connection with options or a life of its own use hyper's `conn` modules. Depend on `hyper`
//! with the features that you use, and on `hyper-util` for HTTP/1 and HTTP/2 on one port.
//!
//! ```no_run
//! use std::convert::Infallible;
//!
//! use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
//! use wakeful_hyper::{Io, Timer};
//!
//! # async fn example(stream: wakeful::net::TcpStream) -> hyper::Result<()> {
//! let service = service_fn(async |_: Request<Incoming>| {
//!     Ok::<_, Infallible>(Response::new("hello\n".to_string()))
//! });
//! http1::Builder::new()
//!     .timer(Timer::new())
//!     .serve_connection(Io::new(stream), service)
//!     .await
//! # }
//! ```
//!
//! | part of hyper 1 and hyper-util | with sockets, services and bodies that are not `Send` |
//! | --- | --- |
//! | `server::conn::http1`, `client::conn::http1` | yes; they need no executor |
//! | `server::conn::http2`, `client::conn::http2` with [`Executor`] | yes; only the data of the client's body must be `Send` |
//! | `hyper_util::server::conn::auto` with [`Executor`] | yes, `serve_connection` |
//! | timeouts (`header_read_timeout`, `keep_alive_interval`) with [`Timer`] | yes |
//! | `hyper::upgrade`, `with_upgrades`, `serve_connection_with_upgrades` | the socket must be `Send`: wrap it in a [`ThreadBound`](wakeful_core::ThreadBound), as [`serve`](crate::serve()) and [`Client`] do |
//! | `hyper_util::client::legacy::Client` | no: its connector, its futures and its sockets must be `Send`; use [`Client`] |
//!
//! Always set a [`Timer`] in the builders: without one, a timeout that is set makes hyper panic,
//! and the default timeout for the head of a request has no effect.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

#[cfg(feature = "client")]
mod client;
mod executor;
mod io;
mod keep_alive;
#[cfg(feature = "server")]
mod server;
mod sleep;
mod timer;
#[cfg(any(feature = "client", feature = "server"))]
pub mod upgrade;

#[cfg(feature = "client")]
pub use client::{Client, ClientBuilder, Error, ErrorKind, ResponseBody, ResponseFuture};
pub use executor::Executor;
pub use io::Io;
pub use keep_alive::KeepAlive;
#[cfg(feature = "server")]
pub use server::{Cloned, ConnectInfo, Listener, Serve, serve, serve_make_service};
#[cfg(all(feature = "rustls", feature = "server"))]
pub use server::{TlsHandshake, TlsListener};
pub use timer::Timer;

/// Any error of a service, a body or a connection.
#[cfg(any(feature = "client", feature = "server"))]
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
