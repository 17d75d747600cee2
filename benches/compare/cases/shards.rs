//! Two cores: Wakeful's shards compared with tokio's multi-threaded runtime, each with two threads,
//! pinned to a core each. Messages between threads are also compared with two single-threaded
//! runtimes of tokio, since the multi-threaded runtime moves tasks that exchange messages to one
//! thread, and then no message goes from one thread to another.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use wakeful::Shards;
use wakeful::shard::{Mesh, Shard, ShardsBuilder};
use wakeful::task::JoinSet;

use crate::case::{Aim, Case, Metric, Outcome, Peer, Run, Took, Watch, ahead, of_tokio};
use crate::child::pin;

const PEERS: &[Peer] = &[Peer::Wakeful, Peer::Tokio];

const PEERS_ACROSS: &[Peer] = &[Peer::Wakeful, Peer::Tokio, Peer::TokioLocal];

const NOTES: &[(Peer, &str)] = &[
    (
        Peer::Wakeful,
        "two shards, pinned: wakeful::Shards, not one loop",
    ),
    (
        Peer::Tokio,
        "the multi-threaded runtime with two workers, pinned, not current_thread; tasks that talk to \
         each other may do so on one of them",
    ),
    (
        Peer::TokioLocal,
        "two current_thread runtimes, each on a thread of its own, pinned",
    ),
];

/// The unit of the time on two cores divided by that on one.
const OF_ONE: &str = "of the time on one core";

/// Spinning of a shard before it sleeps.
#[derive(Clone, Copy)]
enum Before {
    /// It spins for replies, which is the default.
    LookOut,
    /// It spins before each sleep.
    Spin,
    Nothing,
}

fn builder(shards: usize, before: Before) -> ShardsBuilder {
    let builder = Shards::builder().shards(shards).pin(true);
    match before {
        Before::LookOut => builder,
        Before::Spin => builder.configure(|runtime| runtime.spin(Duration::from_micros(50))),
        Before::Nothing => builder.reply_spin(Duration::ZERO),
    }
}

const fn case(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: PEERS,
        notes: NOTES,
        // Both pin their threads themselves.
        pinned: false,
        ..Case::new(name, "Two cores", about, run)
    }
}

/// Returns a case in which messages go from one thread to the other.
const fn across(name: &'static str, about: &'static str, run: fn(&Run) -> Outcome) -> Case {
    Case {
        peers: PEERS_ACROSS,
        ..case(name, about, run)
    }
}

pub const CASES: &[Case] = &[
    Case {
        aims: &[Aim::Absolute {
            metric: OF_ONE,
            at_most: 1.0 / 1.9,
        }],
        ..case(
            "shards/cpu",
            "tasks that each compute for some 10 us, on two cores against the same on one",
            cpu,
        )
    },
    Case {
        aims: &[of_tokio(1.0 / 1.3), ahead(1.0 / 1.3, Peer::TokioLocal)],
        ..across(
            "shards/request",
            "a request to the other thread and its answer, 64 at a time each way: Shard::call; mpsc and \
             oneshot",
            |run| requests(run, 64, Before::LookOut, 0),
        )
    },
    across(
        "shards/request-spin",
        "the same with Builder::spin of 50 us",
        |run| requests(run, 64, Before::Spin, 0),
    ),
    Case {
        aims: &[ahead(1.0 / 1.3, Peer::TokioLocal)],
        ..across(
            "shards/request-asleep",
            "the same with a reply_spin of zero: a shard that waits for the other sleeps at once",
            |run| requests(run, 64, Before::Nothing, 0),
        )
    },
    across(
        "shards/request-one",
        "one at a time in one direction",
        |run| requests(run, 1, Before::LookOut, 0),
    ),
    across(
        "shards/request-one-asleep",
        "one at a time in one direction, with a reply_spin of zero",
        |run| requests(run, 1, Before::Nothing, 0),
    ),
    across(
        "shards/request-work",
        "64 at a time each way, with some 1 us of arithmetic on the asker's side and as much on the \
         other",
        |run| requests(run, 64, Before::LookOut, WORK),
    ),
    across(
        "shards/message",
        "a number to the other thread, both ways, capacity 128: Mesh with Builder::spin; mpsc",
        messages,
    ),
];

/// Runs `body` as a service of each shard, and waits for the end of all of them.
fn on_shards<F: Future<Output = ()> + 'static>(
    builder: ShardsBuilder,
    service: impl Fn(Shard) -> F + Send + Sync + 'static,
) -> Took {
    let shards = builder.build().unwrap();
    let (tell, told) = mpsc::channel();
    let watch = Watch::start();
    shards.on_each(move |shard| {
        let (run, tell) = (service(shard), tell.clone());
        async move {
            run.await;
            tell.send(()).unwrap();
        }
    });
    for _ in 0..shards.count() {
        told.recv().unwrap();
    }
    let took = watch.stop();
    shards.join().unwrap();
    took
}

