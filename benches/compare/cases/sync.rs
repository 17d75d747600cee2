//! Channels, locks and events: those of a runtime in its own tasks, and those of other crates in
//! tasks of Wakeful, where the primitive is the only difference.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use event_listener::listener;

use crate::case::{Case, Iterations, Metric, Outcome, Peer, Run, Watch};
use crate::memory::in_use;
use crate::on;

const GROUP: &str = "Channels and locks";

const CRATES: &[(Peer, &str)] = &[
    (
        Peer::SmolStatic,
        "the types of async-channel, async-lock, async-broadcast and event-listener",
    ),
    (Peer::Monoio, "the types of local-sync"),
];

const fn case(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: Peer::SYNC,
        notes: CRATES,
        ..Case::new(name, GROUP, about, run)
    }
}

const fn bytes(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        iterations: Iterations::Fixed {
            quick: 10_000,
            full: 100_000,
        },
        ..case(name, about, run)
    }
}

pub const CASES: &[Case] = &[
    case(
        "sync/bounded-round-trip",
        "a number goes to another task and back, through two channels of capacity 1",
        round_trip,
    ),
    case(
        "sync/unbounded",
        "a task sends a number to itself through an unbounded channel, and receives it",
        unbounded,
    ),
    case(
        "sync/oneshot",
        "a oneshot channel is created, a number sent and received; smol's is of futures-channel",
        oneshot,
    ),
    case(
        "sync/mutex",
        "a free mutex is locked and unlocked",
        mutex_free,
    ),
    case(
        "sync/mutex-handover",
        "two tasks lock in turn and yield once while they hold the lock; one lock counts",
        mutex_handover,
    ),
    case(
        "sync/notify",
        "a task notifies another and is notified back; smol's is an event-listener on the stack",
        notify,
    ),
    case(
        "sync/semaphore",
        "a free permit is acquired and released",
        semaphore,
    ),
    case(
        "sync/watch",
        "a watch channel gets a new value, and its only receiver sees it",
        watch,
    ),
    case(
        "sync/broadcast",
        "a number is sent to the only receiver of a broadcast channel, which receives it",
        broadcast,
    ),
    bytes(
        "sync/bytes-lock",
        "memory of each of 100,000 waits for a mutex: the future in a box, and what it allocates",
        bytes_of_lock,
    ),
    bytes(
        "sync/bytes-acquire",
        "the same for a permit of a semaphore",
        bytes_of_acquire,
    ),
    bytes(
        "sync/bytes-notified",
        "the same for a notification",
        bytes_of_notified,
    ),
    bytes(
        "sync/bytes-send",
        "the same for space in a bounded channel, to send a number of 8 bytes",
        bytes_of_send,
    ),
];

const NONE: &str = "the crate has no such type";

/// Runs `$case` with the calls of the peer's crate, or returns that the crate has no such type. The
/// first argument of `$case` is how to spawn, to join and to yield.
macro_rules! each {
    (
        $run:expr, $case:ident,
        wakeful: $wakeful:tt,
        tokio: $tokio:tt,
        smol: $smol:tt,
        local_sync: $local_sync:tt,
        async_unsync: $async_unsync:tt $(,)?
    ) => {{
        let n = $run.n;
        match $run.peer {
            Peer::Wakeful => on_wakeful!($case, n, $wakeful),
            Peer::Tokio => on_tokio!($case, n, $tokio),
            Peer::SmolStatic => on_smol!($case, n, $smol),
            Peer::Monoio => on_monoio!($case, n, $local_sync),
            Peer::TokioSync => on_wakeful!($case, n, $tokio),
            Peer::AsyncLock => on_wakeful!($case, n, $smol),
            Peer::LocalSync => on_wakeful!($case, n, $local_sync),
            Peer::AsyncUnsync => on_wakeful!($case, n, $async_unsync),
            _ => unreachable!("these cases do not have the peer"),
        }
    }};
}

macro_rules! on_wakeful {
    ($case:ident, $n:ident, none) => {
        return Outcome::not_available(NONE)
    };
    ($case:ident, $n:ident, ($($calls:tt)*)) => {
        on::wakeful($case!(
            [|f| wakeful::spawn(f), |t| t.await.unwrap(), wakeful::task::yield_now()],
            $n, $($calls)*
        ))
    };
}

macro_rules! on_tokio {
    ($case:ident, $n:ident, none) => {
        return Outcome::not_available(NONE)
    };
    ($case:ident, $n:ident, ($($calls:tt)*)) => {
        on::tokio($case!(
            [|f| tokio::spawn(f), |t| t.await.unwrap(), tokio::task::yield_now()],
            $n, $($calls)*
        ))
    };
}

