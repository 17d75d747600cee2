//! Longer models for random schedules: more threads, and tens of messages, wakes and references.

use std::sync::Arc as StdArc;
use std::task::Waker;

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use shuttle::rand::{Rng, thread_rng};

use super::model;
use super::pair_queue::{self, Notification, Pair, Sleeper};
use super::refs::{self, Counts, Thing};
use super::remote::{self, MessageQueue, Post};
use super::remote_requests::{Requests, TakesInTwoSteps};
use super::support::{self, Held, World, increment, world, world_of};
use crate::executor::remote::{Remote, Sent};
use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicU8, Ordering};
use crate::shard::mesh::notify::Notify;
use crate::task::refs::Refs;
use crate::task::remote_requests::{ABORT, RemoteRequests, WAKE};

fn below(limit: usize) -> usize {
    thread_rng().gen_range(0..limit)
}

// --- messages to a loop

/// Four threads send 25 messages each to a loop that sleeps whenever it may.
fn many_senders<L: MessageQueue>(line: L) {
    const SENDERS: usize = 4;
    const EACH: usize = 25;
    let post = Held::new(Arc::new(Post {
        line,
        event: support::Event::new(),
    }));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let post = Arc::clone(&post);
            thread::spawn(move || -> usize {
                (0..EACH).map(|n| post.send(sender * EACH + n)).sum()
            })
        })
        .collect();
    let (mut next, mut got, mut sleeps) = ([0; SENDERS], 0, 0);
    loop {
        if post.line.is_pending() {
            post.line.receive(&mut |message| {
                let (sender, number) = (message / EACH, message % EACH);
                assert_eq!(number, next[sender], "out of order");
                next[sender] += 1;
                got += 1;
            });
        }
        if got == SENDERS * EACH {
            break;
        }
        sleeps += post.sleep();
    }
    let notified: usize = senders.into_iter().map(|one| one.join().unwrap()).sum();
    assert_eq!(notified, sleeps, "an unnecessary notification");
}

