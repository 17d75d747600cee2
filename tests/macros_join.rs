//! `wakeful::join!` and `wakeful::try_join!`: tokio's grammar and semantics.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;
use wakeful::task::{coop, yield_now};
use wakeful::{join, try_join};

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn ok<T>(value: T) -> Result<T, ()> {
    Ok(value)
}

#[wakeful::test]
async fn outputs_are_a_tuple_in_the_order_of_the_futures() {
    assert_eq!(join!(async { 1 }), (1,));
    assert_eq!(join!(async { 1 },), (1,));
    assert_eq!(join!(async { 1 }, async { "2" }), (1, "2"));
    assert_eq!(join!(biased; async { 1 }), (1,));
    assert_eq!(join!(biased; async { 1 }, async { "2" },), (1, "2"));
    assert_eq!(try_join!(async { ok(1) }), Ok((1,)));
    assert_eq!(try_join!(async { ok(1) }, async { ok("2") },), Ok((1, "2")));
    assert_eq!(try_join!(biased; async { ok(1) },), Ok((1,)));
    assert_eq!(
        try_join!(biased; async { ok(1) }, async { ok("2") }),
        Ok((1, "2"))
    );
}

#[wakeful::test]
#[allow(clippy::unit_cmp)]
async fn no_futures_are_ready_at_once() {
    assert_eq!(join!(), ());
    assert_eq!(join!(biased;), ());
    assert_eq!(try_join!() as Result<(), u8>, Ok(()));
    assert_eq!(try_join!(biased;) as Result<(), u8>, Ok(()));
}

#[test]
fn join_waits_for_all_and_does_not_poll_what_is_ready() {
    let (to_first, first) = oneshot::channel::<&str>();
    let (to_second, second) = oneshot::channel::<u32>();
    let mut joined = Box::pin(async { join!(first, second) });
    assert!(poll(&mut joined).is_pending());
    to_second.send(123).unwrap();
    assert!(poll(&mut joined).is_pending());
    // A oneshot receiver panics when it is polled again.
    assert!(poll(&mut joined).is_pending());
    to_first.send("hello").unwrap();
    assert_eq!(poll(&mut joined), Poll::Ready((Ok("hello"), Ok(123))));
}

#[test]
fn try_join_ends_at_the_first_error_and_drops_the_others() {
    struct Noisy<'a>(&'a Cell<bool>);
    impl Drop for Noisy<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Cell::new(false);
    let (to_first, first) = oneshot::channel::<&str>();
    let (to_second, second) = oneshot::channel::<u32>();
    let guard = Noisy(&dropped);
    let mut joined = Box::pin(async {
        let waits = async move {
            let _guard = guard;
            pending().await
        };
        let result: Result<(&str, u32, u8), _> = try_join!(first, second, waits);
        (result.is_err(), dropped.get())
    });
    assert!(poll(&mut joined).is_pending());
    to_second.send(123).unwrap();
    assert!(poll(&mut joined).is_pending());
    assert!(!dropped.get());
    drop(to_first);
    assert_eq!(poll(&mut joined), Poll::Ready((true, true)));
}

#[wakeful::test]
async fn a_question_mark_takes_the_values_out() {
    async fn sum(second: &str) -> Result<u8, std::num::ParseIntError> {
        let (a, b) = try_join!(async { "1".parse::<u8>() }, async { second.parse::<u8>() })?;
        Ok(a + b)
    }
    assert_eq!(sum("2").await, Ok(3));
    assert!(sum("two").await.is_err());
}

#[wakeful::test]
async fn futures_borrow_and_move_and_need_not_be_unpin() {
    let mut list = vec![1];
    let text = String::from("text");
    let (n, t) = join!(
        async {
            yield_now().await;
            list.push(2);
            list.len()
        },
        async {
            yield_now().await;
            text
        }
    );
    assert_eq!((n, t.as_str()), (2, "text"));
    assert_eq!(list, [1, 2]);
    let (kept, mut lent) = (Box::pin(ready(3)), ready(4));
    assert_eq!(join!(kept, &mut lent, &mut ready(5)), (3, 4, 5));
}

async fn noted(number: u8, order: &RefCell<Vec<u8>>) -> Result<(), Infallible> {
    for _ in 0..4 {
        order.borrow_mut().push(number);
        yield_now().await;
    }
    Ok(())
}

#[wakeful::test]
async fn each_poll_begins_with_another_future() {
    let expected = [1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3];
    let order = RefCell::default();
    let _ = join!(noted(1, &order), noted(2, &order), noted(3, &order));
    assert_eq!(*order.borrow(), expected);
    let order = RefCell::default();
    let Ok(_) = try_join!(noted(1, &order), noted(2, &order), noted(3, &order));
    assert_eq!(*order.borrow(), expected);
}

