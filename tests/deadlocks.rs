//! Deadlocks and lost tasks are reported, and nothing else is.

mod support;

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use wakeful::runtime::{DeadlockKind, DeadlockReport, TaskState, WaitDump};
use wakeful::sync::{Mutex, Notify, OnceCell, RwLock, RwLockWriteGuard, Semaphore};
use wakeful::task::{self, yield_now};
use wakeful::{Builder, Runtime};

/// Payload of the panic with which a test leaves a loop that would never end.
struct Left;

type Reports = Rc<RefCell<Vec<DeadlockReport>>>;

/// A runtime that collects reports and leaves `block_on` at the first one.
fn watched() -> (Runtime, Reports) {
    let reports = Reports::default();
    let sink = reports.clone();
    let hook = move |report: &DeadlockReport| {
        sink.borrow_mut().push(report.clone());
        std::panic::resume_unwind(Box::new(Left));
    };
    let builder = Builder::new().detect_deadlocks(true).on_deadlock(hook);
    (builder.build().expect("a runtime can be made"), reports)
}

/// Runs a future that ends with a report, and returns it.
fn report_of<F: Future>(future: F) -> DeadlockReport {
    let (runtime, reports) = watched();
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(future)));
    let payload = result.err().expect("the loop was left by the hook");
    assert!(payload.is::<Left>());
    let mut reports = reports.borrow_mut();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// Runs a future to its end. Nothing may be reported.
fn no_report<F: Future>(future: F) {
    let (runtime, reports) = watched();
    runtime.block_on(future);
    assert!(reports.borrow().is_empty());
}

fn named<F: Future<Output = ()> + 'static>(name: &str, future: F) -> task::JoinHandle<()> {
    task::Builder::new().name(name).spawn(future)
}

#[test]
fn two_tasks_with_two_locks_are_a_certain_deadlock_with_a_cycle() {
    let report = report_of(async {
        let locks = Rc::new((Mutex::new(()), Mutex::new(())));
        let other = locks.clone();
        let one = named("one", async move {
            let _first = other.0.lock().await;
            yield_now().await;
            let _second = other.1.lock().await;
        });
        let other = locks.clone();
        let _two = named("two", async move {
            let _second = other.1.lock().await;
            yield_now().await;
            let _first = other.0.lock().await;
        });
        one.await.unwrap();
    });
    assert_eq!(report.kind, DeadlockKind::Certain);
    assert!(report.is_certain());
    assert_eq!((report.tasks.len(), report.cycle.len()), (3, 2));
    let one = report
        .tasks
        .iter()
        .find(|it| it.name.as_deref() == Some("one"))
        .unwrap();
    let two = report
        .tasks
        .iter()
        .find(|it| it.name.as_deref() == Some("two"))
        .unwrap();
    assert_eq!(one.state, TaskState::Waiting);
    assert_eq!(one.location.unwrap().file(), file!());
    let [
        WaitDump::Sync {
            kind: "mutex",
            made_at,
            held_by,
            ..
        },
    ] = &one.waits[..]
    else {
        panic!("{one}");
    };
    assert_eq!((made_at.file(), &held_by[..]), (file!(), &[two.id][..]));
    assert_eq!(one.holds.len(), 1);
    let main = report.tasks.iter().find(|it| it.is_main).unwrap();
    assert!(matches!(&main.waits[..], [WaitDump::Join { task }] if *task == one.id));
    let text = report.to_string();
    assert!(
        text.starts_with("deadlock: no task of this loop can run any more"),
        "{text}"
    );
    assert!(
        text.contains("\"one\", spawned at ") && text.contains("  cycle: task "),
        "{text}"
    );
}

#[test]
fn a_task_that_locks_twice_waits_for_itself() {
    let report = report_of(async {
        let lock = Mutex::new(());
        let _guard = lock.lock().await;
        let _again = lock.lock().await;
    });
    assert_eq!(report.kind, DeadlockKind::Certain);
    assert_eq!(report.cycle, [report.tasks[0].id]);
    assert!(report.tasks[0].is_main);
}

