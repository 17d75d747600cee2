//! Timers and descriptors are resources, waits for them are async operations.

use std::future::pending;
use std::io::Write;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::task::yield_now;
use wakeful::time::{Instant, interval, sleep, sleep_until, timeout};

use crate::named;
use crate::net;
use crate::recorder::{Recorder, Span, Told, Value};

/// With the clock paused, so that waits take no time and end exactly at their deadline.
fn run_paused<F: Future>(future: F) -> (F::Output, Recorder) {
    let recorder = Recorder::new();
    let output = recorder.on(|| {
        let runtime = wakeful::Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(future)
    });
    recorder.check();
    (output, recorder)
}

#[track_caller]
fn only(mut spans: Vec<Span>) -> Span {
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.remove(0)
}

/// Checks that an operation is polled in its own span, that of its resource and that of the task.
#[track_caller]
fn nests(recorder: &Recorder, task: &Span, resource: &Span, op: &Span) {
    let poll = recorder.named("runtime.resource.async_op.poll");
    let poll = only(
        poll.into_iter()
            .filter(|span| span.parent == Some(op.id))
            .collect(),
    );
    let within = [task.id, resource.id, op.id, poll.id];
    let events = recorder.events("runtime::resource::poll_op");
    let mut own = events
        .iter()
        .filter(|event| event.within.contains(&op.id))
        .peekable();
    assert!(own.peek().is_some());
    for event in own {
        assert_eq!(event.within, within, "{event:?}");
    }
    assert_eq!(op.enters, recorder.poll_ops(op).len());
    assert_eq!(poll.enters, op.enters);
}

#[test]
fn a_sleep_is_a_timer_with_one_wait() {
    let (line, recorder) = run_paused(async {
        let line = line!() + 1;
        let future = sleep(Duration::from_millis(250));
        named("sleeper", future).await.unwrap();
        line
    });
    let timer = recorder.resource("Sleep");
    assert_eq!(timer.str("kind"), "timer");
    assert_eq!(timer.fields["is_internal"], Value::Bool(false));
    assert_eq!(timer.str("loc.file"), file!());
    assert_eq!(timer.u64("loc.line"), u64::from(line));
    assert_eq!(timer.parent, None);
    assert!(timer.is_closed());
    let duration = recorder.updates(&timer, "duration");
    assert_eq!(duration, [Value::U64(250_000)]);
    let unit = recorder.updates(&timer, "duration.unit");
    assert_eq!(unit, [Value::Str("us".to_owned())]);

    let op = only(recorder.ops(&timer));
    assert_eq!(op.str("source"), "Sleep::poll");
    assert_eq!(recorder.poll_ops(&op), [false, true]);
    assert!(op.is_closed());
    nests(&recorder, &recorder.task("sleeper"), &timer, &op);
}

#[test]
fn a_sleep_that_is_dropped_ends_its_wait() {
    let ((), recorder) = run_paused(async {
        let task = named("sleeper", sleep(Duration::from_secs(1)));
        yield_now().await;
        task.abort();
        task.await.unwrap_err();
    });
    let timer = recorder.resource("Sleep");
    let op = only(recorder.ops(&timer));
    assert_eq!(recorder.poll_ops(&op), [false]);
    assert!(op.is_closed() && timer.is_closed());
}

#[test]
fn a_sleep_whose_deadline_has_passed_is_a_timer_without_a_wait() {
    let ((), recorder) = run_paused(async { sleep_until(Instant::now()).await });
    let timer = recorder.resource("Sleep");
    assert_eq!(recorder.ops(&timer).len(), 0);
    assert!(timer.is_closed());
}

#[test]
fn a_reset_sleep_has_its_new_duration() {
    let ((), recorder) = run_paused(async {
        let mut sleep = Box::pin(sleep(Duration::from_millis(1)));
        let later = Instant::now() + Duration::from_millis(7);
        sleep.as_mut().reset(later);
        sleep.await;
    });
    let timer = recorder.resource("Sleep");
    let durations = recorder.updates(&timer, "duration");
    assert_eq!(durations, [Value::U64(1_000), Value::U64(7_000)]);
}

#[test]
fn each_tick_of_an_interval_is_a_wait() {
    let (line, recorder) = run_paused(async {
        let line = line!() + 1;
        let mut ticks = interval(Duration::from_millis(10));
        for _ in 0..3 {
            ticks.tick().await;
        }
        line
    });
    let timer = recorder.resource("Interval");
    assert_eq!(timer.str("kind"), "timer");
    assert_eq!(timer.str("loc.file"), file!());
    assert_eq!(timer.u64("loc.line"), u64::from(line));
    // The first tick is due at once.
    let ops = recorder.ops(&timer);
    assert_eq!(ops.len(), 2);
    for op in &ops {
        assert_eq!(op.str("source"), "Interval::poll_tick");
        assert_eq!(recorder.poll_ops(op), [false, true]);
        nests(&recorder, &recorder.task("main"), &timer, op);
    }
}