macro_rules! on_smol {
    ($case:ident, $n:ident, none) => {
        return Outcome::not_available(NONE)
    };
    ($case:ident, $n:ident, ($($calls:tt)*)) => {
        on::smol_static(|_ex| {
            $case!(
                [|f| _ex.spawn(f), |t| t.await, smol::future::yield_now()],
                $n, $($calls)*
            )
        })
    };
}

macro_rules! on_monoio {
    ($case:ident, $n:ident, none) => {
        return Outcome::not_available(NONE)
    };
    ($case:ident, $n:ident, ($($calls:tt)*)) => {
        on::monoio($case!(
            [|f| monoio::spawn(f), |t| t.await, smol::future::yield_now()],
            $n, $($calls)*
        ))
    };
}

macro_rules! round_trips {
    (
        [|$future:ident| $spawn:expr, |$task:ident| $join:expr, $yield:expr],
        $n:expr,
        $channel:expr,
        |$tx:ident, $value:ident| $send:expr,
        |$rx:ident| $recv:expr
    ) => {{
        let n = $n;
        async move {
            let (ask, asked) = $channel;
            let (answer, answers) = $channel;
            let $future = async move {
                // A receiver may need `&mut`, and in another crate it does not.
                #[allow(unused_mut)]
                let mut $rx = asked;
                let $tx = answer;
                for _ in 0..n {
                    let $value: u64 = $recv.unwrap();
                    $send.unwrap();
                }
            };
            let $task = $spawn;
            #[allow(unused_mut)]
            let mut $rx = answers;
            let $tx = ask;
            let watch = Watch::start();
            for $value in 0..n {
                $send.unwrap();
                assert_eq!($recv.unwrap(), $value);
            }
            let took = watch.stop();
            $join;
            took
        }
    }};
}

fn round_trip(run: &Run) -> Outcome {
    let took = each!(
        run, round_trips,
        wakeful: (wakeful::sync::mpsc::channel(1), |tx, v| tx.send(v).await, |rx| rx.recv().await),
        tokio: (tokio::sync::mpsc::channel(1), |tx, v| tx.send(v).await, |rx| rx.recv().await),
        smol: (async_channel::bounded(1), |tx, v| tx.send(v).await, |rx| rx.recv().await),
        local_sync: (
            local_sync::mpsc::bounded::channel(1),
            |tx, v| tx.send(v).await.ok(),
            |rx| rx.recv().await
        ),
        async_unsync: (
            async_unsync::bounded::channel(1).into_split(),
            |tx, v| tx.send(v).await,
            |rx| rx.recv().await
        ),
    );
    Outcome::cpu(took, run.n)
}

/// One task that creates `$of` once, and then does `$step` with it `$n` times.
macro_rules! steps {
    ($executor:tt, $n:expr, $of:expr, |$it:pat_param, $value:ident| $step:expr) => {{
        let n: u64 = $n;
        async move {
            #[allow(unused_mut)]
            let $it = $of;
            let watch = Watch::start();
            for $value in 0..n {
                black_box($step);
            }
            watch.stop()
        }
    }};
}

fn unbounded(run: &Run) -> Outcome {
    let took = each!(
        run, steps,
        wakeful: (wakeful::sync::mpsc::unbounded_channel(), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.recv().await.unwrap()
        }),
        tokio: (tokio::sync::mpsc::unbounded_channel(), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.recv().await.unwrap()
        }),
        smol: (async_channel::unbounded(), |(tx, rx), v| {
            tx.try_send(v).unwrap();
            rx.recv().await.unwrap()
        }),
        local_sync: (local_sync::mpsc::unbounded::channel(), |(tx, mut rx), v| {
            tx.send(v).ok().unwrap();
            rx.recv().await.unwrap()
        }),
        async_unsync: (async_unsync::unbounded::channel().into_split(), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.recv().await.unwrap()
        }),
    );
    Outcome::cpu(took, run.n)
}

fn oneshot(run: &Run) -> Outcome {
    let took = each!(
        run, steps,
        wakeful: ((), |_, v| {
            let (tx, rx) = wakeful::sync::oneshot::channel();
            tx.send(v).unwrap();
            rx.await.unwrap()
        }),
        tokio: ((), |_, v| {
            let (tx, rx) = tokio::sync::oneshot::channel();
            tx.send(v).unwrap();
            rx.await.unwrap()
        }),
        smol: ((), |_, v| {
            let (tx, rx) = futures_channel::oneshot::channel();
            tx.send(v).unwrap();
            rx.await.unwrap()
        }),
        local_sync: ((), |_, v| {
            let (tx, rx) = local_sync::oneshot::channel();
            tx.send(v).unwrap();
            rx.await.unwrap()
        }),
        async_unsync: ((), |_, v| {
            let (tx, rx) = async_unsync::oneshot::channel().into_split();
            tx.send(v).unwrap();
            rx.await.unwrap()
        }),
    );
    Outcome::cpu(took, run.n)
}