fn on_tokio<F: Future<Output = ()> + Send + 'static>(workers: usize, body: F) -> Took {
    let next = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .on_thread_start(move || pin(next.fetch_add(1, Ordering::Relaxed) % 2))
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // The measurement runs on a worker, too.
        let watch = Watch::start();
        tokio::spawn(body).await.unwrap();
        watch.stop()
    })
}

/// Runs two threads, each with a runtime that runs the future that `body` returns for its number.
fn on_two_tokios<F: Future<Output = ()>>(body: impl Fn(usize) -> F + Sync) -> Took {
    let ready = Barrier::new(2);
    let on_thread = |index: usize| {
        pin(index);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        ready.wait();
        let watch = Watch::start();
        local.block_on(&runtime, body(index));
        watch.stop()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| on_thread(1));
        let here = on_thread(0);
        let there = other.join().unwrap();
        if there.time > here.time { there } else { here }
    })
}

/// The number of tasks that are alive at a time, on all threads.
const TASKS: u64 = 64;

/// The number of rounds of [`compute`] that take about 10 us.
const TASK: u64 = 5_000;

/// The number of rounds that take about 1 us.
const WORK: u64 = 500;

/// Runs arithmetic in which each step depends on the one before.
fn compute(seed: u64, rounds: u64) -> u64 {
    (0..rounds).fold(seed, |x, n| {
        black_box(
            x.wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(n | 1),
        )
    })
}

fn cpu(run: &Run) -> Outcome {
    let tasks = run.n.max(TASKS);
    let on = |threads: usize| match run.peer {
        Peer::Wakeful => cpu_on_shards(tasks, threads),
        _ => cpu_on_tokio(tasks, threads),
    };
    let [one, two] = [on(1), on(2)].map(|took| took.time.as_secs_f64());
    let each = two * 1e9 / tasks as f64;
    Outcome::Measured(vec![
        Metric::new(OF_ONE, "", two / one),
        Metric::new("time", "ns", each).aside(),
    ])
}

fn cpu_on_shards(tasks: u64, shards: usize) -> Took {
    let each = tasks / shards as u64;
    on_shards(builder(shards, Before::Nothing), move |_| async move {
        let mut set = JoinSet::new();
        for n in 0..each {
            set.spawn(async move { black_box(compute(n, TASK)) });
            if n >= TASKS {
                set.join_next().await;
            }
        }
        while set.join_next().await.is_some() {}
    })
}

fn cpu_on_tokio(tasks: u64, workers: usize) -> Took {
    let each = tasks / workers as u64;
    on_tokio(workers, async move {
        let services = (0..workers).map(|_| {
            tokio::spawn(async move {
                let mut set = tokio::task::JoinSet::new();
                for n in 0..each {
                    set.spawn(async move { black_box(compute(n, TASK)) });
                    if n >= TASKS {
                        set.join_next().await;
                    }
                }
                while set.join_next().await.is_some() {}
            })
        });
        for service in services.collect::<Vec<_>>() {
            service.await.unwrap();
        }
    })
}

/// Runs `askers` tasks on each side, each with one request open; if there is only one, it runs on
/// one side. The sender and the receiver of a request each do `work` for it.
fn requests(run: &Run, askers: u64, before: Before, work: u64) -> Outcome {
    let sides = if askers == 1 { 1 } else { 2 };
    let each = run.n.div_ceil(askers * sides);
    let took = match run.peer {
        Peer::Wakeful => requests_on_shards(sides, askers, each, before, work),
        Peer::TokioLocal => requests_on_two_tokios(sides, askers, each, work),
        _ => requests_on_tokio(sides, askers, each, work),
    };
    Outcome::time(took, each * askers * sides)
}

fn answer(k: u64, work: u64) -> u64 {
    compute(k, work);
    k + 1
}

fn requests_on_shards(sides: u64, askers: u64, each: u64, before: Before, work: u64) -> Took {
    on_shards(builder(2, before), move |shard| async move {
        let mut set = JoinSet::new();
        let other = 1 - shard.id().index();
        for _ in 0..askers {
            if other as u64 + sides < 2 {
                break;
            }
            let shard = shard.clone();
            set.spawn(async move {
                for k in 0..each {
                    compute(k, work);
                    let answer = shard.call(other, move || async move { answer(k, work) });
                    assert_eq!(answer.await.unwrap(), k + 1);
                }
            });
        }
        while let Some(asker) = set.join_next().await {
            asker.unwrap();
        }
    })
}

/// A number, and the channel for the answer.
type TokioAsk = (u64, tokio::sync::oneshot::Sender<u64>);

