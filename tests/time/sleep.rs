use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use wakeful::task::yield_now;
use wakeful::time::{Instant, Sleep, advance, sleep, sleep_until};
use wakeful::{Runtime, spawn};

use super::{Count, ms, panic_message, paused, with_paused_clock};

/// Polls once with `waker`.
fn poll(sleep: &mut Pin<Box<Sleep>>, waker: &Waker) -> Poll<()> {
    sleep.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn no_sleep_ends_early() {
    wakeful::block_on(async {
        let nanos = [0, 1, 999, 1_000, 65_535, 65_536, 65_537, 131_072, 999_999];
        let later = (1..40).map(|n| n * 123_457);
        let tasks = nanos.into_iter().chain(later).map(|nanos| {
            let duration = Duration::from_nanos(nanos);
            spawn(async move {
                let before = (std::time::Instant::now(), Instant::now());
                sleep(duration).await;
                assert!(before.0.elapsed() >= duration, "{duration:?}");
                assert!(before.1.elapsed() >= duration, "{duration:?}");
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("the sleep was long enough");
        }
    });
}

#[test]
fn a_deadline_keeps_its_nanoseconds() {
    with_paused_clock(async {
        for nanos in [1, 7, 65_535, 65_536, 65_537, 300_001, 1_000_001] {
            let before = Instant::now();
            sleep(Duration::from_nanos(nanos)).await;
            assert_eq!(before.elapsed(), Duration::from_nanos(nanos));
        }
    });
}

#[test]
fn sleeps_end_by_deadline_and_equal_ones_by_arming() {
    with_paused_clock(async {
        let ended = Rc::new(RefCell::new(Vec::new()));
        let start = Instant::now();
        let deadlines = [5, 3, 5, 1, 3, 5, 3, 1];
        let tasks = deadlines.iter().enumerate().map(|(index, &deadline)| {
            let ended = ended.clone();
            spawn(async move {
                sleep_until(start + Duration::from_nanos(deadline)).await;
                ended.borrow_mut().push(index);
            })
        });
        let tasks = tasks.collect::<Vec<_>>();
        yield_now().await;
        // All at once, so that the order is that of the wheel and not that of several jumps.
        advance(ms(1)).await;
        for task in tasks {
            task.await.expect("it ends");
        }
        assert_eq!(*ended.borrow(), [3, 7, 1, 4, 6, 0, 2, 5]);
    });
}

#[test]
fn a_hundred_thousand_sleeps_end_in_order() {
    const SLEEPS: u64 = 100_000;
    with_paused_clock(async {
        let last = Rc::new(Cell::new(Duration::ZERO));
        let ended = Rc::new(Cell::new(0));
        let start = Instant::now();
        for n in 0..SLEEPS {
            let (last, ended) = (last.clone(), ended.clone());
            // 7919 is prime: the deadlines are all different and not in order.
            let after = Duration::from_micros(n * 7919 % SLEEPS * 37 + 1);
            drop(spawn(async move {
                sleep_until(start + after).await;
                assert!(last.replace(after) < after);
                assert!(start.elapsed() >= after);
                ended.set(ended.get() + 1);
            }));
        }
        sleep_until(start + Duration::from_micros(SLEEPS * 37 + 2)).await;
        assert_eq!(ended.get(), SLEEPS);
    });
}

#[test]
fn a_sleep_can_be_reset_later_earlier_and_after_its_end() {
    with_paused_clock(async {
        let start = Instant::now();
        let (count, waker) = Count::new();
        let mut timer = Box::pin(sleep(ms(10)));
        assert!(poll(&mut timer, &waker).is_pending());

        timer.as_mut().reset(start + ms(20));
        assert_eq!(timer.deadline(), start + ms(20));
        advance(ms(10)).await;
        assert_eq!((count.get(), timer.is_elapsed()), (0, false));
        // The waker stays with the sleep: no poll is needed.
        advance(ms(10)).await;
        assert_eq!((count.get(), timer.is_elapsed()), (1, true));

        // It was not polled since it ended.
        timer.as_mut().reset(start + ms(100));
        assert!(!timer.is_elapsed());
        assert!(poll(&mut timer, &waker).is_pending());
        timer.as_mut().reset(start + ms(30));
        advance(ms(10)).await;
        assert_eq!(count.get(), 2);
        assert!(poll(&mut timer, &waker).is_ready());

        // And after it returned `Ready`.
        timer.as_mut().reset(start + ms(40));
        timer.as_mut().await;
        assert_eq!(start.elapsed(), ms(40));
        timer.as_mut().reset(start);
        assert!(poll(&mut timer, &waker).is_ready());
    });
}

#[test]
fn a_sleep_reset_to_the_past_wakes_its_task() {
    with_paused_clock(async {
        let start = Instant::now();
        advance(ms(5)).await;
        let (count, waker) = Count::new();
        let mut timer = Box::pin(sleep(ms(3_600_000)));
        assert!(poll(&mut timer, &waker).is_pending());
        timer.as_mut().reset(start);
        sleep(ms(1)).await;
        assert_eq!(count.get(), 1);
    });
}

#[test]
fn a_dropped_sleep_is_disarmed() {
    let runtime = paused();
    runtime.block_on(async {
        let (count, waker) = Count::new();
        let mut timers = (0..100)
            .map(|n| Box::pin(sleep(ms(n % 7 + 1))))
            .collect::<Vec<_>>();
        assert_eq!(
            runtime.metrics().timers,
            0,
            "armed by the first poll, not before"
        );
        for timer in &mut timers {
            assert!(poll(timer, &waker).is_pending());
            assert!(poll(timer, &waker).is_pending());
        }
        assert_eq!(runtime.metrics().timers, 100);
        while !timers.is_empty() {
            drop(timers.swap_remove(timers.len() / 3));
            assert_eq!(runtime.metrics().timers, timers.len());
        }
        advance(ms(10)).await;
        assert_eq!(count.get(), 0);
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 1, "no waker is kept");
    });
}

#[test]
fn an_ended_sleep_keeps_no_waker() {
    with_paused_clock(async {
        let (count, waker) = Count::new();
        let mut timer = Box::pin(sleep(ms(1)));
        assert!(poll(&mut timer, &waker).is_pending());
        advance(ms(1)).await;
        drop(waker);
        assert_eq!((count.get(), Arc::strong_count(&count)), (1, 1));
    });
}

#[test]
fn a_sleep_wakes_the_task_that_polled_it_last() {
    with_paused_clock(async {
        let ((first, first_waker), (second, second_waker)) = (Count::new(), Count::new());
        let mut timer = Box::pin(sleep(ms(1)));
        assert!(poll(&mut timer, &first_waker).is_pending());
        assert!(poll(&mut timer, &second_waker).is_pending());
        advance(ms(1)).await;
        assert_eq!((first.get(), second.get()), (0, 1));

        // With a move between tasks.
        let mut timer = Box::pin(sleep(ms(5)));
        let timer = spawn(async move {
            poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await;
            (timer,)
        });
        let (timer,) = timer.await.expect("the task ends");
        let before = Instant::now();
        spawn(timer).await.expect("the other task is woken");
        assert_eq!(before.elapsed(), ms(5));
    });
}

#[test]
fn the_longest_durations_neither_panic_nor_end() {
    let long = [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_nanos(u64::MAX),
    ];
    wakeful::block_on(async {
        let (count, waker) = Count::new();
        let mut timers = long.map(|duration| Box::pin(sleep(duration)));
        for timer in &mut timers {
            assert!(poll(timer, &waker).is_pending());
        }
        // The loop waits with such a timer armed.
        sleep(Duration::from_micros(50)).await;
        let blocking = wakeful::spawn_blocking(|| 1).await;
        assert_eq!(blocking.expect("it runs"), 1);
        assert!(timers.iter().all(|timer| !timer.is_elapsed()));
        timers[0]
            .as_mut()
            .reset(Instant::now() + Duration::from_secs(1 << 40));
        sleep(Duration::from_micros(50)).await;
        assert_eq!(count.get(), 0);
        assert!(
            wakeful::time::timeout(Duration::MAX, yield_now())
                .await
                .is_ok()
        );
    });
}

/// A waker that calls a closure.
struct Act(Box<dyn Fn()>);

// SAFETY: in these tests no waker leaves the thread.
unsafe impl Send for Act {}
// SAFETY: as above.
unsafe impl Sync for Act {}

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn act(f: impl Fn() + 'static) -> Waker {
    Waker::from(Arc::new(Act(Box::new(f))))
}

#[test]
fn a_waker_may_drop_reset_and_arm_sleeps_that_are_due() {
    let runtime = paused();
    runtime.block_on(async {
        let start = Instant::now();
        let (count, waker) = Count::new();
        let new = || {
            let mut timer = Box::pin(sleep_until(start + ms(1)));
            assert!(poll(&mut timer, &waker).is_pending());
            Some(timer)
        };
        let mut first = Box::pin(sleep_until(start + ms(1)));
        let others = Rc::new(RefCell::new(Vec::<Option<Pin<Box<Sleep>>>>::new()));
        let theirs = others.clone();
        let counting = waker.clone();
        let acting = act(move || {
            let mut others = theirs.borrow_mut();
            // The next one, one from the middle, and the last.
            others[0] = None;
            others[4] = None;
            others[9] = None;
            // One is reset later, one is reset to the past.
            others[2].as_mut().unwrap().as_mut().reset(start + ms(50));
            others[3].as_mut().unwrap().as_mut().reset(start);
            let mut new = Box::pin(sleep_until(start + ms(60)));
            assert!(poll(&mut new, &counting).is_pending());
            others.push(Some(new));
        });
        assert!(poll(&mut first, &acting).is_pending());
        others.borrow_mut().extend((0..10).map(|_| new()));
        advance(ms(1)).await;
        yield_now().await;
        assert!(count.get() >= 5, "the other sleeps have fired");
        advance(Duration::ZERO).await;
        assert_eq!(
            count.get(),
            6,
            "and the sleep in the past, at the next turn"
        );
        assert_eq!(runtime.metrics().timers, 2);
        advance(ms(49)).await;
        assert_eq!(count.get(), 7);
        advance(ms(10)).await;
        assert_eq!((count.get(), runtime.metrics().timers), (8, 0));
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_waker_that_panics_does_not_keep_others_from_firing() {
    let runtime = paused();
    let (count, waker) = Count::new();
    let (mut bad, mut good) = runtime.enter(|| (Box::pin(sleep(ms(1))), Box::pin(sleep(ms(1)))));
    assert!(poll(&mut bad, &act(|| panic!("a bad waker"))).is_pending());
    assert!(poll(&mut good, &waker).is_pending());
    // The panic does not reach the loop.
    runtime.block_on(async { sleep(ms(1)).await });
    assert_eq!(count.get(), 1);
}

/// It would never end, so it wakes its task and panics, in another runtime as well.
#[test]
#[cfg(panic = "unwind")]
fn a_sleep_that_outlives_its_runtime_panics_with_the_reason() {
    let runtime = Runtime::new().expect("descriptors");
    let (count, waker) = Count::new();
    let [mut armed, mut fresh] = runtime.enter(|| [(); 2].map(|()| Box::pin(sleep(ms(60_000)))));
    let mut passed = runtime.enter(|| Box::pin(sleep_until(Instant::now() - ms(60_000))));
    assert!(poll(&mut armed, &waker).is_pending());
    // The loop has read the clock since.
    runtime.block_on(yield_now());
    assert_eq!(count.get(), 0);
    drop(runtime);
    assert_eq!(count.get(), 1);
    wakeful::block_on(async {
        for sleep in [&mut armed, &mut fresh] {
            let message = panic_message(|| _ = poll(sleep, &waker));
            assert!(message.contains("runtime had been dropped"), "{message}");
            sleep.as_mut().reset(Instant::now() + ms(60_000));
            panic_message(|| _ = poll(sleep, &waker));
        }
        assert!(poll(&mut passed, &waker).is_ready());
    });
    drop((armed, fresh, waker));
    assert_eq!((count.get(), Arc::strong_count(&count)), (1, 1));
}

#[test]
#[cfg(panic = "unwind")]
fn outside_a_runtime_a_sleep_panics_with_advice() {
    let message = panic_message(|| drop(sleep(ms(1))));
    assert!(message.contains("runtime"), "{message}");
}