fn mutex_free(run: &Run) -> Outcome {
    let took = each!(
        run, steps,
        wakeful: (wakeful::sync::Mutex::new(0), |lock, v| *lock.lock().await = v),
        tokio: (tokio::sync::Mutex::new(0), |lock, v| *lock.lock().await = v),
        smol: (async_lock::Mutex::new(0), |lock, v| *lock.lock().await = v),
        local_sync: none,
        async_unsync: none,
    );
    Outcome::cpu(took, run.n)
}

macro_rules! handovers {
    (
        [|$future:ident| $spawn:expr, |$task:ident| $join:expr, $yield:expr],
        $n:expr,
        $lock:expr
    ) => {{
        let locks = $n.div_ceil(2);
        async move {
            let lock = $lock;
            let watch = Watch::start();
            let mut tasks = Vec::with_capacity(2);
            for _ in 0..2 {
                let lock = lock.clone();
                let $future = async move {
                    for _ in 0..locks {
                        let mut guard = lock.lock().await;
                        *guard += 1;
                        $yield.await;
                    }
                };
                tasks.push($spawn);
            }
            for $task in tasks {
                $join;
            }
            assert_eq!(*lock.lock().await, 2 * locks);
            watch.stop()
        }
    }};
}

fn mutex_handover(run: &Run) -> Outcome {
    if matches!(run.peer, Peer::SmolStatic | Peer::AsyncLock) {
        let why = "its mutex is not handed over: the task that unlocks it can lock it again first";
        return Outcome::not_available(why);
    }
    let took = each!(
        run, handovers,
        wakeful: (Rc::new(wakeful::sync::Mutex::new(0))),
        tokio: (Arc::new(tokio::sync::Mutex::new(0))),
        smol: none,
        local_sync: none,
        async_unsync: none,
    );
    Outcome::cpu(took, 2 * run.n.div_ceil(2))
}

/// `$wait` gets the event and a closure, which it calls as soon as its wait is registered, or would
/// see a notification.
macro_rules! notifications {
    (
        [|$future:ident| $spawn:expr, |$task:ident| $join:expr, $yield:expr],
        $n:expr,
        $events:expr,
        |$notified:ident| $notify:expr,
        |$event:ident, $then:ident| $wait:expr
    ) => {{
        let n = $n;
        async move {
            let events = $events;
            let shared = events.clone();
            let $future = async move {
                let ($event, $notified) = (&shared.0, &shared.1);
                // The first one starts the other task.
                for _ in 0..n {
                    let $then = || $notify;
                    $wait;
                }
                $notify;
            };
            let ($notified, $event) = (&events.0, &events.1);
            let mut task = None;
            #[allow(unused_mut)]
            let mut $then = || task = Some($spawn);
            $wait;
            let watch = Watch::start();
            for _ in 0..n {
                let $then = || $notify;
                $wait;
            }
            let took = watch.stop();
            let $task = task.expect("it was spawned");
            $join;
            took
        }
    }};
}

fn notify(run: &Run) -> Outcome {
    use event_listener::Event;
    let took = each!(
        run, notifications,
        wakeful: (
            Rc::<(wakeful::sync::Notify, wakeful::sync::Notify)>::default(),
            |its| its.notify_one(),
            |event, then| { then(); event.notified().await }
        ),
        tokio: (
            Arc::<(tokio::sync::Notify, tokio::sync::Notify)>::default(),
            |its| its.notify_one(),
            |event, then| { then(); event.notified().await }
        ),
        smol: (
            Rc::new((Event::new(), Event::new())),
            |its| { its.notify(1); },
            |event, then| { listener!(event => wait); then(); wait.await }
        ),
        local_sync: none,
        async_unsync: none,
    );
    Outcome::cpu(took, run.n)
}

fn semaphore(run: &Run) -> Outcome {
    let took = each!(
        run, steps,
        wakeful: (wakeful::sync::Semaphore::new(1), |it, _v| drop(it.acquire().await.unwrap())),
        tokio: (tokio::sync::Semaphore::new(1), |it, _v| drop(it.acquire().await.unwrap())),
        smol: (async_lock::Semaphore::new(1), |it, _v| drop(it.acquire().await)),
        local_sync: (
            local_sync::semaphore::Semaphore::new(1),
            |it, _v| drop(it.acquire().await.unwrap())
        ),
        async_unsync: (
            async_unsync::semaphore::Semaphore::new(1),
            |it, _v| drop(it.acquire().await.unwrap())
        ),
    );
    Outcome::cpu(took, run.n)
}