#[test]
fn a_second_read_behind_a_waiting_writer_waits_for_all_readers() {
    let report = report_of(async {
        let lock = Rc::new(RwLock::new((1, 2)));
        let readers = ["first", "second"].map(|name| {
            let lock = lock.clone();
            named(name, async move {
                // The record goes with a guard that is downgraded and mapped.
                let _guard = match name {
                    "first" => {
                        let guard = lock.write().await;
                        RwLockWriteGuard::downgrade_map(guard, |pair| &pair.0)
                    }
                    _ => wakeful::sync::RwLockReadGuard::map(lock.read().await, |pair| &pair.1),
                };
                yield_now().await;
                yield_now().await;
                let _again = lock.read().await;
            })
        });
        let _writer = named("writer", async move {
            drop(lock.write().await);
        });
        for reader in readers {
            reader.await.unwrap();
        }
    });
    assert_eq!(report.kind, DeadlockKind::Certain);
    let of = |name: &str| {
        let task = report
            .tasks
            .iter()
            .find(|it| it.name.as_deref() == Some(name));
        task.expect("the task is in the report")
    };
    let mut readers = [of("first").id, of("second").id];
    readers.sort();
    for name in ["first", "second", "writer"] {
        let [
            WaitDump::Sync {
                kind: "rwlock",
                held_by,
                ..
            },
        ] = &of(name).waits[..]
        else {
            panic!("{}", of(name));
        };
        let mut held_by = held_by.clone();
        held_by.sort();
        assert_eq!(held_by, readers);
    }
    assert_eq!((of("first").holds.len(), of("writer").holds.len()), (1, 0));
}

#[test]
fn an_initializer_that_waits_for_its_own_cell_waits_for_itself() {
    let report = report_of(async {
        let cell = OnceCell::new();
        let inner = async || *cell.get_or_init(async || 1).await;
        cell.get_or_init(inner).await;
    });
    assert_eq!(report.cycle, [report.tasks[0].id]);
    assert!(report.to_string().contains("once cell"), "{report}");
}

#[test]
fn an_event_that_no_task_can_raise_is_a_certain_deadlock_without_a_cycle() {
    let report = report_of(async { Notify::new().notified().await });
    assert_eq!(report.kind, DeadlockKind::Certain);
    assert!(report.cycle.is_empty());
    let [
        WaitDump::Sync {
            kind: "notify",
            held_by,
            ..
        },
    ] = &report.tasks[0].waits[..]
    else {
        panic!("{report}");
    };
    assert!(held_by.is_empty());
}

#[test]
fn a_main_future_without_a_waker_is_reported() {
    let report = report_of(pending::<()>());
    assert_eq!(report.kind, DeadlockKind::Certain);
    assert!(report.to_string().contains("no waker exists"), "{report}");
}

