//! `wakeful::select!` and `wakeful::pin!`: tokio's grammar and semantics, repeatable by a seed.
//!
//! What must not compile, and the message it gets, is under `ui/select`.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(clippy::needless_return)] // a `return` in a handler is what is tested

use std::cell::{Cell, RefCell};
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::sync::{mpsc, oneshot};
use wakeful::select;
use wakeful::task::{JoinSet, coop, yield_now};

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

async fn one() -> usize {
    1
}

async fn never() -> ! {
    pending().await
}

#[wakeful::test]
async fn a_handler_is_an_expression_or_a_block_and_its_value_is_that_of_the_whole() {
    assert_eq!(select! { x = async { 1 } => x, }, 1);
    assert_eq!(select! { x = async { 1 } => x }, 1);
    assert_eq!(select! { x = async { 1 } => { x } }, 1);
    assert_eq!(select! { x = async { 1 } => { x }, }, 1);
    assert_eq!(select! { x = one() => x, }, 1);
    let future = one();
    assert_eq!(select! { x = future => x, }, 1);
    let two = select! {
        _ = pending::<()>() => { 1 }
        _ = ready(()) => 2,
        else => 3,
    };
    assert_eq!(two, 2);
    // Commas that do not end a handler or a future.
    let pair = select! {
        x = ready(1), if Option::<u8>::None.is_none_or(|x| x > 1) => Ok::<u8, String>(x),
        else => Err::<u8, String>(String::new()),
    };
    assert_eq!(pair, Ok(1));
}

#[wakeful::test]
async fn else_alone_is_its_expression() {
    assert_eq!(select! { else => 1, }, 1);
    assert_eq!(select! { biased; else => 1 }, 1);
}

#[wakeful::test]
async fn a_select_in_a_handler_uses_the_variables_of_the_outer_one() {
    let sum = select! {
        x = async { 1 } => select! {
            y = async { 2 } => select! { z = async { 4 } => x + y + z },
        },
    };
    assert_eq!(sum, 7);
}

#[wakeful::test]
async fn a_select_in_a_future_is_a_future_like_any_other() {
    let inner = async {
        select! { x = async { 1 } => x, _ = pending::<()>() => 2 }
    };
    assert_eq!(select! { x = inner => x + 10, () = pending() => 0 }, 11);
}

#[wakeful::test]
async fn the_first_that_is_ready_ends_the_wait_and_the_others_are_not_polled() {
    let polled = Cell::new(0);
    let count = || polled.set(polled.get() + 1);
    let number = select! {
        x = async { count(); 1 } => x,
        x = async { count(); 2 } => x,
    };
    assert_eq!(polled.get(), 1);
    assert!(number == 1 || number == 2);
}

#[wakeful::test]
async fn a_future_may_move_what_it_uses() {
    let text = "hello".to_string();
    let length = select! {
        x = async { let n = text.len(); drop(text); n } => x
    };
    assert_eq!(length, 5);
}

#[wakeful::test]
async fn a_pattern_that_does_not_match_disables_its_branch() {
    let (to_first, mut first) = mpsc::unbounded_channel::<i32>();
    let (to_second, mut second) = mpsc::unbounded_channel::<i32>();
    wakeful::spawn(async move {
        to_second.send(1).unwrap();
        yield_now().await;
        to_first.send(2).unwrap();
        yield_now().await;
        to_second.send(3).unwrap();
    });
    let mut received = Vec::new();
    loop {
        select! {
            Some(x) = first.recv() => received.push(x),
            Some(y) = second.recv() => received.push(y),
            else => break,
        }
    }
    assert_eq!(received, [1, 2, 3]);
}

#[test]
fn a_future_whose_output_did_not_match_is_not_polled_again() {
    let (sender, receiver) = oneshot::channel();
    let mut polled = false;
    let once = poll_fn(move |_| {
        assert!(!polled);
        polled = true;
        Poll::Ready(None::<()>)
    });
    let mut future = Box::pin(async {
        select! {
            Some(()) = once => unreachable!(),
            number = receiver => number.unwrap(),
        }
    });
    assert!(poll(&mut future).is_pending());
    assert!(poll(&mut future).is_pending());
    sender.send(1).unwrap();
    assert_eq!(poll(&mut future), Poll::Ready(1));
}

