//! A shard that waits for replies spins for a while before it sleeps.

use std::time::Duration;

use wakeful::{Metrics, Shards};

const CALLS: u64 = 1_000;

/// Makes calls one at a time. Returns how often a shard was notified, and how often it slept.
fn notified_and_slept(reply_spin: Duration) -> (u64, u64) {
    let (tell, told) = std::sync::mpsc::channel();
    let shards = Shards::builder().shards(2).reply_spin(reply_spin);
    let shards = shards
        .on_each(move |shard| {
            let tell = tell.clone();
            async move {
                if shard.id().index() == 0 {
                    let seen = async || {
                        let there = shard.call(1, || async { Metrics::current() });
                        let both = [Metrics::current(), there.await.unwrap()];
                        both.map(|m| (m.notifications, m.waits))
                            .into_iter()
                            .fold((0, 0), |sum, m| (sum.0 + m.0, sum.1 + m.1))
                    };
                    // The first call wakes the other shard.
                    let before = seen().await;
                    for n in 0..CALLS {
                        let answer = shard.call(1, move || async move { n });
                        assert_eq!(answer.await.unwrap(), n);
                    }
                    let after = seen().await;
                    tell.send((after.0 - before.0, after.1 - before.1)).unwrap();
                    shard.stop_all(Duration::from_secs(600));
                }
                shard.stopping().await;
            }
        })
        .unwrap();
    shards.join().unwrap();
    told.recv().unwrap()
}

#[test]
fn shards_that_exchange_calls_do_not_sleep() {
    // However slow the machine is, a reply arrives within that time.
    let (notified, slept) = notified_and_slept(Duration::from_secs(600));
    // A late wake is one more message, so one or two sleeps are possible.
    assert!(
        notified <= CALLS / 100 && slept <= CALLS / 100,
        "{notified} wakes, {slept} sleeps"
    );
}

#[test]
fn without_spinning_each_call_is_a_sleep() {
    let (notified, slept) = notified_and_slept(Duration::ZERO);
    assert!(
        notified > 0 && slept > 0,
        "{notified} wakes, {slept} sleeps"
    );
}
