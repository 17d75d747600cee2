//! Tasks, closures and the future of `block_on` are spans.

use std::future::pending;
use std::mem::size_of_val;
use std::sync::mpsc;
use std::thread;

use wakeful::task::{Builder, yield_now};

use crate::named;
use crate::recorder::{Recorder, Trap};
use crate::support::panic_of;

#[test]
fn a_task_has_its_fields_and_the_place_of_its_spawn() {
    let ((id, size, line), recorder) = Recorder::run(async {
        let future = async { yield_now().await };
        let size = size_of_val(&future);
        let line = line!() + 1;
        let task = Builder::new().name("greeter").spawn(future);
        let id = task.id().as_u64();
        task.await.unwrap();
        (id, size, line)
    });
    let task = recorder.task("greeter");
    assert_eq!(task.target, "wakeful::task");
    assert_eq!(task.str("kind"), "task");
    assert_eq!(task.u64("task.id"), id);
    assert_eq!(task.u64("size.bytes"), size as u64);
    assert_eq!(task.str("loc.file"), file!());
    assert_eq!(task.u64("loc.line"), u64::from(line));
    assert!(task.u64("loc.col") > 0);
    // It is not inside of the span of the task that spawned it.
    assert_eq!(task.parent, None);
}

#[test]
fn a_task_without_a_name_has_no_name_field() {
    let (line, recorder) = Recorder::run(async {
        wakeful::spawn(async {}).await.unwrap();
        line!() - 1
    });
    let tasks = recorder.tasks("task");
    assert_eq!(tasks.len(), 1);
    assert!(!tasks[0].fields.contains_key("task.name"));
    assert_eq!(tasks[0].u64("loc.line"), u64::from(line));
}

#[test]
fn every_poll_enters_the_span_once() {
    let ((), recorder) = Recorder::run(async {
        let task = named("three", async {
            yield_now().await;
            yield_now().await;
        });
        task.await.unwrap();
    });
    let task = recorder.task("three");
    assert_eq!((task.enters, task.exits), (3, 3));
    assert_eq!(task.thread, Some(thread::current().id()));
    // Before the first poll, and when the task has ended.
    let main = recorder.task("main");
    assert_eq!((main.enters, main.exits), (2, 2));
}

#[test]
fn every_poll_of_an_observed_loop_enters_the_span_once() {
    let recorder = Recorder::new();
    recorder.on(|| {
        let runtime = wakeful::Builder::new()
            .metrics_level(wakeful::MetricsLevel::Times)
            .build()
            .unwrap();
        runtime.block_on(async {
            let class = wakeful::class::Class::builder("batch").build().unwrap();
            let task = Builder::new().name("two").class(&class);
            task.spawn(yield_now()).await.unwrap();
        });
    });
    recorder.check();
    assert_eq!(recorder.task("two").enters, 2);
    assert!(recorder.task("two").is_closed());
}

#[test]
fn a_span_ends_with_its_future() {
    let recorder = Recorder::new();
    recorder.on(|| {
        let runtime = wakeful::Runtime::new().unwrap();
        runtime.block_on(async {
            let returns = named("returns", async {});
            let panics = named("panics", async { panic!("on purpose") });
            let aborted = named("aborted", pending::<()>());
            let early = named("aborted before its first poll", pending::<()>());
            early.abort();
            yield_now().await;
            aborted.abort();
            // The handles stay, and so does the memory of the tasks.
            let handles = [returns, panics, aborted, early];
            crate::support::yield_until(|| handles.iter().all(|task| task.is_finished())).await;
            for name in ["returns", "panics", "aborted"] {
                assert!(recorder.task(name).is_closed(), "{name}");
                assert_eq!(recorder.task(name).enters, 1, "{name}");
            }
            assert!(recorder.task("aborted before its first poll").is_closed());
        });
        runtime.spawn(pending::<()>());
        drop(named_on(&runtime, "left over"));
        runtime.block_on(yield_now());
        assert!(!recorder.task("left over").is_closed());
        drop(runtime);
        assert!(recorder.task("left over").is_closed());
    });
    recorder.check();
    assert!(recorder.spans().iter().all(|span| span.is_closed()));
}

fn named_on(runtime: &wakeful::Runtime, name: &str) -> wakeful::task::JoinHandle<()> {
    runtime.enter(|| named(name, pending()))
}

#[test]
fn a_task_spawned_during_shutdown_is_shown_and_ends_at_once() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            drop(named("late", pending::<()>()));
        }
    }
    let ((), recorder) = Recorder::run(async {
        let late = Late;
        wakeful::spawn(async move {
            pending::<()>().await;
            drop(late);
        });
        yield_now().await;
    });
    let late = recorder.task("late");
    assert_eq!(late.enters, 0);
    assert!(late.is_closed());
}

