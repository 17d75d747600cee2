//! Messages between shards.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Poll, Waker};
use std::thread;

use futures_util::{FutureExt, StreamExt};
use wakeful::Shards;
use wakeful::shard::{Mesh, SendError, TryRecvError, TrySendError};
use wakeful::task::yield_now;

use crate::support::{Counting, Panicking, poll_once};

/// Polls once.
async fn is_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Each sender lets the other one through, and does not block itself.
#[test]
fn two_senders_may_wait_for_space_and_then_try() {
    wakeful::block_on(async {
        let (sender, mut receiver) = Mesh::new(1, 1).join_as(0);
        sender.try_send(0, 0).unwrap();
        let tasks = [1, 2].map(|n| {
            let sender = sender.clone();
            wakeful::spawn(async move {
                loop {
                    sender.ready(0).await;
                    if sender.try_send(0, n).is_ok() {
                        break;
                    }
                }
            })
        });
        yield_now().await;
        let mut sum = 0;
        for _ in 0..3 {
            sum += receiver.recv().await.unwrap().1;
        }
        assert_eq!(sum, 3);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// A sender that has been granted space and does not wait any more has no turn.
#[test]
fn a_sender_that_does_not_wait_overtakes_no_waiter() {
    wakeful::block_on(async {
        let (sender, mut receiver) = Mesh::new(1, 1).join_as(0);
        for n in 0..6 {
            sender.ready(0).await;
            sender.send(0, n).await.unwrap();
            assert_eq!(receiver.recv().await.unwrap().1, n);
        }
        sender.ready(0).await;
        sender.try_send(0, 6).unwrap();
        let mut waiting = pin!(sender.send(0, 7));
        assert!(is_pending(&mut waiting).await);
        receiver.recv().await.unwrap();
        assert_eq!(sender.try_send(0, 8), Err(TrySendError::Full(8)));
        waiting.await.unwrap();
        assert_eq!(receiver.recv().await.unwrap().1, 7);
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_sender_waker_that_panics_does_not_affect_the_receiver() {
    let mesh = Mesh::new(3, 1);
    let [one, two] = [0, 1].map(|shard| mesh.join_as(shard).0);
    let (_, mut receiver) = mesh.join_as(2);
    let bad = Waker::from(Arc::new(Panicking));
    let (count, waker) = Counting::new();
    one.try_send(2, 1).unwrap();
    let mut waiting = pin!(one.send(2, 2));
    assert!(poll_once(&mut waiting, &bad).is_pending());
    assert_eq!(receiver.try_recv().unwrap().1, 1);
    // It waits once more, and so does another one, which is woken after it.
    one.try_send(2, 3).unwrap_err();
    assert!(poll_once(&mut waiting, &bad).is_ready());
    let mut again = pin!(one.send(2, 4));
    assert!(poll_once(&mut again, &bad).is_pending());
    two.try_send(2, 5).unwrap();
    let mut other = pin!(two.send(2, 6));
    assert!(poll_once(&mut other, &waker).is_pending());
    drop(receiver);
    assert_eq!(count.wakes(), 1);
    assert!(poll_once(&mut other, &waker).is_ready());
}

#[test]
fn messages_of_a_pair_arrive_in_order_and_none_is_lost() {
    const EACH: u32 = 20_000;
    // A small queue, so that both sides wait a lot.
    let mesh = Mesh::new(3, 4);
    let shards = Shards::builder().shards(3).on_each(move |shard| {
        let mesh = mesh.clone();
        async move {
            let (sender, mut receiver) = mesh.join(&shard);
            let mine = wakeful::spawn(async move {
                for n in 0..EACH {
                    for to in 0..3 {
                        sender.send(to, n).await.unwrap();
                    }
                }
            });
            drop(mesh);
            let mut next = [0; 3];
            while let Some((from, n)) = receiver.recv().await {
                assert_eq!(n, next[from.index()]);
                next[from.index()] += 1;
            }
            assert_eq!(next, [EACH; 3]);
            mine.await.unwrap();
        }
    });
    shards.unwrap().join().unwrap();
}

/// Whatever the order of bursts and waits, a wait is ended by one wake. One more may come late, for
/// a message that was received without it.
#[test]
fn there_is_one_wake_for_each_wait_not_for_each_message() {
    const ROUNDS: u64 = 200;
    const BURST: usize = 50;
    let mesh = Mesh::new(2, BURST);
    let receiving = mesh.clone();
    let (begin, begun) = channel::<()>();
    let sender = thread::spawn(move || {
        let (sender, _receiver) = mesh.join_as(0);
        while begun.recv().is_ok() {
            for n in 0..BURST {
                sender.try_send(1, n).unwrap();
            }
        }
    });
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_sender, mut receiver) = receiving.join_as(1);
        let mut got = Vec::new();
        let before = runtime.metrics();
        let mut waits = 0;
        for _ in 0..ROUNDS {
            begin.send(()).unwrap();
            got.clear();
            while got.len() < BURST {
                let left = BURST - got.len();
                receiver.recv_many(&mut got, left).await;
                waits += 1;
            }
        }
        let after = runtime.metrics();
        let messages = after.remote_messages - before.remote_messages;
        assert!(messages <= 2 * waits, "{messages} for {waits}");
        // The last message may have been sent and not yet received.
        assert!(after.notifications - before.notifications <= messages + 1);
    });
    drop(begin);
    sender.join().unwrap();
}

#[test]
fn a_burst_to_a_waiting_receiver_is_one_wake() {
    const BURST: usize = 100;
    let mesh = Mesh::new(2, BURST);
    let receiving = mesh.clone();
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_sender, mut receiver) = receiving.join_as(1);
        let mut waiting = Box::pin(receiver.recv());
        assert!(is_pending(&mut waiting.as_mut()).await);
        let before = runtime.metrics();
        // It waits while the whole burst is sent: this poll blocks the loop.
        thread::spawn(move || {
            let (sender, _) = mesh.join_as(0);
            (0..BURST).for_each(|n| sender.try_send(1, n).unwrap());
        })
        .join()
        .unwrap();
        // The wake arrives as a message, and wakes this task.
        yield_now().await;
        assert_eq!(waiting.await.unwrap().1, 0);
        let after = runtime.metrics();
        assert_eq!(after.remote_messages - before.remote_messages, 1);
        // Only the wake of the message may be coalesced, if this task was queued already.
        assert!(after.wakes_coalesced - before.wakes_coalesced <= 1);
        // And the loop was awake.
        assert_eq!(after.notifications, before.notifications);
        let mut rest = Vec::new();
        assert_eq!(receiver.recv_many(&mut rest, 1_000).await, BURST - 1);
    });
}