#[test]
fn a_timeout_is_a_timer() {
    let (line, recorder) = run_paused(async {
        let line = line!() + 1;
        let limit = timeout(Duration::from_millis(20), pending::<()>());
        named("limited", limit).await.unwrap().unwrap_err();
        line
    });
    let timer = recorder.resource("Timeout");
    assert_eq!(timer.u64("loc.line"), u64::from(line));
    let op = only(recorder.ops(&timer));
    assert_eq!(op.str("source"), "Timeout::poll");
    assert_eq!(recorder.poll_ops(&op), [false, true]);
    nests(&recorder, &recorder.task("limited"), &timer, &op);
}

#[test]
fn a_read_that_waits_is_an_operation_of_its_socket() {
    let ((), recorder) = Recorder::run(async {
        let (here, mut there) = net::tcp_and_std().await;
        let reader = named("reader", async move {
            let mut buf = [0; 8];
            let n = here.read(&mut buf).await.unwrap();
            buf[..n].to_vec()
        });
        yield_now().await;
        there.write_all(b"hello").unwrap();
        assert_eq!(reader.await.unwrap(), b"hello");
    });
    let reader = recorder.task("reader");
    let op = only(reads_of(&recorder, &reader));
    let socket = recorder.span(op.parent.expect("it is the socket's"));
    assert_eq!(socket.name, "runtime.resource");
    assert_eq!(socket.str("concrete_type"), "TcpStream");
    assert_eq!(socket.str("kind"), "io");
    assert!(socket.str("loc.file").starts_with("net/src/"));
    assert_eq!(socket.parent, None);
    assert_eq!(recorder.poll_ops(&op), [false, true]);
    nests(&recorder, &reader, &socket, &op);
    assert!(op.is_closed() && socket.is_closed());
    assert_eq!(recorder.updates(&socket, "fd").len(), 1);
    // Unknown; assumed, as it was just accepted; no, found by the read; yes, by an event; all read.
    let readable = recorder.updates(&socket, "readable");
    assert_eq!(readable, [false, true, false, true, false].map(Value::Bool));
}

/// Returns the operations on sockets in which a task waited.
fn reads_of(recorder: &Recorder, task: &Span) -> Vec<Span> {
    let events = recorder.events("runtime::resource::poll_op");
    let of_task = |event: &&Told| event.within.first() == Some(&task.id);
    let mut ops: Vec<u64> = events
        .iter()
        .filter(of_task)
        .map(|event| event.within[2])
        .collect();
    ops.dedup();
    ops.into_iter().map(|id| recorder.span(id)).collect()
}

#[test]
fn the_poll_methods_of_a_socket_wait_in_operations_too() {
    let ((), recorder) = Recorder::run(async {
        let (here, mut there) = net::tcp_and_std().await;
        let reader = named("reader", async move {
            let mut buf = [0; 1];
            // `futures_util::AsyncReadExt`, not the method of the socket.
            AsyncReadExt::read_exact(&mut &here, &mut buf)
                .await
                .unwrap();
            AsyncWriteExt::write_all(&mut &here, b"y").await.unwrap();
        });
        yield_now().await;
        there.write_all(b"x").unwrap();
        reader.await.unwrap();
    });
    let reader = recorder.task("reader");
    let op = only(reads_of(&recorder, &reader));
    assert_eq!(op.str("source"), "Source::readable");
    assert_eq!(recorder.poll_ops(&op), [false, true]);
    assert!(op.is_closed());
}

#[test]
fn a_read_that_is_dropped_ends_its_operation() {
    let ((), recorder) = Recorder::run(async {
        let (here, _there) = net::tcp_and_std().await;
        let read = timeout(Duration::ZERO, async {
            here.read(&mut [0; 8]).await.map(drop)
        });
        assert!(read.await.is_err());
    });
    let ops = recorder.named("runtime.resource.async_op");
    let reads: Vec<_> = ops
        .iter()
        .filter(|op| op.str("source") == "Source::readable")
        .collect();
    assert!(!reads.is_empty());
    assert!(reads.iter().all(|op| op.is_closed()));
}

#[test]
fn a_listener_and_a_pair_are_named_by_their_types() {
    let ((), recorder) = Recorder::run(async {
        let listener = wakeful::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap();
        let (one, other) = wakeful::net::UnixStream::pair().unwrap();
        drop((listener, one, other));
    });
    assert!(recorder.resource("TcpListener").is_closed());
    let mut streams = recorder.named("runtime.resource");
    streams.retain(|span| span.str("concrete_type") == "UnixStream");
    assert_eq!(streams.len(), 2);
}
