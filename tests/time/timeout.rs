use std::cell::Cell;
use std::future::{pending, ready};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use wakeful::spawn;
use wakeful::task::coop::consume_budget;
use wakeful::task::yield_now;
use wakeful::time::{Instant, sleep, timeout, timeout_at};

use super::{ms, paused, with_paused_clock};

#[test]
fn the_future_is_polled_before_the_limit() {
    with_paused_clock(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        assert_eq!(timeout_at(Instant::now() - ms(0), ready(2)).await, Ok(2));
        let before = Instant::now();
        assert_eq!(
            timeout(ms(10), async {
                sleep(ms(10)).await;
                3
            })
            .await,
            Ok(3)
        );
        assert!(timeout(ms(10), sleep(ms(11))).await.is_err());
        assert_eq!(before.elapsed(), ms(20));
    });
}

#[test]
fn the_future_is_dropped_with_the_timeout_and_the_timer_too() {
    let runtime = paused();
    runtime.block_on(async {
        let held = Rc::new(());
        let inner = held.clone();
        let result = timeout(ms(1), async move {
            sleep(ms(3_600_000)).await;
            drop(inner);
        });
        assert!(result.await.is_err());
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(timeout(ms(3_600_000), yield_now()).await.is_ok());
        assert_eq!(runtime.metrics().timers, 0);
    });
}

#[test]
fn a_future_that_consumes_its_budget_does_not_delay_the_limit() {
    // Virtual time would not advance while the future spins, so this uses the real clock.
    wakeful::block_on(async {
        for limit in [ms(1), Duration::ZERO] {
            let spins = async {
                loop {
                    consume_budget().await;
                }
            };
            assert!(timeout(limit, spins).await.is_err());
        }
        // Two timeouts, one in the other, in a task.
        let inner = async {
            loop {
                consume_budget().await;
            }
        };
        let both = spawn(timeout(ms(1), timeout(Duration::MAX, inner)));
        assert!(both.await.expect("it ends").is_err());
    });
}

#[test]
fn the_future_can_be_taken_out() {
    with_paused_clock(async {
        let polls = Rc::new(Cell::new(0));
        let seen = polls.clone();
        let mut future = Box::pin(async move {
            seen.set(seen.get() + 1);
            sleep(ms(20)).await;
            4
        });
        let start = Instant::now();
        assert!(timeout(ms(10), &mut future).await.is_err());
        assert_eq!(polls.get(), 1);
        let mut limited = timeout(ms(1), future);
        assert!(std::ptr::from_ref(limited.get_ref()) == std::ptr::from_mut(limited.get_mut()));
        assert_eq!(limited.into_inner().await, 4);
        assert_eq!((start.elapsed(), polls.get()), (ms(20), 1));
    });
}

#[test]
fn elapsed_converts_to_an_io_error() {
    with_paused_clock(async {
        let elapsed = timeout(ms(1), pending::<()>())
            .await
            .expect_err("time is up");
        assert_eq!(elapsed.to_string(), "the time limit was reached");
        let error = io::Error::from(elapsed);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), elapsed.to_string());
        let questioned: io::Result<()> = async { Ok(timeout(ms(1), pending::<()>()).await?) }.await;
        assert_eq!(
            questioned.expect_err("time is up").kind(),
            io::ErrorKind::TimedOut
        );
    });
}
