//! What if messages come faster than they are processed? Then the rest must be somewhere.
//!
//! A producer makes a message every millisecond. The consumer takes five milliseconds for each. The
//! queue between them decides what happens:
//!
//! - An unbounded channel keeps everything. The queue grows as long as the producer runs, and each
//!   message is older than the one before when it is processed.
//! - A bounded channel makes `send` wait while it is full. The producer becomes as slow as the
//!   consumer: this is back-pressure. If it reads a socket, the buffer of the kernel fills, and
//!   TCP slows down the sender on the other machine.
//! - `try_send` does not wait. The producer finds out that the channel is full, and drops the
//!   message or reports an error: load shedding.
//!
//! Without back-pressure or shedding, a program is fast until its memory is used up.
//!
//! The clock is paused in this lesson and jumps to the next timer.
//!
//! `cargo run --example lab_32_back_pressure`

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use wakeful::sync::mpsc;
use wakeful::time::{Instant, pause, sleep};
use wakeful::trace::{Effect, Level, Origin};
use wakeful_lab as lab;

const PRODUCE: Duration = Duration::from_millis(1);
const CONSUME: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Queue {
    Unbounded,
    Wait,
    Shed,
}

/// What a run showed.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    processed: u32,
    dropped: u32,
    /// The largest number of messages in the queue.
    longest: u32,
    /// The largest age of a message when its processing began, in milliseconds.
    oldest: u128,
    /// The time that the producer took, in milliseconds.
    producing: u128,
}

/// Sends `messages` messages through a channel with `capacity` places, and returns what happened.
async fn run(queue: Queue, capacity: usize, messages: u32) -> Seen {
    let (sender, mut receiver) = mpsc::channel::<Instant>(capacity);
    let length = Rc::new(Cell::new(0_u32));
    let (sent, start) = (length.clone(), Instant::now());
    let producer = lab::spawn("producer", async move {
        let (mut longest, mut dropped) = (0, 0);
        for _ in 0..messages {
            sleep(PRODUCE).await;
            match queue {
                Queue::Shed if sender.try_send(Instant::now()).is_err() => {
                    dropped += 1;
                    continue;
                }
                Queue::Shed => {}
                _ => sender
                    .send(Instant::now())
                    .await
                    .expect("the consumer runs"),
            }
            sent.set(sent.get() + 1);
            longest = longest.max(sent.get());
        }
        (longest, dropped, start.elapsed().as_millis())
    });
    let consumer = lab::spawn("consumer", async move {
        let (mut processed, mut oldest) = (0, 0);
        while let Some(made) = receiver.recv().await {
            length.set(length.get() - 1);
            oldest = oldest.max(made.elapsed().as_millis());
            sleep(CONSUME).await;
            processed += 1;
        }
        (processed, oldest)
    });
    let (longest, dropped, producing) = producer.await.expect("it does not panic");
    let (processed, oldest) = consumer.await.expect("it does not panic");
    Seen {
        processed,
        dropped,
        longest,
        oldest,
        producing,
    }
}

fn main() {
    let simulation = wakeful::Builder::new().start_paused(true).build();
    let simulation = simulation.expect("a runtime can be created");
    println!("queue      messages  processed  dropped  longest queue  oldest   producer took");
    let [small, unbounded, bounded, shed] = [
        (Queue::Unbounded, 100, 100), // never full
        (Queue::Unbounded, 1_000, 1_000),
        (Queue::Wait, 4, 1_000),
        (Queue::Shed, 4, 1_000),
    ]
    .map(|(queue, capacity, messages)| {
        let seen = simulation.block_on(run(queue, capacity, messages));
        println!(
            "{:<10} {messages:>8}  {:>9}  {:>7}  {:>13}  {:>4} ms  {:>10} ms",
            format!("{queue:?}"),
            seen.processed,
            seen.dropped,
            seen.longest,
            seen.oldest,
            seen.producing
        );
        seen
    });
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        run(Queue::Wait, 1, 4).await;
    });
    lab::show("32_back_pressure", &snapshot);

    println!("With `Wait`, look for the consumer's wakes of the producer: each frees one place.");

    // Ten times as many messages: the unbounded queue is ten times as long, and as old.
    assert!(unbounded.longest > 9 * small.longest && unbounded.oldest > 9 * small.oldest);
    assert_eq!((bounded.processed, bounded.dropped), (1_000, 0));
    assert!(bounded.longest <= 5 && bounded.oldest <= 5 * 5);
    assert!(bounded.producing > 4 * unbounded.producing);
    assert_eq!(shed.processed + shed.dropped, 1_000);
    assert!(shed.dropped > 700 && shed.oldest <= 5 * 5);
    // Back-pressure is a wake from the consumer.
    let consumer = lab::task(&snapshot, "consumer");
    let freed = (Origin::Task(consumer), Effect::Queued);
    assert!(lab::wakes(&snapshot, "producer").contains(&freed));
}
