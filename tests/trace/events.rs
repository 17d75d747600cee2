//! Each kind of event, with its origin and its effect.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::Duration;

use wakeful::reactor::Async;
use wakeful::spawn_blocking;
use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::trace::{Effect, End, Ended, Kind, Level, Origin};

use super::{all, backends, named, record, record_on, task};
use crate::support::yield_until;

/// Returns the wakes of a task: origin, effect, by reference.
fn wakes(snapshot: &wakeful::trace::Snapshot, woken: usize) -> Vec<(Origin, Effect, bool)> {
    let wakes = all(snapshot, |kind| match *kind {
        Kind::Wake {
            task,
            origin,
            effect,
            by_ref,
            ..
        } if task == woken => Some((origin, effect, by_ref)),
        _ => None,
    });
    wakes.into_iter().map(|(_, wake)| wake).collect()
}

#[test]
fn a_descriptor_wakes_the_task_that_reads() {
    for backend in backends() {
        let (here, mut there) = UnixStream::pair().unwrap();
        let fd = here.as_raw_fd();
        let snapshot = record_on(backend, Level::Wakes, async move {
            let reader = named("reader", async move {
                let here = Async::new(here).unwrap();
                let read = here.read_with(|mut here| here.read(&mut [0; 8])).await;
                assert_eq!(read.unwrap(), 5);
            });
            // The first write edge comes; then the reader waits until the end.
            yield_now().await;
            yield_now().await;
            there.write_all(b"hello").unwrap();
            reader.await.unwrap();
        });
        let registered = all(&snapshot, |kind| match *kind {
            Kind::Register { source, fd } => Some((source, fd)),
            _ => None,
        });
        let (source, registered_fd) = registered[0].1;
        assert_eq!(registered_fd, fd);
        let reader = task(&snapshot, "reader");
        assert_eq!(
            wakes(&snapshot, reader),
            [(Origin::Source(source), Effect::Queued, false)],
            "{snapshot:#}"
        );
        let ready = all(&snapshot, |kind| match *kind {
            Kind::Ready {
                source,
                fd,
                readiness,
                woken,
                dur,
            } if woken > 0 => Some((source, fd, readiness.is_readable(), woken, dur)),
            _ => None,
        });
        let [(event, (key, of_fd, readable, 1, dur))] = ready[..] else {
            panic!("{snapshot:#}");
        };
        assert_eq!((key, of_fd, readable), (source, fd, true));
        let wake = all(&snapshot, |kind| match *kind {
            Kind::Wake {
                origin: Origin::Source(_),
                ..
            } => Some(()),
            _ => None,
        });
        let at = wake[0].0.ts;
        assert!(
            event.ts <= at && at <= event.ts + dur,
            "the wake lies in the slice"
        );
        let polled_because = all(&snapshot, |kind| match *kind {
            Kind::Poll { cause, .. } => (cause == Some(wake[0].0.seq)).then_some(()),
            _ => None,
        });
        assert_eq!(polled_because.len(), 1, "{snapshot:#}");
        let gone = |kind: &Kind| matches!(kind, Kind::Deregister { .. }).then_some(());
        assert_eq!(all(&snapshot, gone).len(), 1);
        let waits = all(&snapshot, |kind| match *kind {
            Kind::Wait {
                ended: Ended::Io,
                events,
                ..
            } => Some(events),
            _ => None,
        });
        assert!(waits.iter().any(|(_, events)| *events >= 1), "{snapshot:#}");
    }
}

