//! hyper 1 on this runtime, with real sockets and services that are not `Send`.

#[path = "hyper/bodies.rs"]
mod bodies;
#[path = "hyper/common.rs"]
mod common;
#[path = "hyper/ends.rs"]
mod ends;
#[path = "hyper/io.rs"]
mod io;
#[path = "support/net.rs"]
mod net;
#[path = "hyper/requests.rs"]
mod requests;
#[path = "support/mod.rs"]
mod support;
#[path = "hyper/timeouts.rs"]
mod timeouts;
#[path = "hyper/timer.rs"]
mod timer;
