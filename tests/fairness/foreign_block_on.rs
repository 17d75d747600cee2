//! The `block_on` of other crates, in a poll of a task.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use wakeful::task::{coop, yield_now};
use wakeful::{block_on, spawn};

use super::budget::unit;
use super::support::poll_once;

/// Like the `block_on` of another crate: polls again whenever it was woken, up to a million times.
fn foreign_block_on<F: Future>(future: F) -> F::Output {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    for _ in 0..1_000_000 {
        assert!(
            woken.0.swap(false, Ordering::SeqCst),
            "it would sleep forever"
        );
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
    }
    panic!("it would spin forever");
}

#[test]
fn another_crates_block_on_inside_a_poll_returns() {
    block_on(async {
        let work = || {
            foreign_block_on(async {
                for _ in 0..10_000 {
                    unit().await;
                }
                while !coop::has_budget_remaining() {
                    yield_now().await;
                }
            });
        };
        work();
        spawn(async move { work() }).await.unwrap();
        // One that has consumed the whole budget.
        spawn(async move {
            for _ in 0..128 {
                coop::consume_budget().await;
            }
            work();
        })
        .await
        .unwrap();
    });
}

#[test]
fn another_crates_block_on_inside_a_poll_reads_a_socket_to_its_end() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use wakeful::reactor::{Async, Interest};

    block_on(async {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(&[7; 4_000]).unwrap();
        let here = Async::new(here).unwrap();
        here.source().assume_ready(Interest::READABLE);
        let read = foreign_block_on(async {
            let mut read = 0;
            while read < 4_000 {
                let mut byte = [0];
                let mut op = || here.get_ref().read(&mut byte);
                read += here.source().io(Interest::READABLE, &mut op).await.unwrap();
            }
            read
        });
        assert_eq!(read, 4_000);
    });
}

#[test]
fn another_crates_block_on_inside_a_poll_is_not_asked_to_yield_forever() {
    block_on(async {
        foreign_block_on(async {
            // Computes for a whole quota.
            let began = std::time::Instant::now();
            while began.elapsed() < std::time::Duration::from_millis(2) {
                wakeful::task::should_yield();
            }
            while wakeful::task::should_yield() {
                yield_now().await;
            }
        });
    });
}

#[test]
fn a_poll_after_one_without_a_limit_has_a_limit() {
    block_on(async {
        foreign_block_on(async {
            for _ in 0..1_000 {
                unit().await;
            }
        });
        yield_now().await;
        for _ in 0..128 {
            let mut once = pin!(unit());
            assert!(poll_once(&mut once, Waker::noop()).is_ready());
        }
        let mut once = pin!(unit());
        assert!(poll_once(&mut once, Waker::noop()).is_pending());
    });
}