fn watch(run: &Run) -> Outcome {
    let took = each!(
        run, steps,
        wakeful: (wakeful::sync::watch::channel(0), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.changed().await.unwrap();
            *rx.borrow_and_update()
        }),
        tokio: (tokio::sync::watch::channel(0), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.changed().await.unwrap();
            *rx.borrow_and_update()
        }),
        smol: none,
        local_sync: none,
        async_unsync: none,
    );
    Outcome::cpu(took, run.n)
}

fn broadcast(run: &Run) -> Outcome {
    let took = each!(
        run, steps,
        wakeful: (wakeful::sync::broadcast::channel(16), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.recv().await.unwrap()
        }),
        tokio: (tokio::sync::broadcast::channel(16), |(tx, mut rx), v| {
            tx.send(v).unwrap();
            rx.recv().await.unwrap()
        }),
        smol: (async_broadcast::broadcast(16), |(tx, mut rx), v| {
            tx.try_broadcast(v).unwrap();
            rx.recv_direct().await.unwrap()
        }),
        local_sync: none,
        async_unsync: none,
    );
    Outcome::cpu(took, run.n)
}

/// Polls many futures `$wait` once, while `$hold` keeps them from getting what they wait for.
macro_rules! waits {
    ($executor:tt, $n:expr, $of:expr, |$it:ident| $hold:expr, $wait:expr) => {{
        let n = $n;
        async move {
            let $it = $of;
            let $it = &$it;
            let _held = $hold;
            let mut waits = Vec::with_capacity(n as usize);
            let before = in_use();
            poll_fn(|cx| {
                for _ in 0..n {
                    let mut wait = Box::pin($wait);
                    assert!(wait.as_mut().poll(cx).is_pending());
                    waits.push(wait);
                }
                Poll::Ready(())
            })
            .await;
            let grown = in_use() - before;
            drop(waits);
            grown as f64 / n as f64
        }
    }};
}

fn memory(each: f64) -> Outcome {
    Outcome::Measured(vec![Metric::new("memory", "bytes", each)])
}

fn bytes_of_lock(run: &Run) -> Outcome {
    memory(each!(
        run, waits,
        wakeful: (wakeful::sync::Mutex::new(0), |it| it.try_lock().unwrap(), it.lock()),
        tokio: (tokio::sync::Mutex::new(0), |it| it.try_lock().unwrap(), it.lock()),
        smol: (async_lock::Mutex::new(0), |it| it.try_lock().unwrap(), it.lock()),
        local_sync: none,
        async_unsync: none,
    ))
}

fn bytes_of_acquire(run: &Run) -> Outcome {
    memory(each!(
        run, waits,
        wakeful: (wakeful::sync::Semaphore::new(0), |it| (), it.acquire()),
        tokio: (tokio::sync::Semaphore::new(0), |it| (), it.acquire()),
        smol: (async_lock::Semaphore::new(0), |it| (), it.acquire()),
        local_sync: (local_sync::semaphore::Semaphore::new(0), |it| (), it.acquire()),
        async_unsync: (async_unsync::semaphore::Semaphore::new(0), |it| (), it.acquire()),
    ))
}

fn bytes_of_notified(run: &Run) -> Outcome {
    memory(each!(
        run, waits,
        wakeful: (wakeful::sync::Notify::new(), |it| (), it.notified()),
        tokio: (tokio::sync::Notify::new(), |it| (), it.notified()),
        smol: (event_listener::Event::new(), |it| (), async {
            listener!(it => wait);
            wait.await
        }),
        local_sync: none,
        async_unsync: none,
    ))
}

fn bytes_of_send(run: &Run) -> Outcome {
    memory(each!(
        run, waits,
        wakeful: (wakeful::sync::mpsc::channel(1), |it| it.0.try_send(0).unwrap(), it.0.send(1)),
        tokio: (tokio::sync::mpsc::channel(1), |it| it.0.try_send(0).unwrap(), it.0.send(1)),
        smol: (async_channel::bounded(1), |it| it.0.try_send(0).unwrap(), it.0.send(1)),
        local_sync: (
            local_sync::mpsc::bounded::channel(1),
            |it| it.0.send(0).await.ok().unwrap(),
            it.0.send(1)
        ),
        async_unsync: (
            async_unsync::bounded::channel(1).into_split(),
            |it| it.0.try_send(0).unwrap(),
            it.0.send(1)
        ),
    ))
}