#[test]
fn a_timer_is_armed_and_fires_or_is_cancelled() {
    let milli = 1_000_000;
    let timeout = |kind: &Kind| match *kind {
        Kind::Wait {
            ended: Ended::Timer,
            timeout,
            ..
        } => timeout,
        _ => None,
    };
    for backend in backends() {
        let snapshot = record_on(backend, Level::Wakes, async {
            // A poll may take so long that the timer is due before the loop can wait.
            for _ in 0..1000 {
                sleep(Duration::from_millis(1)).await;
                if !all(&wakeful::trace::snapshot(), timeout).is_empty() {
                    break;
                }
            }
            let mut never = Box::pin(sleep(Duration::from_secs(3600)));
            poll_fn(|cx| Poll::Ready(never.as_mut().poll(cx).is_pending())).await;
        });
        let main = task(&snapshot, "main");
        let armed = all(&snapshot, |kind| match *kind {
            Kind::TimerArm {
                timer,
                deadline,
                task,
            } => Some((timer, deadline, task)),
            _ => None,
        });
        let [sleeps @ .., (_, (never, ..))] = &armed[..] else {
            panic!("{snapshot:#}");
        };
        let fired = all(&snapshot, |kind| match *kind {
            Kind::TimerFire { timer, late, .. } => Some((timer, late)),
            _ => None,
        });
        assert_eq!(fired.len(), sleeps.len(), "{snapshot:#}");
        // The two clocks are compared to about a microsecond.
        let slack = milli / 10;
        for ((arm, (timer, deadline, by)), (fire, (first, late))) in sleeps.iter().zip(&fired) {
            assert_eq!(*by, Some(main));
            assert!(*deadline < arm.ts + milli + slack, "{snapshot:#}");
            assert_eq!(timer, first);
            // It fires at the clock's last reading.
            assert!(fire.ts + slack >= deadline + late, "{snapshot:#}");
        }
        let woken_by: Vec<_> = sleeps
            .iter()
            .map(|&(_, (timer, ..))| (Origin::Timer(timer), Effect::Queued, false))
            .collect();
        assert_eq!(wakes(&snapshot, main), woken_by);
        let cancelled = all(&snapshot, |kind| match *kind {
            Kind::TimerCancel { timer } => Some(timer),
            _ => None,
        });
        assert_eq!(cancelled[0].1, *never);
        let timeouts = all(&snapshot, timeout);
        assert!(
            timeouts.iter().any(|(_, timeout)| *timeout <= milli),
            "{snapshot:#}"
        );
    }
}

#[test]
fn a_blocking_closure_wakes_from_its_thread() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (go, begin) = mpsc::channel();
        let job = spawn_blocking(move || begin.recv().unwrap());
        // Now a task waits for it.
        yield_now().await;
        yield_now().await;
        go.send(()).unwrap();
        job.await.unwrap();
        assert!(spawn_blocking(|| panic!("on purpose")).await.is_err());
        // The result arrives before the thread of the closure has recorded its end.
        let ended = |kind: &Kind| matches!(kind, Kind::Blocking { .. }).then_some(());
        yield_until(|| all(&wakeful::trace::snapshot(), ended).len() == 2).await;
    });
    let snapshot = runtime.enter(wakeful::trace::snapshot);
    let jobs = all(&snapshot, |kind| match *kind {
        Kind::Submit { job, .. } => Some(job),
        _ => None,
    });
    let jobs: Vec<u64> = jobs.into_iter().map(|(_, job)| job).collect();
    let ran = all(&snapshot, |kind| match *kind {
        Kind::Blocking {
            job,
            outcome,
            thread,
            ..
        } => Some((job, outcome, thread)),
        _ => None,
    });
    let ran: Vec<_> = ran.into_iter().map(|(_, ran)| ran).collect();
    assert_eq!(ran, [(jobs[0], End::Ready, 1), (jobs[1], End::Panicked, 1)]);
    assert!(snapshot.threads()[1].starts_with("wakeful-blocking"));
    let sent = all(&snapshot, |kind| match *kind {
        Kind::Wake {
            origin: Origin::Blocking(job),
            effect: Effect::Sent,
            thread,
            ..
        } => Some((job, thread)),
        _ => None,
    });
    // The second output may arrive before a task waits for it. Then no task is woken.
    assert!(!sent.is_empty(), "{snapshot:#}");
    for (wake, (job, thread)) in &sent {
        assert!(jobs.contains(job) && *thread == 1);
        let received = all(&snapshot, |kind| match *kind {
            Kind::Received { sent, effect, .. } if sent == Some(wake.seq) => Some(effect),
            _ => None,
        });
        assert_eq!(received.len(), 1, "{snapshot:#}");
        assert_eq!(received[0].1, Effect::Queued);
        assert!(received[0].0.ts >= wake.ts);
        let caused = all(&snapshot, |kind| match *kind {
            Kind::Poll { cause, .. } => (cause == Some(wake.seq)).then_some(()),
            _ => None,
        });
        assert_eq!(caused.len(), 1, "{snapshot:#}");
    }
}