#[test]
fn every_block_on_is_a_span_of_its_own() {
    let recorder = Recorder::new();
    let lines = recorder.on(|| {
        let runtime = wakeful::Runtime::new().unwrap();
        let future = async {
            yield_now().await;
            yield_now().await;
        };
        runtime.block_on(future);
        let first = line!() - 1;
        assert!(recorder.task("main").is_closed());
        runtime.block_on(async {});
        [first, line!() - 1]
    });
    recorder.check();
    let mains = recorder.tasks("block_on");
    assert_eq!(mains.len(), 2);
    assert_ne!(mains[0].u64("task.id"), mains[1].u64("task.id"));
    assert_eq!([mains[0].enters, mains[1].enters], [3, 1]);
    for (main, line) in mains.iter().zip(lines) {
        assert_eq!(main.str("task.name"), "main");
        assert_eq!(main.str("loc.file"), file!());
        assert_eq!(main.u64("loc.line"), u64::from(line));
        assert!(main.is_closed());
    }
}

#[test]
fn a_block_on_that_panics_leaves_its_span() {
    let recorder = Recorder::new();
    recorder.on(|| {
        let runtime = wakeful::Runtime::new().unwrap();
        panic_of(|| runtime.block_on(async { panic!("on purpose") }));
        recorder.check();
        assert!(recorder.task("main").is_closed());
        assert_eq!(recorder.task("main").exits, 1);
        runtime.block_on(yield_now());
    });
    recorder.check();
    assert_eq!(recorder.tasks("block_on").len(), 2);
}

#[test]
fn a_blocking_closure_is_entered_on_the_pool_thread() {
    let ((id, line, thread), recorder) = Recorder::run(async {
        let task = wakeful::spawn_blocking(|| thread::current().id());
        let line = line!() - 1;
        let id = task.id().as_u64();
        (id, line, task.await.unwrap())
    });
    let closures = recorder.tasks("blocking");
    assert_eq!(closures.len(), 1);
    let closure = &closures[0];
    assert_eq!(closure.u64("task.id"), id);
    assert_eq!(closure.u64("size.bytes"), 0);
    assert_eq!(closure.str("loc.file"), file!());
    assert_eq!(closure.u64("loc.line"), u64::from(line));
    assert_eq!((closure.enters, closure.exits), (1, 1));
    assert_eq!(closure.thread, Some(thread));
    assert_ne!(closure.thread, Some(thread::current().id()));
    assert!(closure.is_closed());
    // The task that awaits it is internal and not shown.
    assert_eq!(recorder.tasks("task").len(), 0);
}

#[test]
fn a_blocking_closure_that_panics_or_never_begins_is_closed() {
    let recorder = Recorder::new();
    recorder.on(|| {
        let runtime = wakeful::Builder::new()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let panics = wakeful::spawn_blocking(|| panic!("on purpose"));
            panics.await.unwrap_err();
            let (go, gone) = mpsc::channel::<()>();
            let first = wakeful::spawn_blocking(move || gone.recv());
            let second = wakeful::spawn_blocking(|| unreachable!("aborted before"));
            second.abort();
            second.await.unwrap_err();
            drop(go);
            first.await.unwrap().unwrap_err();
        });
    });
    recorder.check();
    let closures = recorder.tasks("blocking");
    let enters: Vec<_> = closures.iter().map(|span| span.enters).collect();
    assert_eq!(enters, [1, 1, 0]);
    assert!(closures.iter().all(|span| span.is_closed()));
}

#[test]
fn a_task_from_another_thread_is_shown_once() {
    let recorder = Recorder::new();
    let id = recorder.on(|| {
        let runtime = wakeful::Runtime::new().unwrap();
        let handle = runtime.handle();
        let other = thread::spawn(move || {
            let task = handle.spawn_with(|| async {});
            let id = task.id().as_u64();
            wakeful::block_on(task).unwrap();
            id
        });
        runtime.block_on(crate::support::yield_until(|| other.is_finished()));
        other.join().unwrap()
    });
    recorder.check();
    let tasks = recorder.tasks("task");
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].u64("task.id"), id);
}

/// The tasks of a `block_on` work whichever call of the subscriber panics, and the loop continues.
#[test]
fn a_subscriber_that_panics_has_no_effect_on_tasks() {
    for trap in [
        Trap::Span,
        Trap::Enter,
        Trap::Exit,
        Trap::Close,
        Trap::Event,
    ] {
        let recorder = Recorder::with_trap(trap);
        let sum = recorder.on(|| {
            wakeful::block_on(async {
                let quick = std::time::Duration::from_micros(1);
                let slept = named("sleeps", wakeful::time::sleep(quick));
                let answer = wakeful::spawn(async {
                    yield_now().await;
                    20
                });
                let other = wakeful::spawn_blocking(|| 22);
                let aborted = wakeful::spawn(pending::<()>());
                yield_now().await;
                aborted.abort();
                assert!(aborted.await.unwrap_err().is_cancelled());
                slept.await.unwrap();
                answer.await.unwrap() + other.await.unwrap()
            })
        });
        assert_eq!(sum, 42);
    }
}