#[wakeful::test]
async fn biased_polls_in_order() {
    let expected = [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3];
    let order = RefCell::default();
    let _ = join!(biased; noted(1, &order), noted(2, &order), noted(3, &order));
    assert_eq!(*order.borrow(), expected);
    let order = RefCell::default();
    let Ok(_) = try_join!(biased; noted(1, &order), noted(2, &order), noted(3, &order));
    assert_eq!(*order.borrow(), expected);
}

#[wakeful::test]
async fn a_future_that_uses_up_the_budget_does_not_starve_the_others() {
    let rounds = Cell::new(0);
    let greedy = async {
        for _ in 0..1_280 {
            coop::consume_budget().await;
        }
        rounds.get()
    };
    let modest = async {
        for _ in 0..5 {
            coop::consume_budget().await;
            rounds.set(rounds.get() + 1);
        }
    };
    let (seen, ()) = join!(greedy, modest);
    assert_eq!(seen, 5);
}

#[wakeful::test]
async fn what_becomes_a_future_is_one() {
    struct Soon;
    impl IntoFuture for Soon {
        type Output = Result<u8, ()>;
        type IntoFuture = Ready<Result<u8, ()>>;
        fn into_future(self) -> Self::IntoFuture {
            ready(Ok(3))
        }
    }
    assert_eq!(join!(Soon, async { 1 }), (Ok(3), 1));
    assert_eq!(try_join!(Soon, async { Ok(1) }), Ok((3, 1)));
}

#[wakeful::test]
async fn names_of_the_user_do_not_meet_those_of_the_macro() {
    const COUNT: u32 = 2;
    let (future_0, futures, first, at, cx, is_pending, rest) = (1, 2, 3, 4, 5, 6, 7);
    let joined = join!(
        async { future_0 + futures + first + at },
        async { cx + is_pending + rest },
        async { COUNT },
    );
    assert_eq!(joined, (10, 18, 2));
}

#[deny(unreachable_code)]
#[test]
fn an_uninhabited_output_is_no_unreachable_code_of_the_caller() {
    async fn never() -> Infallible {
        pending().await
    }
    let mut joined = Box::pin(async { join!(never(), async { 1 }) });
    assert!(poll(&mut joined).is_pending());
    let mut joined = Box::pin(async { join!(biased; async { 1 }, never()) });
    assert!(poll(&mut joined).is_pending());
    let mut joined = Box::pin(async { join!(pending::<Infallible>()) });
    assert!(poll(&mut joined).is_pending());
    let mut joined =
        Box::pin(async { try_join!(ready(Ok::<u8, Infallible>(1)), pending::<Result<u8, _>>()) });
    assert!(poll(&mut joined).is_pending());
    let mut joined = Box::pin(async { try_join!(biased; async { Err::<Infallible, u8>(1) }) });
    assert!(matches!(poll(&mut joined), Poll::Ready(Err(1))));
}

#[test]
fn many_futures_are_joined_outside_a_runtime() {
    let n = |n: u32| {
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            if polls > 2 {
                Poll::Ready(n)
            } else {
                Poll::Pending
            }
        })
    };
    let mut joined = Box::pin(async {
        let all = join!(
            n(1),
            n(2),
            n(3),
            n(4),
            n(5),
            n(6),
            n(7),
            n(8),
            n(9),
            n(10),
            n(11),
            n(12),
            n(13),
            n(14),
            n(15),
            n(16),
            n(17),
            n(18),
            n(19),
            n(20),
            n(21),
            n(22),
            n(23),
            n(24),
            n(25),
        );
        all.0 + all.24
    });
    assert!(poll(&mut joined).is_pending());
    assert!(poll(&mut joined).is_pending());
    assert_eq!(poll(&mut joined), Poll::Ready(26));
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_join_of_small_futures_is_no_larger_than_tokios() {
    use futures_util::future::ready;
    let one = async { join!(ready(0i32)) };
    let two = async { join!(ready(0i32), ready(0i32)) };
    assert!(size_of_val(&one) <= 32 && size_of_val(&two) <= 48);
    let one = async { join!(biased; ready(0i32)) };
    let two = async { join!(biased; ready(0i32), ready(0i32)) };
    assert!(size_of_val(&one) <= 24 && size_of_val(&two) <= 40);
    let one = async { try_join!(ready(ok(0i32))) };
    let two = async { try_join!(ready(ok(0i32)), ready(ok(0i32))) };
    assert!(size_of_val(&one) <= 32 && size_of_val(&two) <= 48);
    let one = async { try_join!(biased; ready(ok(0i32))) };
    let two = async { try_join!(biased; ready(ok(0i32)), ready(ok(0i32))) };
    assert!(size_of_val(&one) <= 24 && size_of_val(&two) <= 40);
}