#[wakeful::test]
async fn an_empty_join_set_disables_its_branch() {
    let mut set = JoinSet::new();
    set.spawn(async { 1 });
    let mut rounds = 0;
    loop {
        rounds += 1;
        select! {
            Some(number) = set.join_next() => assert_eq!(number.unwrap(), 1),
            else => break,
        }
    }
    assert_eq!(rounds, 2);
    let left = select! {
        Some(_) = set.join_next() => false,
        () = yield_now() => true,
    };
    assert!(left, "the other branch goes on");
}

#[test]
fn a_branch_with_a_false_precondition_is_not_polled() {
    let (sender, receiver) = oneshot::channel();
    let panics = poll_fn(|_| -> Poll<()> { panic!("polled") });
    let mut future = Box::pin(async {
        select! {
            _ = panics, if false => unreachable!(),
            _ = receiver => (),
        }
    });
    assert!(poll(&mut future).is_pending());
    sender.send(()).unwrap();
    assert!(poll(&mut future).is_ready());
}

#[wakeful::test]
async fn preconditions_come_first_and_disabled_futures_are_still_made() {
    let order = RefCell::new(Vec::new());
    let note = |what| order.borrow_mut().push(what);
    let make = |what, number| {
        note(what);
        ready(number)
    };
    let condition = |what, value| {
        note(what);
        value
    };
    let number = select! {
        x = make("first", 1), if condition("first if", false) => x,
        x = make("second", 2), if condition("second if", true) => x,
    };
    assert_eq!(number, 2);
    assert_eq!(
        *order.borrow(),
        ["first if", "second if", "first", "second"]
    );
}

#[test]
fn the_futures_are_dropped_before_the_handler_runs() {
    struct Noisy(Rc<Cell<u32>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    wakeful::block_on(async {
        let dropped = Rc::new(Cell::new(0));
        let hold = |guard: Noisy| async move {
            let _guard = guard;
            pending::<()>().await;
        };
        let (a, b) = (hold(Noisy(dropped.clone())), hold(Noisy(dropped.clone())));
        let before = select! {
            biased;
            () = a => unreachable!(),
            () = yield_now() => dropped.get(),
            () = b => unreachable!(),
        };
        assert_eq!(before, 2);
    });
}

#[wakeful::test]
async fn a_handler_uses_what_the_futures_have_borrowed() {
    async fn borrow(_: &mut i32) {}
    let mut value = 234;
    select! {
        () = borrow(&mut value) => value += 1,
        () = ready(()) => { value += 5; }
        else => value += 27,
    }
    assert!(value == 235 || value == 239);
}

#[wakeful::test]
async fn a_handler_awaits_the_future_that_was_not_ready() {
    let (to_first, mut first) = oneshot::channel::<i32>();
    let (to_second, mut second) = oneshot::channel::<i32>();
    to_first.send(1).unwrap();
    to_second.send(2).unwrap();
    let sum = select! {
        x = &mut first => x.unwrap() + second.await.unwrap(),
        x = &mut second => x.unwrap() + first.await.unwrap(),
    };
    assert_eq!(sum, 3);
}

#[wakeful::test]
async fn control_flow_leaves_the_handler() {
    async fn question(text: &str) -> Result<u8, std::num::ParseIntError> {
        let number: u8 = select! {
            text = ready(text) => text.parse()?,
            else => return Ok(99),
        };
        Ok(number + 1)
    }
    assert_eq!(question("6").await, Ok(7));
    assert!(question("x").await.is_err());

    async fn returns() -> u8 {
        select! { () = ready(()) => return 1 }
    }
    assert_eq!(returns().await, 1);

    let mut rounds = 0;
    let found = 'outer: loop {
        loop {
            rounds += 1;
            select! {
                biased;
                () = ready(()), if rounds < 3 => continue,
                () = ready(()), if rounds == 3 => continue 'outer,
                () = ready(()) => break 'outer rounds,
            }
        }
    };
    assert_eq!(found, 4);
}