#[test]
fn many_senders_notify_a_sleeping_loop_once() {
    model(|| many_senders(Remote::new()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_senders_without_the_notification() {
    model(|| many_senders(remote::Flawed::new(remote::Flaw::Silent)));
}

#[test]
#[should_panic(expected = "an unnecessary notification")]
fn many_senders_without_checking_for_the_first_message() {
    model(|| many_senders(remote::Flawed::new(remote::Flaw::Noisy)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_senders_without_the_push_before_the_flag() {
    model(|| many_senders(remote::Flawed::new(remote::Flaw::FlagsFirst)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_senders_without_one_step_for_checking_and_sleeping() {
    model(|| many_senders(remote::Flawed::new(remote::Flaw::ChecksThenSleeps)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_senders_without_clearing_before_the_pops() {
    model(|| many_senders(remote::Flawed::new(remote::Flaw::ClearsLate)));
}

/// Four threads send until they find the queue closed, which happens after some messages.
fn many_senders_and_a_close<L: MessageQueue>(line: L) {
    let line = Arc::new(line);
    let (sent, got) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = |counter: &Arc<AtomicUsize>, by| _ = counter.fetch_add(by, Ordering::Relaxed);
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let (line, sent, got) = (line.clone(), sent.clone(), got.clone());
            thread::spawn(move || {
                for message in 0..20 {
                    count(&sent, 1);
                    if line.send(message) == Sent::Closed {
                        count(&got, std::iter::from_fn(|| line.pop()).count());
                    }
                }
            })
        })
        .collect();
    for _ in 0..below(20) {
        line.receive(&mut |_| count(&got, 1));
    }
    line.close();
    count(&got, std::iter::from_fn(|| line.pop()).count());
    for sender in senders {
        sender.join().unwrap();
    }
    let (sent, got) = (sent.load(Ordering::Relaxed), got.load(Ordering::Relaxed));
    assert_eq!(sent, got, "a message stayed in the queue");
}

#[test]
fn no_message_of_many_senders_stays_in_a_closed_queue() {
    model(|| many_senders_and_a_close(Remote::new()));
}

#[test]
#[should_panic(expected = "a message stayed in the queue")]
fn many_senders_without_emptying_after_the_close() {
    model(|| many_senders_and_a_close(remote::Flawed::new(remote::Flaw::LeavesLate)));
}

// --- between shards

#[test]
fn many_senders_wake_a_waiting_receiver() {
    model(|| pair_queue::senders::<_, 4>(Notify::new(), 15));
}

fn flawed_notify(flaw: pair_queue::Flaw) -> impl Notification {
    pair_queue::Flawed::new(flaw)
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_senders_without_the_wake() {
    model(|| pair_queue::senders::<_, 4>(flawed_notify(pair_queue::Flaw::Silent), 15));
}

#[test]
#[should_panic(expected = "more wakes than waits")]
fn many_senders_without_disarming() {
    model(|| pair_queue::senders::<_, 4>(flawed_notify(pair_queue::Flaw::StaysArmed), 15));
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_senders_without_the_second_check() {
    model(|| pair_queue::senders::<_, 4>(flawed_notify(pair_queue::Flaw::ChecksOnce), 15));
}

#[test]
fn forty_messages_pass_queues_of_any_capacity() {
    model(|| pair_queue::through_a_queue(1 + below(4), 40, true));
}

#[test]
#[should_panic(expected = "a message was lost")]
fn forty_messages_without_checking_for_the_end_first() {
    model(|| pair_queue::through_a_queue(1 + below(4), 40, false));
}

#[test]
fn no_message_stays_in_the_queue_of_a_closed_receiver() {
    model(|| {
        let pair = Held::new(Pair::new(1 + below(4)));
        let sender = Arc::clone(&pair);
        let sender = thread::spawn(move || {
            let sleeper = Held::new(Sleeper::new());
            while sender.send(1, &sleeper) {}
        });
        let sleeper: Held<StdArc<Sleeper>> = Held::new(Sleeper::new());
        for _ in 0..below(30) {
            pair.receive(&sleeper, true).unwrap();
        }
        pair.queue.close_receiver();
        sender.join().unwrap();
        assert!(pair.queue.pop().is_none(), "a message stayed in the queue");
    });
}

// --- remote_requests

/// In 20 rounds three threads increment a counter and then set a request, three times each. The
/// side that takes a request sees all increments before it.
fn many_requests<M: Requests>(remote_requests: M) {
    const BITS: [u8; 2] = [WAKE, ABORT];
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let world = Arc::new((remote_requests, Queue::new(), counts));
    let mut seen = [0; 2];
    let mut receive = || {
        while world.1.pop().is_some() {
            let requests = world.0.take();
            for place in 0..2 {
                if requests & BITS[place] != 0 {
                    seen[place] = world.2[place].load(Ordering::Relaxed);
                }
            }
        }
        seen
    };
    for round in 1..=20 {
        let threads = [0, 1, 0].map(|place| {
            let world = world.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    world.2[place].fetch_add(1, Ordering::Relaxed);
                    if world.0.set(BITS[place]) {
                        world.1.push(());
                    }
                }
            })
        });
        for _ in 0..5 {
            receive();
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(receive(), [6 * round, 3 * round], "a request was lost");
    }
}

#[test]
fn no_request_of_many_is_lost() {
    model(|| many_requests(RemoteRequests::new()));
}

#[test]
#[should_panic(expected = "a request was lost")]
fn many_requests_without_one_step_for_the_take() {
    model(|| many_requests(TakesInTwoSteps(AtomicU8::new(0))));
}

// --- counts

/// The owner and three threads clone and drop references and hand them to each other, in any order.
/// With `merge` the owner merges the counts meanwhile; otherwise the owner frees.
fn random_counts<C: Counts>(counts: C, merge: bool) {
    let thing = Thing::new(counts);
    let gifts = Arc::new(Queue::new());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (thing, gifts) = (thing.clone(), gifts.clone());
            thread::spawn(move || {
                let mut held = 1;
                for _ in 0..15 {
                    match below(4) {
                        0 if held > 0 => {
                            thing.counts.clone_there();
                            held += 1;
                        }
                        1 if held > 0 => {
                            thing.drop_there(merge);
                            held -= 1;
                        }
                        2 if held > 0 => {
                            gifts.push(());
                            held -= 1;
                        }
                        _ => held += usize::from(gifts.pop().is_some()),
                    }
                }
                for _ in 0..held {
                    thing.drop_there(merge);
                }
            })
        })
        .collect();
    let mut held = 1;
    let merges_at = below(20);
    for step in 0..20 {
        if merge && step == merges_at {
            // Until then the owner's reference keeps the value alive.
            thing.counts.merge();
        }
        match below(5) {
            0 => {
                thing.counts.clone_here();
                held += 1;
            }
            1 if held > 1 => {
                thing.drop_here();
                held -= 1;
            }
            2 if held > 1 => {
                gifts.push(());
                held -= 1;
            }
            3 => held += usize::from(gifts.pop().is_some()),
            _ => thing.receive(),
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    held += std::iter::from_fn(|| gifts.pop()).count();
    for _ in 0..held - 1 {
        thing.drop_here();
    }
    thing.receive();
    thing.drop_here();
}

fn flawed(flaw: refs::Flaw) -> impl Counts {
    refs::Flawed::new(flaw, 4)
}

#[test]
fn random_counts_free_once_on_the_owner() {
    model(|| random_counts(Refs::new(4), false));
}

#[test]
fn random_counts_with_a_merge_free_once() {
    model(|| random_counts(Refs::new(4), true));
}

#[test]
#[should_panic(expected = "leaked")]
fn random_counts_without_sending_to_the_owner() {
    model(|| random_counts(flawed(refs::Flaw::Quiet), false));
}

#[test]
#[should_panic(expected = "freed on another thread")]
fn random_counts_without_checking_for_the_owner() {
    model(|| random_counts(flawed(refs::Flaw::Greedy), false));
}

#[test]
#[should_panic(expected = "used after it was freed")]
fn random_counts_without_checking_the_other_count() {
    model(|| random_counts(flawed(refs::Flaw::Blind), false));
}

#[test]
#[should_panic]
fn random_counts_without_one_step_for_the_merge() {
    model(|| random_counts(flawed(refs::Flaw::MergesInTwoSteps), true));
}

// --- whole tasks

/// Uses a waker at random; no reference is left.
fn use_up(waker: &Waker) {
    match below(5) {
        0 => waker.wake_by_ref(),
        1 => {
            let other = waker.clone();
            other.wake();
        }
        2 => drop(waker.clone()),
        3 => {
            let other = waker.clone();
            waker.wake_by_ref();
            other.wake();
        }
        _ => {}
    }
}

/// Three threads increment the counter 15 times each, and wake after each; the loop sleeps whenever
/// it can.
fn many_increments(flaw: support::Flaw) {
    let mut world = world_of(flaw, 45, below(3));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (waker, counter) = (world.waker.clone(), world.counter.clone());
            thread::spawn(move || {
                for _ in 0..15 {
                    increment(&counter);
                    use_up(&waker);
                    waker.wake_by_ref();
                }
            })
        })
        .collect();
    world.lo.run_until_finished(&world.task);
    assert!(world.task.try_take().unwrap().is_ok());
    for thread in threads {
        thread.join().unwrap();
    }
    let World {
        lo, task, waker, ..
    } = world.take();
    drop((task, waker));
    lo.tick();
    assert_eq!(lo.alive(), 0, "a task was not freed");
    lo.end();
}

#[test]
fn many_wakes_by_three_threads() {
    model(|| many_increments(support::Flaw::None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn many_wakes_without_the_notification() {
    model(|| many_increments(support::Flaw::Silent));
}

/// Three threads use wakers and handles, and one of them aborts, while the task runs and is joined.
#[test]
fn aborts_among_many_wakes() {
    model(|| {
        let mut world = world(100);
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (waker, stop) = (world.waker.clone(), world.task.abort_handle());
                thread::spawn(move || {
                    for _ in 0..below(15) {
                        use_up(&waker);
                        drop(stop.clone());
                    }
                    if number == 0 {
                        stop.abort();
                    }
                    use_up(&waker);
                })
            })
            .collect();
        world.lo.run_until_finished(&world.task);
        let result = world.task.try_take().unwrap();
        assert!(
            result
                .err()
                .expect("the counter is not incremented, so the task does not end")
                .is_cancelled()
        );
        for thread in threads {
            thread.join().unwrap();
        }
        let World {
            lo, task, waker, ..
        } = world.take();
        drop((task, waker));
        lo.tick();
        assert_eq!(lo.alive(), 0, "a task was not freed");
        lo.end();
    });
}

/// Three threads use wakers and handles, while the loop runs some ticks and ends.
fn many_wakers_at_the_end(flaw: support::Flaw) {
    let World {
        lo, task, waker, ..
    } = world_of(flaw, 100, 0).take();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (waker, stop) = (waker.clone(), task.abort_handle());
            thread::spawn(move || {
                let mut kept = Vec::new();
                for _ in 0..15 {
                    use_up(&waker);
                    match below(12) {
                        0 => stop.abort(),
                        1 => kept.clear(),
                        _ => kept.push(waker.clone()),
                    }
                }
            })
        })
        .collect();
    let mut own = Some((task, waker));
    if below(2) == 0 {
        own = None;
    }
    for _ in 0..below(10) {
        lo.tick();
    }
    lo.end();
    drop(own);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn many_wakers_are_used_while_the_loop_ends() {
    model(|| many_wakers_at_the_end(support::Flaw::None));
}

#[test]
#[should_panic]
fn wakers_without_the_sender_emptying() {
    model(|| many_wakers_at_the_end(support::Flaw::LeavesLate));
}

#[test]
#[should_panic]
fn wakers_without_the_loop_emptying() {
    model(|| many_wakers_at_the_end(support::Flaw::LeavesEarly));
}

#[test]
#[should_panic(expected = "used after it was freed")]
fn wakers_without_keeping_the_scheduler_while_sending() {
    model(|| many_wakers_at_the_end(support::Flaw::Unkept));
}
