//! `Shards::ended`: the cause of the end, for any number of waiters on any thread.

use std::error::Error;
use std::fmt;
use std::future::{Future, pending};
use std::io::{Read, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use futures_util::future::{Either, select};
use wakeful::Shards;
use wakeful::net::shard::{Acceptor, Balance};
use wakeful::shard::{Ended, FailureReason, OnFailure};
use wakeful::task::JoinSet;

use crate::support::{Counting, Panicking, poll_once};

/// Long enough that no test waits until it has passed.
const LONG: Duration = Duration::from_secs(600);

/// A short executor of another crate: the thread parks until it is woken.
fn block_on_by_parking<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread, AtomicBool);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.1.store(true, Ordering::Release);
            self.0.unpark();
        }
    }
    let unpark = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(unpark.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !unpark.1.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

/// Starts three shards that wait for the stop. The second panics after the barrier.
fn second_panics(on_failure: OnFailure) -> (Shards, Arc<Barrier>) {
    let gate = Arc::new(Barrier::new(2));
    let opened = gate.clone();
    let shards = Shards::builder()
        .shards(3)
        .on_failure(on_failure)
        .shutdown_timeout(LONG)
        .on_each(move |shard| {
            let opened = opened.clone();
            async move {
                if shard.id().index() == 1 {
                    opened.wait();
                    panic!("on purpose");
                }
                shard.stopping().await;
            }
        })
        .unwrap();
    (shards, gate)
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_of_a_shard_ends_the_wait_of_the_main_thread() {
    let (shards, gate) = second_panics(OnFailure::StopAll);
    // Like a program that also waits for ctrl-c, which does not come.
    let failure = wakeful::block_on(async {
        let mut ended = shards.ended();
        assert!(poll_once(&mut ended, Waker::noop()).is_pending());
        gate.wait();
        match select(ended, pending::<()>()).await {
            Either::Left((ended, _)) => ended.unwrap_err(),
            Either::Right(_) => unreachable!(),
        }
    });
    assert_eq!(failure.shard.index(), 1);
    assert!(
        failure.to_string().starts_with("shard 1: task "),
        "{failure}"
    );
    assert!(
        failure
            .to_string()
            .ends_with("panicked with message \"on purpose\"")
    );
    // The failure itself is still there, with its payload.
    let error = shards.shutdown(LONG).unwrap_err();
    assert_eq!(error.failures().len(), 1);
    assert!(matches!(
        error.failures()[0].reason,
        FailureReason::Panicked(_)
    ));
}

#[test]
#[cfg(panic = "unwind")]
fn an_end_before_the_wait_is_returned_and_outlives_the_shards() {
    let (shards, gate) = second_panics(OnFailure::StopAll);
    gate.wait();
    wakeful::block_on(shards.ended()).unwrap_err();
    let mut late = shards.ended();
    let mut clone = late.clone();
    let ready = poll_once(&mut late, Waker::noop());
    assert!(matches!(ready, Poll::Ready(Err(failure)) if failure.shard.index() == 1));
    shards.shutdown(LONG).unwrap_err();
    let ready = poll_once(&mut clone, Waker::noop());
    assert!(matches!(ready, Poll::Ready(Err(failure)) if failure.shard.index() == 1));
}

#[test]
#[cfg(panic = "unwind")]
fn all_waiters_on_all_threads_and_executors_are_woken() {
    let (shards, gate) = second_panics(OnFailure::StopAll);
    let (polled, waiting) = channel();
    let mut threads = Vec::new();
    for n in 0..6 {
        let (mut ended, polled) = (shards.ended(), polled.clone());
        threads.push(thread::spawn(move || {
            assert!(poll_once(&mut ended, Waker::noop()).is_pending());
            polled.send(()).unwrap();
            match n % 2 {
                0 => wakeful::block_on(ended),
                _ => block_on_by_parking(ended),
            }
        }));
    }
    (0..6).for_each(|_| waiting.recv().unwrap());
    gate.wait();
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap_err().shard.index(), 1);
    }
    shards.shutdown(LONG).unwrap_err();
}