#[test]
fn a_receiver_that_runs_is_not_woken() {
    let mesh = Mesh::new(2, 1_000);
    let receiving = mesh.clone();
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_sender, mut receiver) = receiving.join_as(1);
        let before = runtime.metrics();
        thread::spawn(move || {
            let (sender, _) = mesh.join_as(0);
            (0..1_000).for_each(|n| sender.try_send(1, n).unwrap());
        })
        .join()
        .unwrap();
        for n in 0..1_000 {
            assert_eq!(receiver.recv().await.unwrap().1, n);
        }
        assert_eq!(runtime.metrics().remote_messages, before.remote_messages);
    });
}

#[test]
fn a_full_queue_makes_only_its_own_sender_wait() {
    wakeful::block_on(async {
        let mesh = Mesh::new(2, 2);
        let (sender, mut receiver) = mesh.join_as(0);
        let (_, mut slow) = mesh.join_as(1);
        sender.send(1, 0).await.unwrap();
        sender.send(1, 1).await.unwrap();
        let mut waiting = pin!(sender.send(1, 2));
        assert!(is_pending(&mut waiting).await);
        assert_eq!(sender.try_send(1, 3), Err(TrySendError::Full(3)));
        // The queue to the other shard has space.
        sender.send(0, 4).await.unwrap();
        assert_eq!(receiver.recv().await.unwrap().1, 4);
        assert_eq!(slow.recv().await.unwrap().1, 0);
        // There is space now, and an earlier sender waits for it.
        assert_eq!(sender.try_send(1, 3), Err(TrySendError::Full(3)));
        waiting.await.unwrap();
        assert_eq!(slow.recv().await.unwrap().1, 1);
        assert_eq!(slow.recv().await.unwrap().1, 2);
    });
}