#[wakeful::test]
async fn a_future_that_is_kept_goes_on_in_the_next_round() {
    let mut steps = 0;
    let work = async {
        for _ in 0..5 {
            yield_now().await;
        }
        "done"
    };
    wakeful::pin!(work);
    let result = loop {
        select! {
            biased;
            result = &mut work => break result,
            () = yield_now() => steps += 1,
        }
    };
    assert_eq!(result, "done");
    assert!(steps > 0);
}

#[wakeful::test]
async fn a_future_may_be_replaced_in_a_handler() {
    let mut sum = 0;
    let mut next = Box::pin(ready(1));
    while sum < 6 {
        select! {
            number = &mut next => {
                sum += number;
                next.set(ready(number + 1));
            }
        }
    }
    assert_eq!(sum, 6);
}

#[wakeful::test]
async fn patterns_bind_as_in_a_match() {
    select! {
        Some(mut text) = async { Some("1".to_string()) } => {
            text.push('2');
            assert_eq!(text, "12");
        },
        else => unreachable!(),
    }
    select! {
        Some(ref text) = async { Some("1".to_string()) } => assert_eq!(text, "1"),
        else => unreachable!(),
    }
    select! {
        Some(ref mut text) = async { Some("1".to_string()) } => {
            text.push('2');
            assert_eq!(text, "12");
        }
        else => unreachable!(),
    }
    // In tokio's macro this is an error in edition 2024.
    let number = 7;
    let copied = select! { Some(&x) = async { Some(&number) } => x, else => 0 };
    assert_eq!(copied, 7);
    let (a, b) =
        select! { (a, b @ 1..=9) = ready((String::from("a"), 2)) => (a, b), else => panic!() };
    assert_eq!((a.as_str(), b), ("a", 2));
    let either = select! { Ok(x) | Err(x) = ready(Result::<u8, u8>::Err(3)) => x, else => 0 };
    assert_eq!(either, 3);
    const SEVEN: u8 = 7;
    let constant = select! { SEVEN = ready(8u8) => "seven", else => "another" };
    assert_eq!(constant, "another");
    struct Point {
        x: u8,
        y: u8,
    }
    let sum = select! { Point { x, y: z } = ready(Point { x: 1, y: 2 }) => x + z };
    assert_eq!(sum, 3);
    let moved = select! { mut list = ready(vec![1]) => { list.push(2); list } };
    assert_eq!(moved, [1, 2]);
}

#[wakeful::test]
async fn a_branch_that_never_ends_needs_no_handler_of_that_type() {
    let number = select! {
        _ = never() => 0,
        number = one() => number,
    };
    assert_eq!(number, 1);
}

#[wakeful::test]
async fn names_of_the_user_do_not_meet_those_of_the_macro() {
    #[derive(Debug, PartialEq)]
    enum Disabled {
        Yes,
    }
    const FUTURES: u8 = 1;
    let (output, disabled, futures, is_pending, first, at, matches, cx, future_0, rest) =
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    let sum = select! {
        biased;
        _ = ready(output + disabled), if disabled == 1 => 0,
        future_1 = ready(future_0 + rest + futures) => {
            future_1 + is_pending + first + at + matches + cx + output
        },
    };
    assert_eq!(sum, 22 + 4 + 5 + 6 + 7 + 8 + 1);
    let out = select! { x = ready(Disabled::Yes), if FUTURES == 1 => x };
    assert_eq!(out, Disabled::Yes);
}

#[wakeful::test]
async fn a_macro_of_the_user_passes_fragments_on() {
    macro_rules! first_of {
        ($name:ident, $pattern:pat, $a:expr, $b:expr, $handler:expr) => {
            select! { $pattern = $a => $handler, $name = $b => $name }
        };
    }
    assert_eq!(first_of!(x, Some(_), ready(Some(1)), pending(), 5), 5);
    macro_rules! in_block {
        ($future:expr, $handler:block) => {
            select! { _ = pending::<()>() => $handler _ = $future => $handler }
        };
    }
    assert_eq!(in_block!(ready(()), { 6 }), 6);
}