#[test]
#[cfg(panic = "unwind")]
fn a_dropped_waiter_is_not_woken_and_a_waker_that_panics_stops_no_other() {
    let (shards, gate) = second_panics(OnFailure::StopAll);
    let (gone, waker) = Counting::new();
    let mut dropped = shards.ended();
    assert!(poll_once(&mut dropped, &waker).is_pending());
    let mut panicking = shards.ended();
    assert!(poll_once(&mut panicking, &Arc::new(Panicking).into()).is_pending());
    // The newest waker is the one that is woken.
    let ((replaced, old), (newest, new)) = (Counting::new(), Counting::new());
    let mut waiting = shards.ended();
    assert!(poll_once(&mut waiting, &old).is_pending());
    assert!(poll_once(&mut waiting, &new).is_pending());
    drop((dropped, waker));
    assert_eq!(Arc::strong_count(&gone), 1, "its waker is kept");
    gate.wait();
    block_on_by_parking(shards.ended()).unwrap_err();
    // The threads have ended then, after they have woken all waiters.
    shards.shutdown(LONG).unwrap_err();
    assert_eq!((gone.wakes(), replaced.wakes(), newest.wakes()), (0, 0, 1));
}

#[test]
fn services_that_succeed_are_ok_and_so_are_none() {
    let shards = Shards::builder().shards(2).build().unwrap();
    // No service was started.
    wakeful::block_on(shards.ended()).unwrap();
    let gate = Arc::new(Barrier::new(3));
    let opened = gate.clone();
    shards.on_each(move |_| {
        let opened = opened.clone();
        async move { _ = opened.wait() }
    });
    let mut ended = shards.ended();
    assert!(poll_once(&mut ended, Waker::noop()).is_pending());
    gate.wait();
    wakeful::block_on(ended).unwrap();
    shards.join().unwrap();
}

#[test]
#[cfg(panic = "unwind")]
fn with_continue_a_failure_is_returned_when_the_others_have_ended() {
    let (shards, gate) = second_panics(OnFailure::Continue);
    let mut ended = shards.ended();
    gate.wait();
    // Its loop answers, so the service has failed by then, and does not delay the others.
    let alive = shards.spawn_on(1, || async { 7 });
    assert_eq!(wakeful::block_on(alive).unwrap(), 7);
    assert!(poll_once(&mut ended, Waker::noop()).is_pending());
    shards.stop(LONG);
    assert_eq!(wakeful::block_on(ended).unwrap_err().shard.index(), 1);
    shards.shutdown(LONG).unwrap_err();
}

#[test]
fn dropping_the_shards_ends_the_wait() {
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.on_each(|shard| async move { shard.stopping().await });
    let ended = shards.ended();
    drop(shards);
    block_on_by_parking(ended).unwrap();
}

#[test]
#[cfg(panic = "unwind")]
fn an_error_whose_text_panics_is_still_a_failure() {
    #[derive(Debug)]
    struct Bad;
    impl fmt::Display for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text")
        }
    }
    impl Error for Bad {}
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(|shard| async move {
        if shard.id().index() == 0 {
            return Err(Bad);
        }
        shard.stopping().await;
        Ok(())
    });
    let failure = wakeful::block_on(shards.ended()).unwrap_err();
    assert_eq!(failure.shard.index(), 0);
    assert!(failure.to_string().contains("panicked"), "{failure}");
    assert_eq!(shards.shutdown(LONG).unwrap_err().failures().len(), 1);
}

/// The pattern of the README: a connection under way at the shutdown is finished.
#[test]
fn connections_in_a_join_set_are_finished_at_the_shutdown() {
    let acceptor = Acceptor::bind("127.0.0.1:0", 2, Balance::LeastLoaded).unwrap();
    let address = acceptor.local_addr();
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(move |shard| {
        let incoming = acceptor.join(&shard);
        async move {
            let mut incoming = incoming?;
            let mut connections = JoinSet::new();
            while let Some(accepted) = incoming.accept().await {
                let (connection, _peer) = accepted?;
                connections.spawn(async move {
                    connection.write(b"?").await.unwrap();
                    let mut answer = [0];
                    assert_eq!(connection.read(&mut answer).await.unwrap(), 1);
                    connection.write(b"hello\n").await
                });
                while connections.try_join_next().is_some() {}
            }
            while connections.join_next().await.is_some() {}
            std::io::Result::Ok(())
        }
    });
    let mut client = std::net::TcpStream::connect(address).unwrap();
    let mut question = [0];
    client.read_exact(&mut question).unwrap();
    // The connection waits for its client, which answers after the shards were asked to stop.
    shards.stop(LONG);
    client.write_all(b"!").unwrap();
    let mut read = String::new();
    client.read_to_string(&mut read).unwrap();
    assert_eq!(read, "hello\n");
    shards.shutdown(LONG).unwrap();
}

#[test]
fn the_future_is_send_and_sync() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<Ended>();
}
