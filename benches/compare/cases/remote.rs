//! Messages and wakes from another thread, which is pinned to the other core.

use std::future::poll_fn;
use std::hint::spin_loop;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Aim, Case, MAIN, Outcome, Peer, Run, Took, Watch};
use crate::child::pin;
use crate::on;

pub const CASES: &[Case] = &[
    Case {
        pinned: false,
        ..Case::new(
            "remote/wake-parked",
            "Threads",
            "a thread wakes a task whose loop has been asleep for 30 us, until the task has run",
            |run| wake(run, Duration::from_micros(30)),
        )
    },
    Case {
        pinned: false,
        ..Case::new(
            "remote/wake-awake",
            "Threads",
            "the same while another task keeps the loop awake by yielding",
            wake_awake,
        )
    },
    Case {
        pinned: false,
        aims: &[Aim::OfBest {
            metric: MAIN,
            at_most: 1.0,
        }],
        ..Case::new(
            "remote/round-trip",
            "Threads",
            "a number goes to a task of a runtime on another thread and back, through async-channel",
            round_trip,
        )
    },
    Case {
        pinned: false,
        aims: &[Aim::OfBest {
            metric: MAIN,
            at_most: 0.3,
        }],
        ..Case::new(
            "remote/round-trip-spin",
            "Threads",
            "the same with Wakeful's Builder::spin of 50 us; the other runtimes have no such option",
            round_trip_spinning,
        )
    },
    Case {
        pinned: false,
        ..Case::new(
            "remote/spawn",
            "Threads",
            "a thread spawns 100 tasks through a handle and spins until all have run; one counts",
            spawn,
        )
    },
];

/// An event that a thread sets and a task waits for.
#[derive(Default)]
struct Event {
    waker: OnceLock<Waker>,
    set: AtomicU64,
    seen: AtomicU64,
}

impl Event {
    /// Sets the event `n` times, each time after a pause. The pauses are not counted.
    fn set_repeatedly(&self, n: u64, pause: Duration) -> Took {
        let waker = loop {
            match self.waker.get() {
                Some(waker) => break waker,
                None => spin_loop(),
            }
        };
        let mut time = Duration::ZERO;
        let watch = Watch::start();
        for k in 1..=n {
            let until = Instant::now() + pause;
            while Instant::now() < until {
                spin_loop();
            }
            let begin = Instant::now();
            self.set.store(k, Ordering::Release);
            waker.wake_by_ref();
            while self.seen.load(Ordering::Acquire) != k {
                spin_loop();
            }
            time += begin.elapsed();
        }
        Took {
            time,
            ..watch.stop()
        }
    }