#[wakeful::test]
async fn what_becomes_a_future_is_one() {
    struct Soon;
    impl IntoFuture for Soon {
        type Output = u8;
        type IntoFuture = Ready<u8>;
        fn into_future(self) -> Ready<u8> {
            ready(3)
        }
    }
    assert_eq!(select! { x = Soon => x }, 3);
    // The temporary value lives as long as the select.
    select! { () = &mut ready(()) => {} }
}

#[cfg(panic = "unwind")]
#[test]
fn all_branches_disabled_without_else_is_a_panic_that_says_so() {
    let run = || {
        wakeful::block_on(async {
            select! { Some(()) = ready(None) => {}, () = ready(()), if false => {} }
        })
    };
    let panic = std::panic::catch_unwind(run).unwrap_err();
    let text: &&str = panic.downcast_ref().expect("a text without values");
    assert!(
        text.starts_with("all branches of `select!` are disabled"),
        "{text}"
    );
    assert!(text.contains("Add `else => ..`"), "{text}");
}

#[wakeful::test]
async fn biased_polls_in_order() {
    for _ in 0..20 {
        let order = RefCell::new(Vec::new());
        let note = |number| {
            let order = &order;
            poll_fn(move |_| {
                order.borrow_mut().push(number);
                if order.borrow().len() < 6 {
                    Poll::Pending
                } else {
                    Poll::Ready(number)
                }
            })
        };
        let mut future = Box::pin(async {
            select! { biased; x = note(1) => x, x = note(2) => x, x = note(3) => x }
        });
        assert!(poll(&mut future).is_pending());
        assert_eq!(poll(&mut future), Poll::Ready(3));
        assert_eq!(*order.borrow(), [1, 2, 3, 1, 2, 3]);
    }
}

#[wakeful::test]
async fn biased_branches_end_in_the_order_of_their_preconditions() {
    let (one, two, three) = (async {}, yield_now(), yield_now());
    wakeful::pin!(one, two, three);
    let mut count = 0;
    loop {
        select! {
            biased;
            () = &mut two, if count < 2 => {
                count += 1;
                assert_eq!(count, 2);
            }
            () = &mut three, if count < 3 => {
                count += 1;
                assert_eq!(count, 3);
            }
            () = &mut one, if count < 1 => {
                count += 1;
                assert_eq!(count, 1);
            }
            else => break,
        }
    }
    assert_eq!(count, 3);
}

async fn zero_to_nine() -> u32 {
    select! {
        x = async { 0 } => x,
        x = async { 1 } => x,
        x = async { 2 } => x,
        x = async { 3 } => x,
        x = async { 4 } => x,
        x = async { 5 } => x,
        x = async { 6 } => x,
        x = async { 7 } => x,
        x = async { 8 } => x,
        x = async { 9 } => x,
    }
}

async fn choices(n: usize) -> Vec<u32> {
    let mut all = Vec::new();
    for _ in 0..n {
        all.push(zero_to_nine().await);
    }
    all
}

fn seeded(seed: u64) -> wakeful::Runtime {
    wakeful::Builder::new().rng_seed(seed).build().unwrap()
}

#[test]
fn a_seed_repeats_the_choices_also_in_tasks() {
    let in_task =
        |seed| seeded(seed).block_on(async { wakeful::spawn(choices(50)).await.unwrap() });
    assert_eq!(seeded(7).block_on(choices(50)), in_task(7));
    assert_ne!(in_task(7), in_task(8));
}

#[test]
fn a_select_inside_of_another_runtime_uses_that_ones_seed() {
    let (outer, inner) = (seeded(1), seeded(2));
    let expected = seeded(2).block_on(choices(50));
    let found = outer.enter(|| inner.enter(|| poll(&mut Box::pin(choices(50)))));
    assert_eq!(found, Poll::Ready(expected));
    assert_eq!(outer.block_on(choices(50)), seeded(1).block_on(choices(50)));
}

#[test]
fn without_a_seed_the_choices_differ() {
    let runs: Vec<_> = (0..3).map(|_| wakeful::block_on(choices(50))).collect();
    assert!(runs[0] != runs[1] || runs[1] != runs[2], "{runs:?}");
}

