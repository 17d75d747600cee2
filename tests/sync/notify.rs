use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Context;

use wakeful::sync::{Notified, Notify};

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
    let mut all = [(); 3].map(|()| Box::pin(notify.notified()));
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