#[test]
fn wakes_have_their_effects() {
    let snapshot = record(Level::Wakes, async {
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let store = kept.clone();
        let sleeper = named("sleeper", async move {
            yield_now().await;
            poll_fn(|cx| match store.replace(Some(cx.waker().clone())) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            })
            .await;
        });
        yield_now().await;
        yield_now().await;
        // Woken in its own poll, it was polled again; now it waits.
        let waker = kept.borrow().clone().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        sleeper.await.unwrap();
        waker.wake();
    });
    let sleeper = task(&snapshot, "sleeper");
    let main = Origin::Task(task(&snapshot, "main"));
    assert_eq!(
        wakes(&snapshot, sleeper),
        [
            (Origin::Task(sleeper), Effect::DuringPoll, true),
            (main, Effect::Queued, true),
            (main, Effect::Coalesced, true),
            (main, Effect::AfterDone, false),
        ],
        "{snapshot:#}"
    );
}

#[test]
fn a_wake_outside_of_the_loop_has_that_origin() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .build()
        .unwrap();
    let waker = runtime.block_on(crate::support::my_waker());
    waker.wake();
    let snapshot = runtime.enter(wakeful::trace::snapshot);
    let main = task(&snapshot, "main");
    assert_eq!(
        wakes(&snapshot, main),
        [(Origin::Outside, Effect::Queued, false)]
    );
}

#[test]
fn tasks_have_their_parent_size_place_and_end() {
    let snapshot = record(Level::Polls, async {
        named("outer", async {
            let big = [1_u8; 500];
            let inner = named("inner", async move {
                yield_now().await;
                std::hint::black_box(&big);
            });
            drop(named("stays", pending::<()>()));
            inner.await.unwrap();
        })
        .await
        .unwrap();
        assert!(
            named("fails", async { panic!("on purpose") })
                .await
                .is_err()
        );
    });
    let tasks = snapshot.tasks();
    let (outer, inner) = (
        &tasks[task(&snapshot, "outer")],
        &tasks[task(&snapshot, "inner")],
    );
    assert_eq!(inner.parent.as_ref(), Some(&outer.id));
    assert!(inner.size >= 500, "{inner:?}");
    assert!(inner.location.as_ref().unwrap().contains("trace.rs:"));
    assert!(!inner.alive && tasks[task(&snapshot, "stays")].alive);
    let ends = all(&snapshot, |kind| match *kind {
        Kind::Done {
            task,
            outcome,
            wakers,
        } => Some((task, outcome, wakers)),
        _ => None,
    });
    let ends: Vec<_> = ends
        .into_iter()
        .map(|(_, (task, outcome, wakers))| (tasks[task].label(), outcome, wakers))
        .collect();
    assert_eq!(
        ends,
        [
            ("inner", End::Ready, Some(0)),
            ("outer", End::Ready, Some(0)),
            ("fails", End::Panicked, Some(0)),
        ]
    );
}

#[test]
fn spans_have_a_length_and_the_task_that_began_them() {
    let snapshot = record(Level::Polls, async {
        let span = wakeful::trace::span("whole");
        named("other", yield_now()).await.unwrap();
        drop(span);
    });
    let spans = all(&snapshot, |kind| match *kind {
        Kind::Span { task, name, .. } => Some((task, name)),
        _ => None,
    });
    let [(span, (by, name))] = spans[..] else {
        panic!("{snapshot:#}");
    };
    assert_eq!((by, name), (Some(task(&snapshot, "main")), "whole"));
    let end = span.ts + span.dur().unwrap();
    let inside = all(&snapshot, |kind| {
        matches!(kind, Kind::Done { .. }).then_some(())
    });
    assert!(span.ts < inside[0].0.ts && inside[0].0.ts < end);
}

#[test]
fn deadlines_under_a_stopped_clock_are_as_far_away_as_for_the_program() {
    let second = 1_000_000_000;
    let snapshot = record(Level::Wakes, async {
        wakeful::time::pause();
        sleep(Duration::from_secs(3600)).await;
        sleep(Duration::from_secs(2)).await;
        wakeful::time::resume();
        let mut later = Box::pin(sleep(Duration::from_secs(5)));
        poll_fn(|cx| Poll::Ready(later.as_mut().poll(cx).is_pending())).await;
    });
    let due = all(&snapshot, |kind| match *kind {
        Kind::TimerArm { deadline, .. } => Some(deadline),
        _ => None,
    });
    // Whole seconds, as the recorder's clock and the loop's are read one after the other.
    let due: Vec<_> = due
        .iter()
        .map(|(event, deadline)| (deadline - event.ts + second / 2) / second)
        .collect();
    assert_eq!(due, [3600, 2, 5], "{snapshot:#}");
}