#[test]
fn a_timer_a_closure_a_handle_and_a_thread_are_something_to_wait_for() {
    no_report(async {
        let notify = Rc::new(Notify::new());
        let later = notify.clone();
        wakeful::spawn(async move {
            wakeful::time::sleep(Duration::from_millis(2)).await;
            later.notify_one();
        });
        notify.notified().await;
        wakeful::spawn_blocking(|| ()).await.unwrap();
        // A thread with a handle.
        let handle = wakeful::Handle::current();
        let thread = std::thread::spawn(move || drop(handle.spawn(async {})));
        yield_now().await;
        thread.join().unwrap();
        // A thread with a waker.
        let mut thread = None;
        poll_fn(|cx| {
            if thread.is_some() {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread = Some(std::thread::spawn(move || waker.wake()));
            Poll::Pending
        })
        .await;
        thread.unwrap().join().unwrap();
    });
}

#[test]
fn tasks_that_wait_for_each_other_are_reported_while_a_timer_runs() {
    let report = report_of(async {
        let locks = Rc::new((Mutex::new(()), Mutex::new(())));
        for (one, two) in [(false, true), (true, false)] {
            let locks = locks.clone();
            wakeful::spawn(async move {
                let pick = |second| if second { &locks.1 } else { &locks.0 };
                let _first = pick(one).lock().await;
                yield_now().await;
                let _second = pick(two).lock().await;
            });
        }
        wakeful::time::sleep(Duration::from_secs(60)).await;
    });
    assert_eq!(report.kind, DeadlockKind::Cycle);
    assert!(report.is_certain());
    assert_eq!((report.tasks.len(), report.cycle.len()), (2, 2));
}

#[test]
fn a_task_without_a_waker_is_reported_while_a_timer_runs() {
    let report = report_of(async {
        named("forgotten", pending());
        wakeful::time::sleep(Duration::from_secs(60)).await;
    });
    assert_eq!(report.kind, DeadlockKind::LostTask);
    assert_eq!(report.tasks[0].name.as_deref(), Some("forgotten"));
}

#[test]
fn a_lock_with_an_owned_guard_is_suspected_as_another_task_may_have_the_guard() {
    let report = report_of(async {
        let lock = Rc::new(Mutex::new(()));
        wakeful::spawn(async move {
            let _guard = lock.clone().lock_owned().await;
            let _again = lock.lock().await;
        });
        wakeful::time::sleep(Duration::from_secs(60)).await;
    });
    assert_eq!(report.kind, DeadlockKind::Cycle);
    assert!(!report.is_certain());
}

#[test]
fn a_dump_lists_all_tasks_with_their_states_and_waits() {
    let runtime = Builder::new().detect_deadlocks(true).build().unwrap();
    let dump = runtime.block_on(async {
        let semaphore = Rc::new(Semaphore::new(1));
        let waits = semaphore.clone();
        let _permit = semaphore.acquire().await.unwrap();
        named("waiting", async move { drop(waits.acquire().await) });
        yield_now().await;
        named("queued", async {});
        wakeful::runtime::dump()
    });
    let state = |name: &str| {
        let mut tasks = dump.tasks.iter();
        tasks
            .find(|it| it.name.as_deref() == Some(name))
            .unwrap()
            .state
    };
    assert_eq!(state("waiting"), TaskState::Waiting);
    assert_eq!(state("queued"), TaskState::Queued);
    let main = dump.tasks.iter().find(|it| it.is_main).unwrap();
    assert_eq!(main.holds[0].kind, "semaphore");
    assert_eq!(main.state, TaskState::Running);
    let text = dump.to_string();
    assert!(
        text.contains("waiting for the semaphore made at "),
        "{text}"
    );
}

#[test]
fn another_thread_gets_a_dump_through_a_handle() {
    let runtime = Builder::new().detect_deadlocks(true).build().unwrap();
    let handle = runtime.handle();
    let thread = std::thread::spawn(move || wakeful::block_on(handle.dump()).unwrap());
    let notify = Rc::new(Notify::new());
    let waits = notify.clone();
    runtime.block_on(async move {
        named("waits", async move { waits.notified().await });
        while !thread.is_finished() {
            yield_now().await;
        }
        let dump = thread.join().unwrap();
        // The question is no task of its own.
        assert!(dump.tasks.len() <= 2, "{dump}");
        assert!(dump.tasks.iter().any(|it| it.is_main));
    });
}

#[test]
fn waits_are_recorded_only_while_a_runtime_watches() {
    wakeful::block_on(async {
        let notify = Rc::new(Notify::new());
        let waits = notify.clone();
        wakeful::spawn(async move { waits.notified().await });
        yield_now().await;
        let dump = wakeful::runtime::dump();
        assert!(!dump.waits_recorded);
        assert!(dump.tasks.iter().all(|it| it.waits.is_empty()));
    });
}

#[wakeful::test]
#[should_panic(expected = "deadlock: no task of this loop can run any more")]
async fn a_test_with_a_deadlock_fails() {
    Notify::new().notified().await;
}

#[wakeful::test(detect_deadlocks = false)]
async fn the_key_turns_the_detection_off() {
    let dump = wakeful::runtime::dump();
    assert!(!dump.waits_recorded);
}

#[test]
fn a_hook_may_end_the_deadlock() {
    thread_local! {
        static EVENT: RefCell<Option<Rc<Notify>>> = const { RefCell::new(None) };
    }
    let hook = |_: &DeadlockReport| EVENT.with_borrow(|event| event.as_ref().unwrap().notify_one());
    let builder = Builder::new().detect_deadlocks(true).on_deadlock(hook);
    builder.build().unwrap().block_on(async {
        let event = Rc::new(Notify::new());
        EVENT.set(Some(event.clone()));
        event.notified().await;
    });
}

/// The writer gives up, so the reader behind it goes on.
#[test]
fn a_reader_behind_a_writer_that_gives_up_is_not_reported() {
    no_report(async {
        let lock = Rc::new(wakeful::sync::RwLock::new(()));
        let held = lock.read().await;
        let writes = lock.clone();
        wakeful::spawn(async move {
            let write = wakeful::time::timeout(Duration::from_millis(2_500), writes.write());
            assert!(write.await.is_err());
        });
        yield_now().await;
        let reads = lock.clone();
        wakeful::spawn(async move { drop(reads.read().await) })
            .await
            .unwrap();
        drop(held);
    });
}
