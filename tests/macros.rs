//! `#[wakeful::main]` and `#[wakeful::test]`, with a stand-in runtime that records its calls.
//!
//! Code that must not compile, and its messages, is in `ui/fail`.

// The attributes' code must not cause lints, nor need an `allow` that a `forbid` would refuse.
#![forbid(unreachable_code, clippy::expect_used, clippy::needless_return)]

use std::future::{Future, poll_fn, ready};
use std::process::{ExitCode, Termination};
use std::task::Poll;
use std::{error, fmt};

#[path = "ui/stand_in.rs"]
mod stand_in;

const PLAIN_RUN: [&str; 4] = ["new", "build", "block_on", "drop"];

/// Pending once, so that a body is polled more than once.
fn turn() -> impl Future<Output = ()> {
    let mut seen = false;
    poll_fn(move |_| {
        if std::mem::replace(&mut seen, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}

#[test]
fn a_call_builds_a_runtime_runs_the_body_and_drops_the_runtime() {
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry() {
        turn().await;
    }
    entry();
    assert_eq!(stand_in::calls(), PLAIN_RUN);
}

#[test]
fn the_crate_is_a_path_or_a_string() {
    #[wakeful_macros::main(crate = "crate::stand_in")]
    async fn string() -> u8 {
        1
    }
    #[wakeful_macros::main(crate = crate::stand_in,)]
    async fn path() -> u8 {
        2
    }
    assert_eq!((string(), path()), (1, 2));
}

#[test]
fn arguments_and_generics_are_forwarded() {
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry<'a, T>(list: &'a mut [T], (from, mut to): (usize, usize), body: T) -> &'a [T]
    where
        T: Clone,
    {
        turn().await;
        to += 1;
        list[from..to].fill(body);
        &list[from..]
    }
    assert_eq!(entry(&mut [1, 2, 3, 4], (1, 2), 0), [0, 0, 4]);
}

#[test]
fn names_in_the_body_are_those_of_the_user() {
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry(runtime: u8) -> u8 {
        let body = runtime;
        body + 1
    }
    assert_eq!(entry(1), 2);
}

#[test]
fn the_return_type_is_known_inside_the_body_as_in_an_async_fn() {
    #[derive(Debug)]
    struct Odd;
    impl fmt::Display for Odd {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("odd")
        }
    }
    impl error::Error for Odd {}

    type Half = Box<dyn Fn() -> u32>;

    // Each of these three lines needs the type: `?`, the boxed error, the boxed closure.
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry(text: &str) -> Result<Half, Box<dyn error::Error>> {
        let number: u32 = text.parse()?;
        if number % 2 == 1 {
            return Err(Box::new(Odd));
        }
        Ok(Box::new(move || number / 2))
    }
    assert_eq!(entry("84").unwrap()(), 42);
    assert_eq!(entry("7").err().unwrap().to_string(), "odd");
    assert!(entry("x").is_err());
}

#[test]
fn an_opaque_return_type_works() {
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry() -> impl Termination {
        ready(()).await;
        ExitCode::SUCCESS
    }
    assert_eq!(entry().report(), ExitCode::SUCCESS);
}

#[test]
fn a_body_may_return_never() {
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry(panics: bool) -> ! {
        loop {
            turn().await;
            assert!(!panics, "on purpose");
        }
    }
    let panic = std::panic::catch_unwind(|| entry(true)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    assert_eq!(stand_in::calls(), PLAIN_RUN);
}

#[test]
fn attributes_inside_the_body_apply_to_the_function() {
    #[wakeful_macros::main(crate = stand_in)]
    async fn entry() -> u8 {
        #![doc = "inner"]
        #![must_use]
        3
    }
    assert_eq!(entry(), 3);
}

#[test]
fn an_associated_function_may_use_self_as_a_type() {
    struct Server(u8);
    impl Server {
        #[wakeful_macros::main(crate = stand_in)]
        pub(crate) async fn start(port: u8) -> Self {
            Self(port)
        }
    }
    assert_eq!(Server::start(4).0, 4);
}

#[test]
fn an_unsafe_function_stays_unsafe() {
    #[wakeful_macros::main(crate = stand_in)]
    async unsafe extern "C" fn entry(number: u8) -> u8 {
        number
    }
    let pointer: unsafe extern "C" fn(u8) -> u8 = entry;
    // SAFETY: the function has no requirements.
    assert_eq!(unsafe { pointer(5) }, 5);
}

#[test]
#[should_panic(
    expected = "failed to build the runtime: Custom { kind: Other, error: \"no descriptors left\" }"
)]
fn a_runtime_that_cannot_be_built_is_a_panic_with_the_error() {
    #[wakeful_macros::main(crate = stand_in::broken)]
    async fn entry() {}
    entry();
}

