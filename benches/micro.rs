//! The costs of single operations, compared with tokio's current_thread runtime in the same run.
//!
//! `cargo bench -p wakeful-benches`; `-- NAME` selects cases. Every loop runs inside a spawned
//! task, on both runtimes, since tokio wakes its `block_on` future more slowly than its tasks.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::task::Poll;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

/// The same code for each runtime, with the runtime's crate and its `spawn` and `sleep`.
macro_rules! cases {
    ($name:ident, $run:expr, $spawn:path, $yield_now:path, $sleep:path) => {
        mod $name {
            use super::*;

            pub fn spawn_join(n: u64) -> Duration {
                $run(async move {
                    let begin = Instant::now();
                    for n in 0..n {
                        black_box($spawn(async move { n }).await.unwrap());
                    }
                    begin.elapsed()
                })
            }

            pub fn yields(n: u64) -> Duration {
                $run(async move {
                    let begin = Instant::now();
                    let tasks: Vec<_> = (0..100)
                        .map(|_| {
                            $spawn(async move {
                                for _ in 0..n.div_ceil(100) {
                                    $yield_now().await;
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                    begin.elapsed()
                })
            }

            pub fn round_trips(n: u64) -> Duration {
                $run(async move {
                    let (ask, asked) = async_channel::bounded(1);
                    let (answer, answers) = async_channel::bounded(1);
                    let echo = $spawn(async move {
                        while let Ok(n) = asked.recv().await {
                            answer.send(n).await.unwrap();
                        }
                    });
                    let begin = Instant::now();
                    for n in 0..n {
                        ask.send(n).await.unwrap();
                        assert_eq!(answers.recv().await.unwrap(), n);
                    }
                    let took = begin.elapsed();
                    drop(ask);
                    echo.await.unwrap();
                    took
                })
            }

            pub fn timers(n: u64) -> Duration {
                $run(async move {
                    let begin = Instant::now();
                    for n in 0..n {
                        let mut sleep = Box::pin($sleep(Duration::from_secs(60)));
                        poll_fn(|cx| {
                            assert!(sleep.as_mut().poll(cx).is_pending());
                            Poll::Ready(())
                        })
                        .await;
                        drop(sleep);
                        if n % 64 == 0 {
                            $yield_now().await;
                        }
                    }
                    begin.elapsed()
                })
            }
        }
    };
}

fn on_wakeful<F: Future<Output = Duration> + 'static>(future: F) -> Duration {
    wakeful::block_on(async { wakeful::spawn(future).await.unwrap() })
}

fn on_tokio<F: Future<Output = Duration> + Send + 'static>(future: F) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(future).await.unwrap() })
}

cases!(
    ours,
    on_wakeful,
    wakeful::spawn,
    wakeful::task::yield_now,
    wakeful::time::sleep
);
cases!(
    tokios,
    on_tokio,
    tokio::spawn,
    tokio::task::yield_now,
    tokio::time::sleep
);

/// A name, and the functions of the two runtimes.
type Case = (&'static str, fn(u64) -> Duration, fn(u64) -> Duration);

fn micro(c: &mut Criterion) {
    let cases: [Case; 4] = [
        ("spawn and join", ours::spawn_join, tokios::spawn_join),
        ("yield", ours::yields, tokios::yields),
        ("channel round trip", ours::round_trips, tokios::round_trips),
        ("timer arm and drop", ours::timers, tokios::timers),
    ];
    for (name, ours, tokios) in cases {
        let mut group = c.benchmark_group(name);
        group.bench_function("wakeful", |b| b.iter_custom(ours));
        group.bench_function("tokio", |b| b.iter_custom(tokios));
        group.finish();
    }
}

criterion_group!(benches, micro);
criterion_main!(benches);
