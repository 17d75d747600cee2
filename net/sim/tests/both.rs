//! The tests of the sockets, which `tests` runs over the kernel, over the simulation.
//!
//! This crate calls itself `wakeful`, and has a `Runtime` that runs what it is given in a simulated
//! host. All else is that of the facade. [`KERNEL`] lists the tests that only the kernel can run,
//! with the reasons. They run over the kernel here, too.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "the included files see this crate as the facade, and share a file"
)]

extern crate self as wakeful;
extern crate wakeful as facade;

mod both {
    pub mod streams;
}
#[path = "../../../tests/net_connect.rs"]
mod net_connect;
#[path = "../../../tests/net_tcp.rs"]
mod net_tcp;
#[path = "../../../tests/net_udp.rs"]
mod net_udp;

use std::future::Future;
use std::io;
use std::pin::Pin;

pub use facade::{Metrics, net, raw_os_error, reactor, spawn, task, time};
use wakeful_sim::Sim;

const STD: &str = "the other end is a socket of std";
const DESCRIPTOR: &str = "it uses the descriptor of the socket";

/// The tests that need the kernel, and the reasons.
const KERNEL: &[(&str, &str)] = &[
    (
        "net_connect::a_connection_that_broke_in_the_queue_is_skipped",
        STD,
    ),
    ("net_connect::a_listener_is_converted_to_std_and_back", STD),
    (
        "net_connect::an_address_that_never_answers_delays_the_next_one_by_250_ms",
        STD,
    ),
    (
        "net_connect::attempts_are_dropped_when_one_has_succeeded",
        STD,
    ),
    (
        "net_connect::only_names_are_looked_up_on_the_blocking_pool",
        "names are looked up without the pool",
    ),
    (
        "net_connect::options_are_set",
        "the times of keepalive are not simulated",
    ),
    (
        "net_tcp::a_dropped_read_or_write_has_transferred_nothing",
        DESCRIPTOR,
    ),
    ("net_tcp::a_stream_is_converted_to_std_and_back", STD),
    (
        "net_tcp::a_stream_that_outlives_its_runtime_returns_an_error",
        "a host and its sockets end together",
    ),
    (
        "net_tcp::readiness::a_new_descriptor_with_a_reused_number_gets_no_old_events",
        STD,
    ),
    (
        "net_tcp::readiness::a_reset_is_an_error_and_wakes_waiters",
        STD,
    ),
    (
        "net_tcp::readiness::an_end_that_comes_between_the_event_and_the_read_is_seen",
        STD,
    ),
    (
        "net_tcp::readiness::an_operation_of_the_user_takes_part_in_the_readiness",
        DESCRIPTOR,
    ),
    (
        "net_tcp::readiness::bytes_and_the_end_that_come_before_the_accept_are_both_read",
        STD,
    ),
    (
        "net_tcp::readiness::bytes_and_the_end_that_come_in_one_event_are_both_read",
        STD,
    ),
    (
        "net_tcp::readiness::urgent_data_cuts_a_read_short_and_the_rest_is_read",
        STD,
    ),
    (
        "net_tcp::vectored_calls_transfer_the_same_bytes_as_in_std",
        STD,
    ),
    ("net_tcp::write_all_reports_a_reset", STD),
    (
        "net_udp::a_multicast_group_is_joined_and_left",
        "multicast is not simulated",
    ),
    ("net_udp::a_socket_is_converted_to_std_and_back", STD),
    (
        "net_udp::options_are_set",
        "broadcast and multicast are not simulated",
    ),
    (
        "net_udp::poll_and_try_methods_do_the_same",
        "it relies on datagrams that arrive before `send` returns, as on the loopback of Linux",
    ),
];

/// A runtime whose futures run in a simulated host.
pub struct Runtime(facade::Runtime);

/// Its builder.
pub struct Builder(facade::Builder);

impl Runtime {
    pub fn new() -> io::Result<Runtime> {
        Runtime::builder().build()
    }

    pub fn builder() -> Builder {
        Builder(facade::Runtime::builder())
    }

    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match needs_kernel() {
            Some(_) => self.0.block_on(future),
            None => block_on(future),
        }
    }

    pub fn metrics(&self) -> Metrics {
        self.0.metrics()
    }
}

impl Builder {
    pub fn backend(self, backend: reactor::Backend) -> Builder {
        Builder(self.0.backend(backend))
    }

    pub fn start_paused(self, paused: bool) -> Builder {
        Builder(self.0.start_paused(paused))
    }

    pub fn build(self) -> io::Result<Runtime> {
        self.0.build().map(Runtime)
    }
}

/// Returns why the running test needs the kernel, if it does.
fn needs_kernel() -> Option<&'static str> {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let found = KERNEL.iter().find(|(name, _)| *name == test)?;
    Some(found.1)
}

/// Runs a future in a simulated host.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    if needs_kernel().is_some() {
        return facade::block_on(future);
    }
    let mut output = None;
    let main: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async {
        output = Some(future.await);
    });
    // SAFETY: only the lifetime changes. The simulation is dropped before this function returns or
    // unwinds, and with it the future, before what it borrows.
    let main: Pin<Box<dyn Future<Output = ()> + 'static>> = unsafe { std::mem::transmute(main) };
    let mut sim = Sim::builder().build();
    sim.client("host", main);
    let result = sim.run();
    drop(sim);
    result.unwrap();
    output.expect("the client has ended")
}

/// Runs a test over the kernel, and in a simulated host.
pub fn over_both(test: impl AsyncFn()) {
    facade::block_on(test());
    block_on(test());
}

#[test]
fn each_test_that_needs_the_kernel_exists_and_has_a_reason() {
    let sources = [
        include_str!("../../../tests/net_connect.rs"),
        include_str!("../../../tests/net_tcp.rs"),
        include_str!("../../../tests/net_tcp/halves.rs"),
        include_str!("../../../tests/net_tcp/readiness.rs"),
        include_str!("../../../tests/net_udp.rs"),
    ];
    for (name, reason) in KERNEL {
        let function = format!("fn {}()", name.rsplit("::").next().unwrap_or(name));
        let exists = sources.iter().any(|source| source.contains(&function));
        assert!(exists, "there is no test {name}");
        assert!(!reason.is_empty());
    }
}