#[wakeful_macros::test(crate = stand_in)]
async fn a_test_runs_on_a_runtime() {
    turn().await;
    assert_eq!(
        stand_in::calls(),
        [
            "new",
            "fail_on_deadlock",
            "detect_stalls(1s)",
            "build",
            "block_on"
        ]
    );
}

#[wakeful_macros::test(crate = stand_in, start_paused = true)]
async fn start_paused_reaches_the_builder() {
    assert_eq!(
        stand_in::calls(),
        [
            "new",
            "fail_on_deadlock",
            "start_paused(true)",
            "detect_stalls(1s)",
            "build",
            "block_on"
        ]
    );
}

#[wakeful_macros::test(start_paused = false, detect_stalls = false, crate = "stand_in")]
async fn start_paused_may_be_false_and_keys_have_any_order() {
    assert_eq!(
        stand_in::calls(),
        [
            "new",
            "fail_on_deadlock",
            "start_paused(false)",
            "build",
            "block_on"
        ]
    );
}

#[test]
fn a_name_and_a_stopped_clock_of_main_reach_the_builder() {
    #[wakeful_macros::main(crate = stand_in, start_paused = true, name = "metrics")]
    async fn entry() {}
    entry();
    let expected = ["new", "name(metrics)", "start_paused(true)", "build"];
    assert_eq!(stand_in::calls()[..4], expected);
}

#[wakeful_macros::test(crate = stand_in, name = "metrics", detect_stalls = false)]
async fn a_name_of_a_test_reaches_the_builder() {
    assert_eq!(
        stand_in::calls(),
        [
            "new",
            "name(metrics)",
            "fail_on_deadlock",
            "build",
            "block_on"
        ]
    );
}

#[wakeful_macros::test(crate = stand_in, max_poll = "5ms", detect_stalls = "100 ms")]
async fn durations_reach_the_builder() {
    assert_eq!(
        stand_in::calls(),
        [
            "new",
            "fail_on_deadlock",
            "detect_stalls(100ms)",
            "max_poll(5ms)",
            "build",
            "block_on"
        ]
    );
}

#[wakeful_macros::test(crate = stand_in, detect_stalls = false, max_poll = "7us")]
async fn durations_have_units() {
    assert_eq!(
        stand_in::calls(),
        [
            "new",
            "fail_on_deadlock",
            "max_poll(7us)",
            "build",
            "block_on"
        ]
    );
}

#[test]
fn a_program_may_detect_deadlocks() {
    #[wakeful_macros::main(crate = stand_in, detect_deadlocks = true)]
    async fn entry() {}
    entry();
    assert_eq!(
        stand_in::calls(),
        ["new", "detect_deadlocks", "build", "block_on", "drop"]
    );
}

#[test]
fn a_program_may_detect_stalls() {
    #[wakeful_macros::main(crate = stand_in, detect_stalls = "100ms")]
    async fn entry() {}
    entry();
    assert_eq!(
        stand_in::calls(),
        ["new", "detect_stalls(100ms)", "build", "block_on", "drop"]
    );
}

#[wakeful_macros::test(crate = stand_in)]
async fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    let _: u8 = "1".parse()?;
    Ok(())
}

#[wakeful_macros::test(crate = stand_in)]
async fn a_test_may_return_an_opaque_type() -> impl Termination {
    ExitCode::SUCCESS
}

#[wakeful_macros::test(crate = stand_in)]
#[should_panic(expected = "on purpose")]
async fn should_panic_is_kept() {
    turn().await;
    panic!("on purpose");
}

#[wakeful_macros::test(crate = stand_in)]
#[cfg(any())]
async fn cfg_is_kept() {
    this_is_not_compiled();
}

/// `macro_rules!` passes what it has parsed, such as a type, as a group without delimiters.
#[test]
fn a_function_may_be_written_by_another_macro() {
    macro_rules! entry {
        (
            $(#[$attribute:meta])* $visibility:vis $name:ident,
            $paused:literal, $argument:ident: $type:ty, $output:ty, $body:block
        ) => {
            #[wakeful_macros::main(crate = stand_in, start_paused = $paused)]
            $(#[$attribute])*
            $visibility async fn $name<F>($argument: F) -> $output
            where
                F: Fn($type) -> $type,
            $body
        };
    }
    entry!(one, true, next: u8, Option<u8>, { Some(next(1)) });
    entry!(#[inline] pub(crate) two, false, next: u8, Result<u8, std::num::ParseIntError>, {
        Ok(next("2".parse()?))
    });
    assert_eq!((one(|n| n + 1), two(|n| n + 1)), (Some(2), Ok(3)));
    let calls = stand_in::calls();
    assert!(calls.contains(&"start_paused(true)") && calls.contains(&"start_paused(false)"));
}

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
