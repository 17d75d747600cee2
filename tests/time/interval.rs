//! The cases are those of tokio's documentation.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use wakeful::time::{
    Instant, Interval, MissedTickBehavior, advance, interval, interval_at, timeout,
};

use super::{ms, panic_message, with_paused_clock};

/// Awaits a tick. Returns its deadline and its time, in milliseconds after `start`.
async fn tick(ticks: &mut Interval, start: Instant) -> (u128, u128) {
    let due = ticks.tick().await;
    ((due - start).as_millis(), start.elapsed().as_millis())
}

/// Ticks with a period of 50 ms; the work after the first tick takes `work`.
fn after_work(behavior: MissedTickBehavior, work: u64) -> [(u128, u128); 6] {
    with_paused_clock(async {
        let start = Instant::now();
        let mut ticks = interval(ms(50));
        ticks.set_missed_tick_behavior(behavior);
        assert_eq!(ticks.missed_tick_behavior(), behavior);
        let mut taken = [(0, 0); 6];
        for (index, taken) in taken.iter_mut().enumerate() {
            *taken = tick(&mut ticks, start).await;
            if index == 0 {
                advance(ms(work)).await;
            }
        }
        taken
    })
}

#[test]
fn burst_makes_up_for_every_missed_tick() {
    let ticks = after_work(MissedTickBehavior::Burst, 200);
    assert_eq!(
        ticks,
        [
            (0, 0),
            (50, 200),
            (100, 200),
            (150, 200),
            (200, 200),
            (250, 250)
        ]
    );
}

#[test]
fn delay_continues_from_the_late_tick() {
    let ticks = after_work(MissedTickBehavior::Delay, 210);
    assert_eq!(
        ticks,
        [
            (0, 0),
            (50, 210),
            (260, 260),
            (310, 310),
            (360, 360),
            (410, 410)
        ]
    );
}

#[test]
fn skip_stays_at_multiples_of_the_period() {
    let ticks = after_work(MissedTickBehavior::Skip, 75);
    assert_eq!(
        ticks,
        [
            (0, 0),
            (50, 75),
            (100, 100),
            (150, 150),
            (200, 200),
            (250, 250)
        ]
    );
    let ticks = after_work(MissedTickBehavior::Skip, 225);
    assert_eq!(ticks[1..3], [(50, 225), (250, 250)]);
    // Exactly at a multiple: that tick is skipped, the next one comes.
    let ticks = after_work(MissedTickBehavior::Skip, 200);
    assert_eq!(ticks[1..3], [(50, 200), (250, 250)]);
}

#[test]
fn a_slightly_late_tick_is_on_time() {
    use MissedTickBehavior::{Burst, Delay, Skip};
    for behavior in [Burst, Delay, Skip] {
        let ticks = after_work(behavior, 55);
        assert_eq!(ticks[1..3], [(50, 55), (100, 100)], "{behavior:?}");
    }
    assert_eq!(after_work(Delay, 56)[1..3], [(50, 56), (106, 106)]);
    assert_eq!(MissedTickBehavior::default(), Burst);
}

#[test]
fn an_interval_begins_at_its_start() {
    with_paused_clock(async {
        let start = Instant::now();
        let mut ticks = interval_at(start + ms(30), ms(50));
        assert_eq!(ticks.period(), ms(50));
        assert_eq!(tick(&mut ticks, start).await, (30, 30));
        assert_eq!(tick(&mut ticks, start).await, (80, 80));
    });
}

#[test]
fn a_reset_moves_the_next_tick() {
    with_paused_clock(async {
        let start = Instant::now();
        let mut ticks = interval(ms(50));
        ticks.tick().await;
        advance(ms(20)).await;
        ticks.reset();
        assert_eq!(tick(&mut ticks, start).await, (70, 70));
        ticks.reset_immediately();
        assert_eq!(tick(&mut ticks, start).await, (70, 70));
        ticks.reset_after(ms(5));
        assert_eq!(tick(&mut ticks, start).await, (75, 75));
        ticks.reset_at(start + ms(200));
        assert_eq!(tick(&mut ticks, start).await, (200, 200));
        assert_eq!(tick(&mut ticks, start).await, (250, 250));
    });
}

#[test]
fn a_dropped_tick_is_not_lost() {
    with_paused_clock(async {
        let start = Instant::now();
        let mut ticks = interval(ms(50));
        ticks.tick().await;
        assert!(timeout(ms(20), ticks.tick()).await.is_err());
        assert!(timeout(ms(20), ticks.tick()).await.is_err());
        assert_eq!(tick(&mut ticks, start).await, (50, 50));
        let pending = poll_fn(|cx| Poll::Ready(ticks.poll_tick(cx).is_pending())).await;
        assert!(pending);
        assert_eq!(tick(&mut ticks, start).await, (100, 100));
    });
}

#[test]
fn an_endless_period_ticks_once() {
    with_paused_clock(async {
        for behavior in [
            MissedTickBehavior::Burst,
            MissedTickBehavior::Delay,
            MissedTickBehavior::Skip,
        ] {
            let mut ticks = interval(Duration::MAX);
            ticks.set_missed_tick_behavior(behavior);
            advance(ms(100)).await;
            ticks.tick().await;
            assert!(
                timeout(Duration::from_secs(1 << 28), ticks.tick())
                    .await
                    .is_err()
            );
        }
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_period_of_zero_is_refused() {
    with_paused_clock(async {
        let message = panic_message(|| drop(interval(Duration::ZERO)));
        assert_eq!(
            message,
            "the period of an interval is 0: it would tick without end"
        );
        let message = panic_message(|| drop(interval_at(Instant::now(), Duration::ZERO)));
        assert!(message.starts_with("the period of an interval is 0"));
    });
}
