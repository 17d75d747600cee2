//! Sleeps, timeouts, intervals, and wakes from other threads.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use wakeful::spawn_blocking;
use wakeful::task::JoinSet;
use wakeful::time::{Instant, interval, sleep, sleep_until, timeout};

use crate::campaign::Dice;

pub fn run(mut dice: Dice) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut set = JoinSet::new();
        set.spawn(in_order(dice.fork()));
        for _ in 0..4 + dice.below(12) {
            let micros = dice.below(2000) as u64;
            let duration = Duration::from_micros(micros);
            match dice.below(5) {
                0 => set.spawn(not_early(duration)),
                1 => set.spawn(ticks(duration + Duration::from_micros(1))),
                2 => set.spawn(too_late(duration)),
                3 => set.spawn(elsewhere(micros)),
                _ => set.spawn(given_up(duration)),
            };
        }
        set.join_all().await;
    })
}

async fn not_early(duration: Duration) {
    let began = Instant::now();
    sleep(duration).await;
    assert!(began.elapsed() >= duration, "{duration:?} ended early");
}

async fn ticks(period: Duration) {
    let began = Instant::now();
    let mut interval = interval(period);
    for tick in 0..4 {
        interval.tick().await;
        assert!(began.elapsed() >= period * tick, "tick {tick} came early");
    }
}

async fn too_late(duration: Duration) {
    let began = Instant::now();
    assert!(timeout(duration, pending::<()>()).await.is_err());
    assert!(began.elapsed() >= duration, "the timeout came early");
}

/// Another thread wakes this loop, which usually sleeps.
async fn elsewhere(number: u64) {
    assert_eq!(spawn_blocking(move || number).await.unwrap(), number);
}

/// A timer that is armed, and dropped before it fires.
async fn given_up(duration: Duration) {
    let task = wakeful::spawn(sleep(Duration::from_secs(1 << 20)));
    sleep(duration).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

/// A sleep that passes its wakes on, and notes them: a task that was woken may run after one that
/// was woken later, if a reactor turn came between.
struct Noted {
    entry: (u64, usize),
    fired: Arc<Mutex<Vec<(u64, usize)>>>,
    task: Waker,
}

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.fired.lock().unwrap().push(self.entry);
        self.task.wake_by_ref();
    }
}

/// Earlier deadlines fire first, equal ones in the order of their arming.
async fn in_order(mut dice: Dice) {
    let base = Instant::now() + Duration::from_millis(3);
    let fired = Arc::new(Mutex::new(Vec::new()));
    let mut set = JoinSet::new();
    for number in 0..20 {
        let after = dice.below(8) as u64 * 200;
        let entry = (after, number);
        let fired = fired.clone();
        set.spawn(async move {
            let mut sleep = pin!(sleep_until(base + Duration::from_micros(after)));
            let mut is_armed = false;
            poll_fn(|cx| {
                let (fired, task) = (fired.clone(), cx.waker().clone());
                let waker = Waker::from(Arc::new(Noted { entry, fired, task }));
                let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
                is_armed |= poll.is_pending();
                poll
            })
            .await;
            is_armed
        });
    }
    // On a slow machine some are due when they are polled first, and are never armed.
    let armed = set.join_all().await;
    let armed = armed.iter().filter(|armed| **armed).count();
    let fired = fired.lock().unwrap();
    assert_eq!(fired.len(), armed, "{fired:?}");
    assert!(fired.is_sorted(), "{fired:?}");
}
