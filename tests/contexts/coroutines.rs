//! Scopes and loops that a coroutine suspends.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use wakeful::task::yield_now;
use wakeful::{Handle, Runtime, block_on, spawn};

use crate::support::{OnDrop, panic_of};
use crate::{is_inside, is_outside};

#[test]
fn a_coroutine_that_leaves_a_runtime_out_of_order_leaves_no_runtime_entered() {
    let first = Runtime::new().unwrap();
    let second = Runtime::new().unwrap();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        first.enter(|| yielder.suspend(()));
        drop(first);
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    second.enter(|| {
        coroutine.resume(());
        assert!(is_inside(&second));
    });
    assert!(is_outside());
    let text = panic_of(|| spawn(async {}));
    assert!(text.contains("no Wakeful runtime"), "{text}");
}

#[test]
fn a_loop_suspended_by_a_coroutine_still_runs_on_its_thread() {
    let another = Runtime::new().unwrap();
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        block_on(async {
            yielder.suspend(());
            spawn(async { 7 }).await.unwrap()
        })
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    let text = panic_of(|| another.block_on(async {}));
    assert!(text.contains("called inside a Wakeful runtime"), "{text}");
    assert!(matches!(coroutine.resume(()), CoroutineResult::Return(7)));
    another.block_on(async {});
    assert!(is_outside());
}

#[test]
fn a_loop_whose_coroutine_is_dropped_has_ended() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        block_on(async { yielder.suspend(()) });
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    drop(coroutine);
    block_on(async {});
    assert!(is_outside());
}

#[test]
fn a_runtime_may_end_in_a_drop_during_a_spawn_into_it() {
    type Suspended = Coroutine<(), (), ()>;
    let slot: Rc<RefCell<Option<Suspended>>> = Rc::default();
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let runtime = Runtime::new().unwrap();
        // Tasks that are spawned from here on are cancelled at once.
        runtime.block_on(async {
            Handle::current().shutdown();
            yield_now().await;
            yield_now().await;
        });
        runtime.enter(|| yielder.suspend(()));
        drop(runtime);
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    *slot.borrow_mut() = Some(coroutine);
    let drops = Rc::new(Cell::new(0));
    let guard = OnDrop({
        let (slot, drops) = (slot.clone(), drops.clone());
        move || {
            drops.set(drops.get() + 1);
            if let Some(mut coroutine) = slot.take() {
                assert!(matches!(coroutine.resume(()), CoroutineResult::Return(())));
            }
        }
    });
    let task = spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    assert_eq!(drops.get(), 1);
    assert!(task.is_finished());
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert!(is_outside());
}
