//! How does another thread wake a sleeping loop? By a flag, a notification, and the right order.
//!
//! Another thread puts a message into the loop's queue. If the loop sleeps in `poller.wait`, it
//! does not see the queue, so the thread notifies it: it writes a byte to a socket for which the
//! poller waits. That is a system call, so the thread makes it only if the loop sleeps. The loop
//! sets a flag, `asleep`, before it waits.
//!
//! Now there is a race. The loop finds its queue empty and is about to set the flag. The thread
//! puts its message, sees that the flag is not set, and does not notify. Then the loop sets the
//! flag and sleeps, with a message in its queue. The remedy: check the queue again after the flag
//! is set.
//!
//! Look at the table. In each row the thread runs at one moment of the loop. Barriers hold the two
//! at that moment, so each run is the same. Which of the eight loops sleeps forever?
//!
//! `cargo run --example lab_27_wake_from_a_thread`

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

/// What the loop and the thread share.
struct Shared {
    queue: Mutex<Vec<u32>>,
    asleep: AtomicBool,
    to_the_loop: UnixStream,
}

impl Shared {
    /// On the other thread: first the message, then the flag. Returns whether it has notified.
    fn send(&self, message: u32) -> bool {
        self.queue.lock().unwrap().push(message);
        // The sender that clears the flag notifies; those after it need not.
        let notify = self.asleep.swap(false, SeqCst);
        if notify {
            (&self.to_the_loop).write_all(&[1]).expect("it is open");
        }
        notify
    }
}

struct Loop {
    shared: Shared,
    poller: Poller,
    notified: UnixStream,
}

#[derive(Debug, PartialEq)]
enum Sleep {
    No,
    WokenUp,
    Forever,
}

impl Sleep {
    fn text(&self) -> &'static str {
        match self {
            Sleep::No => "does not sleep",
            Sleep::WokenUp => "is woken up",
            Sleep::Forever => "SLEEPS FOREVER",
        }
    }
}

/// Where another thread may run between two steps of the loop.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    BeforeTheCheck,
    BeforeTheFlag,
    AfterTheFlag,
    BeforeTheWait,
}

impl Loop {
    fn new() -> io::Result<Loop> {
        let (to_the_loop, notified) = UnixStream::pair()?;
        notified.set_nonblocking(true)?;
        let poller = Poller::new()?;
        // SAFETY: the socket is a field after the poller, so it is dropped after it.
        unsafe { poller.add_with_mode(&notified, Event::readable(0), PollMode::Level)? };
        let shared = Shared {
            queue: Mutex::default(),
            asleep: AtomicBool::new(false),
            to_the_loop,
        };
        Ok(Loop {
            shared,
            poller,
            notified,
        })
    }

    fn has_message(&self) -> bool {
        !self.shared.queue.lock().unwrap().is_empty()
    }

    /// Sleeps, if there is no message. Calls `at` at each moment.
    fn sleep(&self, checks: u32, timeout: Option<Duration>, at: impl Fn(Moment)) -> Sleep {
        at(Moment::BeforeTheCheck);
        if self.has_message() {
            return Sleep::No;
        }
        at(Moment::BeforeTheFlag);
        self.shared.asleep.store(true, SeqCst);
        at(Moment::AfterTheFlag);
        // First the flag, then the queue; the thread does it the other way around. So at least one
        // of the two sees what the other has done. (The queue's lock orders these steps. A queue
        // without a lock needs a full fence on both sides.)
        if checks == 2 && self.has_message() {
            self.shared.asleep.store(false, SeqCst);
            return Sleep::No;
        }
        at(Moment::BeforeTheWait);
        let mut events = Events::new();
        let waited = self.poller.wait(&mut events, timeout);
        waited.expect("the poller waits");
        match events.is_empty() {
            true => Sleep::Forever, // only with a timeout of 0
            false => Sleep::WokenUp,
        }
    }

    /// Lets a thread send a message at `moment`, and returns how the loop sleeps then.
    fn with_a_message_at(&self, moment: Moment, checks: u32) -> Sleep {
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                self.shared.send(1);
                barrier.wait();
            });
            // The message is sent before the wait, and nothing comes later. So a wait that does not
            // end at once would never end: a timeout of 0 shows it.
            self.sleep(checks, Some(Duration::ZERO), |now| {
                if now == moment {
                    barrier.wait();
                    barrier.wait();
                }
            })
        })
    }
}

/// Receives messages that another thread sends at the same time, without barriers. Returns the sum.
fn receive(count: u32) -> io::Result<u32> {
    let receiver = Loop::new()?;
    let (mut sum, mut received) = (0, 0);
    thread::scope(|scope| {
        let shared = &receiver.shared;
        scope.spawn(move || (1..=count).filter(|&message| shared.send(message)).count());
        while received < count {
            receiver.sleep(2, None, |_| ());
            // Empty the socket: several bytes are one notification.
            while (&receiver.notified).read(&mut [0; 64]).is_ok() {}
            for message in receiver.shared.queue.lock().unwrap().drain(..) {
                sum += message;
                received += 1;
            }
        }
    });
    Ok(sum)
}

fn main() -> io::Result<()> {
    use Moment::*;
    println!("the thread sends        the loop checks once    the loop checks twice");
    let moments = [
        ("before the check", BeforeTheCheck),
        ("before the flag", BeforeTheFlag),
        ("after the flag", AfterTheFlag),
        ("just before the wait", BeforeTheWait),
    ];
    let outcomes = moments.map(|(name, moment)| {
        let outcomes = [1, 2].map(|checks| {
            let receiver = Loop::new().expect("a loop can be created");
            receiver.with_a_message_at(moment, checks)
        });
        let [once, twice] = outcomes.each_ref().map(Sleep::text);
        println!("{name:<23} {once:<23} {twice}");
        outcomes
    });

    let sleeper = Loop::new()?;
    sleeper.shared.asleep.store(true, SeqCst);
    let notifications = (1..=1000).filter(|&message| sleeper.shared.send(message));
    let notifications = notifications.count();
    println!("\n1000 messages to a sleeping loop: {notifications} notification.");
    let sum = receive(10_000)?;
    println!("10000 messages, from a thread that runs at the same time: all have arrived.");

    use Sleep::*;
    // Of the loops that check once, one sleeps with a message in its queue.
    assert_eq!(
        outcomes,
        [[No, No], [Forever, No], [WokenUp, No], [WokenUp, WokenUp]]
    );
    assert_eq!(notifications, 1);
    assert_eq!(sum, 10_000 * 10_001 / 2);
    Ok(())
}