#[test]
fn waiters_for_space_get_it_in_turn_and_a_dropped_one_passes_it_on() {
    wakeful::block_on(async {
        let mesh = Mesh::new(1, 1);
        let (sender, mut receiver) = mesh.join_as(0);
        sender.try_send(0, 0).unwrap();
        let tasks: Vec<_> = (1..=10)
            .map(|n| {
                let sender = sender.clone();
                wakeful::spawn(async move { sender.send(0, n).await })
            })
            .collect();
        yield_now().await;
        // The first one, which is to be woken next; one in the middle; the last one.
        for index in [0, 4, 9] {
            tasks[index].abort();
        }
        yield_now().await;
        let mut got = Vec::new();
        for _ in 0..8 {
            got.push(receiver.recv().await.unwrap().1);
        }
        assert_eq!(got, [0, 2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

/// A receiver that makes space and then waits for that sender must have notified it.
#[test]
fn one_received_message_notifies_a_sender_that_waits_for_space() {
    let mesh = Mesh::new(2, 1);
    let there = mesh.clone();
    let other = thread::spawn(move || {
        wakeful::block_on(async {
            let (sender, mut receiver) = there.join_as(1);
            for n in 0..10_000 {
                assert_eq!(receiver.recv().await.unwrap().1, 2 * n);
                assert_eq!(receiver.recv().await.unwrap().1, 2 * n + 1);
                sender.send(0, n).await.unwrap();
            }
        });
    });
    wakeful::block_on(async {
        let (sender, mut receiver) = mesh.join_as(0);
        for n in 0..10_000 {
            sender.send(1, 2 * n).await.unwrap();
            sender.send(1, 2 * n + 1).await.unwrap();
            assert_eq!(receiver.recv().await.unwrap().1, n);
        }
    });
    other.join().unwrap();
}

#[test]
fn ready_waits_without_a_message() {
    wakeful::block_on(async {
        let mesh = Mesh::new(1, 1);
        let (sender, mut receiver) = mesh.join_as(0);
        sender.ready(0).await;
        sender.try_send(0, "one").unwrap();
        {
            let mut room = pin!(sender.ready(0));
            assert!(is_pending(&mut room).await);
            receiver.recv().await.unwrap();
            room.await;
        }
        sender.try_send(0, "two").unwrap();
        drop(receiver);
        sender.ready(0).await;
        assert!(sender.is_closed(0));
    });
}

#[test]
fn values_sent_before_the_close_are_received() {
    wakeful::block_on(async {
        let mesh = Mesh::new(2, 8);
        let (sender, _) = mesh.join_as(0);
        let (other, mut receiver) = mesh.join_as(1);
        let clone = sender.clone();
        sender.send(1, 1).await.unwrap();
        clone.send(1, 2).await.unwrap();
        clone.close();
        assert_eq!(sender.send(1, 3).await, Err(SendError(3)));
        assert_eq!(receiver.recv().await.unwrap().1, 1);
        assert_eq!(receiver.recv().await.unwrap().1, 2);
        // The receiver's own sender still exists.
        assert!(receiver.recv().now_or_never().is_none());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        drop(other);
        assert_eq!(receiver.recv().await, None);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(receiver.recv_many(&mut Vec::new(), 8).await, 0);
    });
}

#[test]
fn a_close_wakes_the_waiters_on_both_sides() {
    wakeful::block_on(async {
        let mesh = Mesh::new(2, 1);
        let (sender, _) = mesh.join_as(0);
        let (_, mut receiver) = mesh.join_as(1);
        drop(mesh);
        sender.try_send(1, 0).unwrap();
        let tasks: Vec<_> = (1..4)
            .map(|n| {
                let sender = sender.clone();
                wakeful::spawn(async move { sender.send(1, n).await })
            })
            .collect();
        yield_now().await;
        sender.close();
        for (n, task) in (1..).zip(tasks) {
            assert_eq!(task.await.unwrap(), Err(SendError(n)));
        }
        assert_eq!(receiver.recv().await.unwrap().1, 0);
        assert_eq!(receiver.recv().await, None);
    });
}

#[test]
fn a_dropped_receiver_returns_waiting_messages_and_drops_the_others() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let message = || Counted(drops.clone());
    wakeful::block_on(async {
        let mesh = Mesh::new(2, 1);
        let (sender, _) = mesh.join_as(0);
        let (_, receiver) = mesh.join_as(1);
        assert!(sender.try_send(1, message()).is_ok());
        let mut waiting = pin!(sender.send(1, message()));
        assert!(is_pending(&mut waiting).await);
        drop(receiver);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        let SendError(back) = waiting.await.unwrap_err();
        assert!(matches!(
            sender.try_send(1, back),
            Err(TrySendError::Closed(_))
        ));
        assert_eq!(drops.load(Ordering::Relaxed), 2);
    });
}

/// The receiver is dropped while the sender sends at full speed: all messages are dropped, once.
#[test]
fn a_dropped_receiver_leaks_no_message() {
    let alive = Arc::new(());
    for _ in 0..200 {
        let mesh = Mesh::new(2, 64);
        let there = mesh.clone();
        let message = alive.clone();
        let sender = thread::spawn(move || {
            let (sender, _) = there.join_as(0);
            while !matches!(
                sender.try_send(1, message.clone()),
                Err(TrySendError::Closed(_))
            ) {}
        });
        let (_, receiver) = mesh.join_as(1);
        drop(receiver);
        sender.join().unwrap();
        // The queues still exist.
        assert_eq!(Arc::strong_count(&alive), 1);
        drop(mesh);
    }
}

#[test]
fn ends_that_no_shard_took_count_as_dropped() {
    wakeful::block_on(async {
        let mesh = Mesh::new(3, 1);
        let (sender, mut receiver) = mesh.join_as(0);
        sender.try_send(2, ()).unwrap();
        drop(mesh);
        assert_eq!(sender.send(1, ()).await, Err(SendError(())));
        assert_eq!(sender.send(2, ()).await, Err(SendError(())));
        drop(sender);
        assert_eq!(receiver.recv().await, None);
    });
}

#[test]
#[cfg(panic = "unwind")]
fn ends_are_taken_once() {
    let mesh = Mesh::<()>::new(2, 1);
    let _ends = mesh.join_as(1);
    let again = std::panic::catch_unwind(|| drop(mesh.join_as(1))).unwrap_err();
    assert_eq!(
        again.downcast_ref::<String>().unwrap(),
        "shard 1 has joined this mesh before"
    );
}

#[test]
fn a_busy_sender_does_not_starve_the_others() {
    wakeful::block_on(async {
        let mesh = Mesh::new(3, 100);
        let (loud, _) = mesh.join_as(0);
        let (quiet, _) = mesh.join_as(1);
        let (_, mut receiver) = mesh.join_as(2);
        for n in 0..100 {
            loud.try_send(2, n).unwrap();
        }
        quiet.try_send(2, 1_000).unwrap();
        let mut got = Vec::new();
        receiver.recv_many(&mut got, 10).await;
        receiver.recv_many(&mut got, 10).await;
        assert!(got.iter().any(|&(_, n)| n == 1_000));
        quiet.try_send(2, 2_000).unwrap();
        let mut soon = Vec::new();
        for _ in 0..3 {
            soon.push(receiver.recv().await.unwrap().1);
        }
        assert!(soon.contains(&2_000), "{soon:?}");
    });
}

/// A receiver that always has messages yields to other tasks.
#[test]
fn a_loop_of_receives_lets_other_tasks_run() {
    wakeful::block_on(async {
        let mesh = Mesh::new(1, 8);
        let (sender, mut receiver) = mesh.join_as(0);
        let other = wakeful::spawn(async {});
        let busy = wakeful::spawn(async move {
            for n in 0..1_000 {
                sender.try_send(0, n).unwrap();
                receiver.recv().await.unwrap();
                if other.is_finished() {
                    return n;
                }
            }
            panic!("the other task never ran");
        });
        busy.await.unwrap();
    });
}

#[test]
fn a_receiver_is_a_stream() {
    wakeful::block_on(async {
        let (sender, receiver) = Mesh::new(1, 8).join_as(0);
        for n in 0..3 {
            sender.send(0, n).await.unwrap();
        }
        drop(sender);
        let all: Vec<_> = receiver.map(|(_, n)| n).collect().await;
        assert_eq!(all, [0, 1, 2]);
    });
}

/// A message may panic when it is dropped with its receiver: the receiver's other senders are still
/// notified of the end.
#[test]
#[cfg(panic = "unwind")]
fn a_message_that_panics_in_its_drop_does_not_hide_the_end() {
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "on purpose");
        }
    }
    let mesh = Mesh::new(3, 4);
    let (first, receiver) = mesh.join_as(0);
    let (second, _) = mesh.join_as(1);
    let (third, _) = mesh.join_as(2);
    for sender in [&first, &second] {
        sender.try_send(0, Bomb(true)).ok().unwrap();
        sender.try_send(0, Bomb(false)).ok().unwrap();
    }
    drop(receiver);
    for sender in [&first, &second, &third] {
        let refused = sender.try_send(0, Bomb(false));
        assert!(matches!(refused, Err(TrySendError::Closed(_))));
    }
}
