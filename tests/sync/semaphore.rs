use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wakeful::sync::{Semaphore, TryAcquireError};

use super::support::{Counting, Ledger};

#[test]
fn a_large_request_is_not_overtaken_by_small_ones() {
    let semaphore = Semaphore::new(1);
    let (large_wakes, large_waker) = Counting::new();
    let (small_wakes, small_waker) = Counting::new();
    let mut large = pin!(semaphore.acquire_many(2));
    let mut small = pin!(semaphore.acquire());
    assert!(
        large
            .as_mut()
            .poll(&mut Context::from_waker(&large_waker))
            .is_pending()
    );
    assert!(
        small
            .as_mut()
            .poll(&mut Context::from_waker(&small_waker))
            .is_pending()
    );
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::NoPermits
    );
    semaphore.add_permits(1);
    assert_eq!((large_wakes.wakes(), small_wakes.wakes()), (1, 0));
    let Poll::Ready(Ok(permits)) = large.poll(&mut Context::from_waker(&large_waker)) else {
        panic!("both permits belong to the large request");
    };
    drop(permits);
    assert_eq!(small_wakes.wakes(), 1);
}

#[test]
fn a_waiter_that_is_dropped_after_its_grant_passes_the_permits_on() {
    let semaphore = Semaphore::new(0);
    let (_, first_waker) = Counting::new();
    let (wakes, waker) = Counting::new();
    let mut second = pin!(semaphore.acquire());
    {
        let mut first = pin!(semaphore.acquire());
        assert!(
            first
                .as_mut()
                .poll(&mut Context::from_waker(&first_waker))
                .is_pending()
        );
        assert!(
            second
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        semaphore.add_permits(1);
        assert_eq!(wakes.wakes(), 0);
    }
    assert_eq!(wakes.wakes(), 1);
    assert!(second.poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_large_request_that_is_dropped_lets_the_small_ones_behind_it_go() {
    let semaphore = Semaphore::new(1);
    let (_, large_waker) = Counting::new();
    let (wakes, waker) = Counting::new();
    let mut small = pin!(semaphore.acquire());
    {
        let mut large = pin!(semaphore.acquire_many(2));
        assert!(
            large
                .as_mut()
                .poll(&mut Context::from_waker(&large_waker))
                .is_pending()
        );
        assert!(
            small
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    assert_eq!(wakes.wakes(), 1);
    assert!(small.poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn close_wakes_all_waiters_with_an_error() {
    let semaphore = Semaphore::new(0);
    let (wakes, waker) = Counting::new();
    let mut waiting = pin!(semaphore.acquire());
    assert!(
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    semaphore.close();
    assert_eq!(wakes.wakes(), 1);
    assert!(matches!(
        waiting.poll(&mut Context::from_waker(&waker)),
        Poll::Ready(Err(_))
    ));
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
}

#[test]
fn permits_are_split_merged_and_forgotten() {
    let semaphore = Rc::new(Semaphore::new(5));
    let mut permit = semaphore.clone().try_acquire_many_owned(4).unwrap();
    let two = permit.split(2).unwrap();
    assert!(permit.split(3).is_none());
    assert_eq!((permit.num_permits(), two.num_permits()), (2, 2));
    permit.merge(two);
    assert_eq!(permit.num_permits(), 4);
    permit.forget();
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.forget_permits(9), 1);
}

#[test]
fn a_panic_of_a_task_gives_its_permit_back() {
    let ledger = Ledger::new();
    wakeful::block_on(async {
        let semaphore = Rc::new(Semaphore::new(1));
        let guard = ledger.guard();
        let task = {
            let semaphore = semaphore.clone();
            wakeful::spawn(async move {
                let _guard = guard;
                let _permit = semaphore.acquire().await.unwrap();
                panic!("while the permit is held");
            })
        };
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(semaphore.available_permits(), 1);
    });
    ledger.assert_all_dropped(1);
}

#[test]
fn close_ends_a_request_of_no_permits_with_an_error() {
    let semaphore = Semaphore::new(0);
    let (mut one, mut none) = (pin!(semaphore.acquire()), pin!(semaphore.acquire_many(0)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(one.as_mut().poll(&mut cx).is_pending());
    assert!(none.as_mut().poll(&mut cx).is_pending());
    semaphore.close();
    assert!(matches!(none.poll(&mut cx), Poll::Ready(Err(_))));
}

// On 32 bits the number of permits does not fit a `usize`.
#[test]
#[cfg(all(panic = "unwind", target_pointer_width = "64"))]
fn a_merge_that_is_too_large_loses_no_permits() {
    let semaphore = Semaphore::new(2 * u32::MAX as usize);
    let mut first = semaphore.try_acquire_many(u32::MAX).unwrap();
    let second = semaphore.try_acquire_many(1).unwrap();
    let text = super::support::panic_of(|| first.merge(second));
    assert!(text.contains("at most u32::MAX permits"), "{text}");
    drop(first);
    assert_eq!(semaphore.available_permits(), 2 * u32::MAX as usize);
}

#[test]
fn permits_know_their_semaphore() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    assert!(std::ptr::eq(permit.semaphore(), &semaphore));
}

#[test]
fn a_semaphore_may_be_used_after_a_panic() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    check::<Semaphore>();
    check::<wakeful::sync::Notify>();
}
