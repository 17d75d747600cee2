//! Name lookups: on the pool, with a timeout, and without delaying the shutdown.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use wakeful::net::{TcpStream, lookup_host};
use wakeful::time::timeout;
use wakeful::{Builder, Runtime, spawn_blocking};

/// Returns a runtime whose only pool thread hangs, like a resolver without an answer, until the
/// sender is dropped.
fn stuck() -> (Runtime, Sender<()>) {
    let builder = Builder::new().max_blocking_threads(1);
    let runtime = builder
        .blocking_shutdown_timeout(Duration::from_millis(1))
        .build()
        .unwrap();
    let (gate, opened) = channel::<()>();
    let (begins, begun) = channel();
    runtime.block_on(async {
        drop(spawn_blocking(move || {
            begins.send(()).unwrap();
            let _ = opened.recv();
        }));
    });
    begun.recv().unwrap();
    (runtime, gate)
}

#[test]
fn a_name_is_looked_up() {
    wakeful::block_on(async {
        let addrs: Vec<_> = lookup_host("localhost:0").await.unwrap().collect();
        assert!(!addrs.is_empty() && addrs.iter().all(|addr| addr.ip().is_loopback()));
        let missing = timeout(
            Duration::from_secs(60),
            lookup_host("no-such-name.invalid:0"),
        );
        let Err(error) = missing.await.unwrap() else {
            panic!("`.invalid` names are never known")
        };
        assert!(
            error.to_string().contains("no-such-name.invalid"),
            "{error}"
        );
    });
}

#[test]
fn a_lookup_that_hangs_times_out() {
    let (runtime, gate) = stuck();
    runtime.block_on(async {
        let lookup = lookup_host("localhost:0");
        assert!(timeout(Duration::from_millis(5), lookup).await.is_err());
        let connect = TcpStream::connect("localhost:0");
        assert!(timeout(Duration::from_millis(5), connect).await.is_err());
    });
    assert_eq!(
        runtime.metrics().blocking_queued,
        2,
        "the lookups wait for the thread, although their futures were dropped"
    );
    drop(gate);
    runtime.block_on(async {
        assert!(lookup_host("localhost:0").await.is_ok());
    });
}

/// The gate stays closed: the drop of the runtime abandons the lookups and returns.
#[test]
fn a_lookup_that_hangs_does_not_delay_the_shutdown() {
    let (runtime, gate) = stuck();
    let task = runtime.spawn(async { lookup_host("localhost:0").await.map(|_| ()) });
    runtime.block_on(wakeful::task::yield_now());
    assert_eq!(runtime.metrics().blocking_queued, 1);
    drop(runtime);
    assert!(wakeful::block_on(task).unwrap_err().is_cancelled());
    drop(gate);
}