    async fn wait(self: Arc<Self>, n: u64) {
        poll_fn(move |cx| {
            self.waker.get_or_init(|| cx.waker().clone());
            let set = self.set.load(Ordering::Acquire);
            self.seen.store(set, Ordering::Release);
            if set == n {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Sets the event from a thread on the other core while `run` runs the runtime here.
fn with_event(n: u64, pause: Duration, run: impl FnOnce(Arc<Event>)) -> Took {
    let event = Arc::new(Event::default());
    let shared = event.clone();
    let setter = thread::spawn(move || {
        pin(1);
        shared.set_repeatedly(n, pause)
    });
    pin(0);
    run(event);
    setter.join().unwrap()
}

fn wake(run: &Run, pause: Duration) -> Outcome {
    let n = run.n;
    let took = with_event(n, pause, |event| match run.peer {
        Peer::Wakeful => on::wakeful(event.wait(n)),
        Peer::Tokio => on::tokio(event.wait(n)),
        Peer::TokioLocal => on::tokio_local(event.wait(n)),
        Peer::Smol => on::smol(|_| event.wait(n)),
        Peer::SmolStatic => on::smol_static(|_| event.wait(n)),
        Peer::Monoio => on::monoio(event.wait(n)),
        Peer::Compio => on::compio(event.wait(n)),
        _ => unreachable!("this case does not have the peer"),
    });
    Outcome::time(took, n)
}

/// Waits for the event in one task, while another one yields until that has received all events.
macro_rules! busily {
    (
        $event:expr, $n:expr, |$future:ident| $spawn:expr, |$task:ident| $join:expr, $yield_now:expr
    ) => {{
        let (event, n) = ($event, $n);
        async move {
            let over = Arc::new(AtomicBool::new(false));
            let until = over.clone();
            let $future = async move {
                while !until.load(Ordering::Relaxed) {
                    $yield_now.await;
                }
            };
            let $task = $spawn;
            event.wait(n).await;
            over.store(true, Ordering::Relaxed);
            $join;
        }
    }};
}

fn wake_awake(run: &Run) -> Outcome {
    let n = run.n;
    if run.peer == Peer::Monoio {
        return Outcome::not_available(
            "wakes of other threads are not processed while a task is runnable",
        );
    }
    let took = with_event(n, Duration::ZERO, |event| match run.peer {
        Peer::Wakeful => on::wakeful(busily!(
            event,
            n,
            |f| wakeful::spawn(f),
            |t| t.await.unwrap(),
            wakeful::task::yield_now()
        )),
        Peer::Tokio => on::tokio(busily!(
            event,
            n,
            |f| tokio::spawn(f),
            |t| t.await.unwrap(),
            tokio::task::yield_now()
        )),
        Peer::TokioLocal => on::tokio_local(busily!(
            event,
            n,
            |f| tokio::task::spawn_local(f),
            |t| t.await.unwrap(),
            tokio::task::yield_now()
        )),
        Peer::Smol => on::smol(|ex| {
            busily!(
                event,
                n,
                |f| ex.spawn(f),
                |t| t.await,
                smol::future::yield_now()
            )
        }),
        Peer::SmolStatic => on::smol_static(|ex| {
            busily!(
                event,
                n,
                |f| ex.spawn(f),
                |t| t.await,
                smol::future::yield_now()
            )
        }),
        Peer::Compio => on::compio(busily!(
            event,
            n,
            |f| compio::runtime::spawn(f),
            |t| t.await.unwrap(),
            smol::future::yield_now()
        )),
        _ => unreachable!("this case does not have the peer"),
    });
    Outcome::time(took, n)
}

type Numbers = (async_channel::Sender<u64>, async_channel::Receiver<u64>);

async fn ask(n: u64, (ask, answers): Numbers) -> Took {
    let watch = Watch::start();
    for n in 0..n {
        ask.send(n).await.unwrap();
        assert_eq!(answers.recv().await.unwrap(), n);
    }
    watch.stop()
}

async fn answer((answer, asked): Numbers) {
    while let Ok(n) = asked.recv().await {
        answer.send(n).await.unwrap();
    }
}

/// Runs two threads, each with a runtime of the peer, pinned to a core.
fn two_threads(
    n: u64,
    here: impl FnOnce(u64, Numbers) -> Took,
    there: impl FnOnce(Numbers) + Send + 'static,
) -> Took {
    let (ask, asked) = async_channel::bounded(1);
    let (answer, answers) = async_channel::bounded(1);
    let other = thread::spawn(move || {
        pin(1);
        there((answer, asked));
    });
    pin(0);
    let took = here(n, (ask, answers));
    other.join().unwrap();
    took
}

fn round_trip(run: &Run) -> Outcome {
    let n = run.n;
    let took = match run.peer {
        Peer::Wakeful => two_threads(
            n,
            |n, numbers| on::wakeful(ask(n, numbers)),
            |numbers| on::wakeful(answer(numbers)),
        ),
        Peer::Tokio => two_threads(
            n,
            |n, numbers| on::tokio(ask(n, numbers)),
            |numbers| on::tokio(answer(numbers)),
        ),
        Peer::TokioLocal => two_threads(
            n,
            |n, numbers| on::tokio_local(ask(n, numbers)),
            |numbers| on::tokio_local(answer(numbers)),
        ),
        Peer::Smol => two_threads(
            n,
            |n, numbers| on::smol(|_| ask(n, numbers)),
            |numbers| on::smol(|_| answer(numbers)),
        ),
        Peer::SmolStatic => two_threads(
            n,
            |n, numbers| on::smol_static(|_| ask(n, numbers)),
            |numbers| on::smol_static(|_| answer(numbers)),
        ),
        Peer::Monoio => two_threads(
            n,
            |n, numbers| on::monoio(ask(n, numbers)),
            |numbers| on::monoio(answer(numbers)),
        ),
        Peer::Compio => two_threads(
            n,
            |n, numbers| on::compio(ask(n, numbers)),
            |numbers| on::compio(answer(numbers)),
        ),
        _ => return Outcome::no_runtime(),
    };
    Outcome::time(took, n)
}

fn round_trip_spinning(run: &Run) -> Outcome {
    if run.peer != Peer::Wakeful {
        return round_trip(run);
    }
    let took = two_threads(
        run.n,
        |n, numbers| on::wakeful_spinning(ask(n, numbers)),
        |numbers| on::wakeful_spinning(answer(numbers)),
    );
    Outcome::time(took, run.n)
}

const BATCH: u64 = 100;

/// Spawns batches of tasks, each of which increments a counter, and waits until each batch has run.
macro_rules! batches {
    ($batches:expr, |$future:ident| $spawn:expr) => {{
        pin(1);
        let ran = Arc::new(AtomicU64::new(0));
        let watch = Watch::start();
        for batch in 1..=$batches {
            for _ in 0..BATCH {
                let ran = ran.clone();
                let $future = async move {
                    ran.fetch_add(1, Ordering::Release);
                };
                drop($spawn);
            }
            while ran.load(Ordering::Acquire) != batch * BATCH {
                spin_loop();
            }
        }
        watch.stop()
    }};
}

/// Spawns the batches through `$handle` on a new thread, and awaits the result in the runtime.
macro_rules! from_a_thread {
    ($batches:expr, $current:expr, |$handle:ident, $future:ident| $spawn:expr) => {{
        let batches = $batches;
        async move {
            let $handle = $current;
            let (send, took) = async_channel::bounded(1);
            thread::spawn(move || {
                let took = batches!(batches, |$future| $spawn);
                send.send_blocking(took).unwrap();
            });
            took.recv().await.unwrap()
        }
    }};
}

fn spawn(run: &Run) -> Outcome {
    let batches = run.n.div_ceil(BATCH);
    pin(0);
    let took = match run.peer {
        Peer::Wakeful => on::wakeful(from_a_thread!(
            batches,
            wakeful::Handle::current(),
            |handle, f| handle.spawn_with(move || f)
        )),
        Peer::Tokio => on::tokio(from_a_thread!(
            batches,
            tokio::runtime::Handle::current(),
            |handle, f| handle.spawn(f)
        )),
        Peer::TokioLocal => on::tokio_local(from_a_thread!(
            batches,
            tokio::runtime::Handle::current(),
            |handle, f| handle.spawn(f)
        )),
        Peer::Smol | Peer::SmolStatic => {
            return Outcome::not_available("a LocalExecutor is not Send, and has no handle");
        }
        Peer::Monoio => return Outcome::not_available("only the runtime's own thread can spawn"),
        // The runtime is the dispatcher's only worker.
        Peer::Compio => {
            let dispatcher = compio::dispatcher::Dispatcher::builder()
                .worker_threads(NonZeroUsize::MIN)
                .build()
                .unwrap();
            batches!(batches, |f| dispatcher.dispatch(move || f).unwrap())
        }
        _ => return Outcome::no_runtime(),
    };
    Outcome::time(took, batches * BATCH)
}
