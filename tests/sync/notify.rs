use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Context;

use wakeful::sync::{Notified, Notify};

use super::poll::is_ready as is_ready_now;
use super::support::Counting;

fn is_ready(future: Pin<&mut Notified<'_>>) -> bool {
    let (_, waker) = Counting::new();
    future.poll(&mut Context::from_waker(&waker)).is_ready()
}

#[test]
fn one_notification_is_stored_and_no_more() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(is_ready(pin!(notify.notified())));
    assert!(!is_ready(pin!(notify.notified())));
}

#[test]
fn notify_waiters_reaches_futures_that_were_not_polled() {
    let notify = Notify::new();
    let mut before = pin!(notify.notified());
    notify.notify_waiters();
    let mut after = pin!(notify.notified());
    assert!(is_ready(before.as_mut()));
    assert!(!is_ready(after.as_mut()));
}

#[test]
fn the_first_waiter_is_notified_first_and_notify_last_takes_the_last() {
    let notify = Notify::new();
    let mut all = [0; 3].map(|_| Box::pin(notify.notified()));
    for waiter in &mut all {
        assert!(!waiter.as_mut().enable());
    }
    notify.notify_last();
    notify.notify_one();
    let ready = all.each_mut().map(|waiter| is_ready(waiter.as_mut()));
    assert_eq!(ready, [true, false, true]);
}

#[test]
fn a_waiter_that_is_dropped_after_its_notification_passes_it_on() {
    let notify = Notify::new();
    let mut second = pin!(notify.notified());
    {
        let mut first = pin!(notify.notified());
        first.as_mut().enable();
        second.as_mut().enable();
        notify.notify_one();
    }
    assert!(is_ready(second));
}

/// As in tokio's `unpolled_future_completed_by_notify_waiters_preserves_notify_one_permit`.
#[test]
fn a_future_that_notify_waiters_has_notified_takes_no_stored_notification() {
    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    notify.notify_waiters();
    notify.notify_one();
    assert!(is_ready(first.as_mut()));
    assert!(is_ready(pin!(notify.notified())));
}

#[test]
fn enable_takes_a_stored_notification() {
    let notify = Notify::new();
    notify.notify_one();
    let mut first = pin!(notify.notified());
    assert!(first.as_mut().enable());
    assert!(!is_ready(pin!(notify.notified())));
    assert!(first.as_mut().enable(), "it is kept until the poll");
    assert!(is_ready(first));
}

#[test]
fn notify_last_is_passed_on_to_the_last_waiter() {
    let notify = Notify::new();
    let (mut first, mut second) = (pin!(notify.notified()), pin!(notify.notified()));
    assert!(!is_ready(first.as_mut()));
    assert!(!is_ready(second.as_mut()));
    {
        let mut third = pin!(notify.notified());
        assert!(!is_ready(third.as_mut()));
        notify.notify_last();
    }
    assert!(!is_ready(first));
    assert!(is_ready(second));
}

#[test]
fn a_notification_without_budget_is_kept_or_passed_on() {
    wakeful::block_on(async {
        let notify = Notify::new();
        notify.notify_one();
        while is_ready_now(pin!(wakeful::task::coop::consume_budget())) {}
        {
            let mut first = pin!(notify.notified());
            assert!(!is_ready(first.as_mut()), "there is no budget");
        }
        wakeful::task::yield_now().await;
        assert!(is_ready(pin!(notify.notified())));
    });
}
