//! Where panics abort the process (`panic = "abort"`): `scripts/abort` runs this and other targets
//! so.
#![cfg(panic = "abort")]

#[path = "support/alone.rs"]
mod alone;

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use alone::role;
use wakeful::Shards;
use wakeful::signal::unix::{SignalKind, signal};

/// Runs this test again in a process of its own. If panics abort, the test harness runs each test
/// in a process, which it names in this variable. Set here, it makes the child run the test itself,
/// so that the child aborts.
fn again_by_itself(test: &str) -> Output {
    let mut command = alone::again(test, "child");
    command.env("__RUST_TEST_INVOKE", test);
    command.output().unwrap()
}

/// Prints when it is dropped.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        eprintln!("dropped");
    }
}

#[track_caller]
fn assert_aborted(output: &Output, message: &str) {
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{printed}");
    assert!(printed.contains(message), "{printed}");
    assert!(!printed.contains("dropped"), "{printed}");
    assert!(!printed.contains("went on"), "{printed}");
}

#[test]
fn a_panic_of_a_task_aborts_the_process_and_drops_nothing() {
    if role().is_some() {
        drop(std::panic::take_hook());
        wakeful::block_on(async {
            let task = wakeful::spawn(async {
                let _loud = Loud;
                panic!("bad luck")
            });
            let _: Result<(), _> = task.await;
            eprintln!("went on");
        });
        return;
    }
    assert_aborted(
        &again_by_itself("a_panic_of_a_task_aborts_the_process_and_drops_nothing"),
        "bad luck",
    );
}

#[test]
fn a_panic_of_a_shard_aborts_the_process_whatever_on_panic_says() {
    if role().is_some() {
        drop(std::panic::take_hook());
        let shards = Shards::builder()
            .shards(2)
            .on_failure(wakeful::shard::OnFailure::Continue)
            .on_each(|shard| async move {
                let _loud = Loud;
                assert_ne!(shard.id().index(), 1, "bad luck");
                std::future::pending::<()>().await
            });
        let _ = wakeful::block_on(shards.unwrap().ended());
        eprintln!("went on");
        return;
    }
    assert_aborted(
        &again_by_itself("a_panic_of_a_shard_aborts_the_process_whatever_on_panic_says"),
        "bad luck",
    );
}

#[test]
fn without_a_panic_everything_works() {
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(|shard| async move {
        if shard.id().index() == 1 {
            return Err(std::io::Error::other("no disk"));
        }
        shard.stopping().await;
        Ok(())
    });
    let failure = wakeful::block_on(async {
        let aborted = wakeful::spawn(std::future::pending::<()>());
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::HUP).unwrap();
        hangup.recv().await.unwrap();
        assert_eq!(wakeful::spawn_blocking(|| 7).await.unwrap(), 7);
        shards.ended().await.unwrap_err()
    });
    assert_eq!(failure.shard.index(), 1);
    assert_eq!(shards.join().unwrap_err().failures().len(), 1);
}