async fn tokio_answers(mut asked: tokio::sync::mpsc::Receiver<TokioAsk>, work: u64) {
    while let Some((k, reply)) = asked.recv().await {
        reply.send(answer(k, work)).unwrap();
    }
}

async fn tokio_asks(ask: tokio::sync::mpsc::Sender<TokioAsk>, each: u64, work: u64) {
    for k in 0..each {
        compute(k, work);
        let (reply, answer) = tokio::sync::oneshot::channel();
        ask.send((k, reply)).await.unwrap();
        assert_eq!(answer.await.unwrap(), k + 1);
    }
}

fn requests_on_tokio(sides: u64, askers: u64, each: u64, work: u64) -> Took {
    on_tokio(2, async move {
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..sides {
            let (ask, asked) = tokio::sync::mpsc::channel(128);
            tokio::spawn(tokio_answers(asked, work));
            for _ in 0..askers {
                set.spawn(tokio_asks(ask.clone(), each, work));
            }
        }
        while let Some(asker) = set.join_next().await {
            asker.unwrap();
        }
    })
}

fn requests_on_two_tokios(sides: u64, askers: u64, each: u64, work: u64) -> Took {
    let [(ask_0, asked_0), (ask_1, asked_1)] = [(); 2].map(|()| tokio::sync::mpsc::channel(128));
    // A thread sends the requests that the other one answers.
    let ends = [(ask_1, asked_0), (ask_0, asked_1)].map(|ends| Mutex::new(Some(ends)));
    on_two_tokios(async |index| {
        let (ask, asked) = ends[index].lock().unwrap().take().unwrap();
        let answers = tokio::task::spawn_local(tokio_answers(asked, work));
        let mut set = tokio::task::JoinSet::new();
        let asking = index == 0 || sides == 2;
        for _ in 0..if asking { askers } else { 0 } {
            set.spawn_local(tokio_asks(ask.clone(), each, work));
        }
        drop(ask);
        while let Some(asker) = set.join_next().await {
            asker.unwrap();
        }
        answers.await.unwrap();
    })
}

fn messages(run: &Run) -> Outcome {
    let each = run.n.div_ceil(2);
    let took = match run.peer {
        Peer::Wakeful => messages_on_shards(each),
        Peer::TokioLocal => messages_on_two_tokios(each),
        _ => messages_on_tokio(each),
    };
    Outcome::time(took, 2 * each)
}

fn messages_on_shards(each: u64) -> Took {
    let mesh = Mesh::new(2, 128);
    // The sender of a message expects no reply, so the shard spins before each sleep.
    on_shards(builder(2, Before::Spin), move |shard| {
        let mesh = mesh.clone();
        async move {
            let (sender, mut receiver) = mesh.join(&shard);
            let other = 1 - shard.id().index();
            let sending = wakeful::spawn(async move {
                for k in 0..each {
                    sender.send(other, k).await.unwrap();
                }
            });
            let (mut sum, mut count, mut batch) = (0, 0, Vec::with_capacity(128));
            while count < each {
                receiver.recv_many(&mut batch, 128).await;
                count += batch.len() as u64;
                sum += batch.drain(..).map(|(_, k)| k).sum::<u64>();
            }
            assert_eq!(sum, each * each.saturating_sub(1) / 2);
            sending.await.unwrap();
        }
    })
}

async fn tokio_sends(sender: tokio::sync::mpsc::Sender<u64>, each: u64) {
    for k in 0..each {
        sender.send(k).await.unwrap();
    }
}

async fn tokio_takes(mut receiver: tokio::sync::mpsc::Receiver<u64>, each: u64) {
    let (mut sum, mut count, mut batch) = (0, 0, Vec::with_capacity(128));
    while count < each {
        receiver.recv_many(&mut batch, 128).await;
        count += batch.len() as u64;
        sum += batch.drain(..).sum::<u64>();
    }
    assert_eq!(sum, each * each.saturating_sub(1) / 2);
}

fn messages_on_tokio(each: u64) -> Took {
    on_tokio(2, async move {
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (sender, receiver) = tokio::sync::mpsc::channel(128);
            set.spawn(tokio_sends(sender, each));
            set.spawn(tokio_takes(receiver, each));
        }
        while let Some(task) = set.join_next().await {
            task.unwrap();
        }
    })
}

fn messages_on_two_tokios(each: u64) -> Took {
    let [(to_0, from_1), (to_1, from_0)] = [(); 2].map(|()| tokio::sync::mpsc::channel(128));
    let ends = [(to_1, from_1), (to_0, from_0)].map(|ends| Mutex::new(Some(ends)));
    on_two_tokios(async |index| {
        let (sender, receiver) = ends[index].lock().unwrap().take().unwrap();
        let sending = tokio::task::spawn_local(tokio_sends(sender, each));
        tokio_takes(receiver, each).await;
        sending.await.unwrap();
    })
}