#[test]
fn each_branch_comes_first_equally_often() {
    let mut count = [0; 10];
    for choice in seeded(3).block_on(choices(10_000)) {
        count[choice as usize] += 1;
    }
    assert!(count.iter().all(|&n| (850..1150).contains(&n)), "{count:?}");
}

#[test]
fn it_works_outside_a_runtime() {
    let mut seen = [false; 10];
    for _ in 0..1_000 {
        let Poll::Ready(choice) = poll(&mut Box::pin(zero_to_nine())) else {
            panic!("all are ready");
        };
        seen[choice as usize] = true;
    }
    assert_eq!(seen, [true; 10]);
}

#[test]
fn without_budget_no_branch_is_polled_and_the_task_is_woken() {
    let polled = Cell::new(0);
    wakeful::block_on(async {
        // The main task's poll has 128 units.
        let round = || {
            let polled = &polled;
            Box::pin(async move {
                select! {
                    biased;
                    () = coop::cooperative(ready(())) => {}
                    () = poll_fn(|_| { polled.set(polled.get() + 1); Poll::Ready(()) }) => {}
                }
            })
        };
        for _ in 0..128 {
            assert!(poll(&mut round()).is_ready());
        }
        assert!(poll(&mut round()).is_pending());
        assert_eq!(polled.get(), 0);
        // The next poll of the task has a new budget, and is woken for it.
        round().await;
        yield_now().await;
        assert!(poll(&mut round()).is_ready());
    });
}

#[wakeful::test]
async fn sixty_four_branches_are_the_most() {
    let number = select! {
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        x = async { 1 } => x, x = async { 1 } => x, x = async { 1 } => x,
        Some(x) = async { Some(1) } => x,
    };
    assert_eq!(number, 1);
}

/// A future of `N` bytes.
struct Sized<const N: usize>([u8; N]);

impl<const N: usize> Future for Sized<N> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert_eq!(self.0[0], 0);
        Poll::Ready(())
    }
}

#[test]
fn each_future_is_stored_once() {
    let two = async {
        select! {
            () = Sized([0; 1000]) => {}
            () = Sized([0; 2000]) => {}
        }
    };
    let size = size_of_val(&two);
    assert!((3_000..3_064).contains(&size), "{size}");
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_select_of_small_futures_is_as_small_as_tokios() {
    let one = async {
        let a = futures_util::future::ready(0i32);
        select! { _ = a => {} }
    };
    let two = async {
        let a = futures_util::future::ready(0i32);
        let b = futures_util::future::ready(0i32);
        select! { _ = a => {}, _ = b => {} }
    };
    let three = async {
        let a = futures_util::future::ready(0i32);
        let b = futures_util::future::ready(0i32);
        let c = futures_util::future::ready(0i32);
        select! { _ = a => {}, _ = b => {}, _ = c => {} }
    };
    let sizes = [size_of_val(&one), size_of_val(&two), size_of_val(&three)];
    assert_eq!(sizes, [32, 40, 48]);
}

#[wakeful::test]
async fn pin_takes_names_and_lets() {
    let (a, b) = (async { 1 }, async { 2 });
    wakeful::pin!(a, b,);
    assert_eq!(a.await + (&mut b).await, 3);
    wakeful::pin! {
        let c = async { 3 };
        let d = ready(4);
    }
    assert_eq!(c.await + d.await, 7);
    async fn argument(future: impl Future<Output = u8>) -> u8 {
        wakeful::pin!(future);
        (&mut future).await
    }
    assert_eq!(argument(async { 5 }).await, 5);
}

mod renamed {
    pub(crate) use wakeful as runtime;
}

#[renamed::runtime::test(crate = renamed::runtime)]
async fn the_macros_work_under_another_path() {
    let x = renamed::runtime::select! { x = ready(1) => x };
    let (y, z) = renamed::runtime::join!(ready(2), ready(3));
    assert_eq!(x + y + z, 6);
}

#[test]
fn messages_of_the_compiler() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/select/*.rs");
}
