//! The hooks of the process: for panics, and for `tracing`.

use std::cell::Cell;
use std::panic::PanicHookInfo;

use super::places::Place;
use super::world::{self, Blast, Reset, Second};

/// Texts of panics that the runtime may cause, as the actions misuse it on purpose.
const ALLOWED: &[&str] = &[
    "was called inside a Wakeful runtime",
    "a sleep was polled after its runtime had been dropped",
    "a task-local scope can't begin while its value is borrowed",
    "the class belongs to another runtime",
    "can't spawn into the class",
];

pub fn install() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if world::current().is_none() {
            return usual(info);
        }
        panicked(info);
    }));
    #[cfg(feature = "console")]
    subscriber::install();
}

thread_local! {
    /// A panic in the hook would end the process.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn panicked(info: &PanicHookInfo<'_>) {
    let Some(world) = world::current() else {
        return;
    };
    if INSIDE.get() {
        return;
    }
    let payload = info.payload();
    if payload.is::<Blast>() || payload.is::<Second>() {
        let _inside = Reset::new(&world.calm, true);
        INSIDE.set(true);
        world::chaos(Place::PanicHook);
        INSIDE.set(false);
        return;
    }
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    let text = owned.or_else(|| payload.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("no text");
    // The reactor of a thread that is ending may be destroyed already.
    if world.late.get() && text.contains("there is no Wakeful runtime on this thread") {
        return;
    }
    world.check(ALLOWED.iter().any(|allowed| text.contains(allowed)), || {
        format!("a panic: {info}")
    });
}

/// Whether the panic hook runs. A panic in it would end the process, so it polls nothing.
pub fn in_panic_hook() -> bool {
    INSIDE.get()
}

#[cfg(feature = "console")]
mod subscriber {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::super::places::Place;
    use super::super::world;

    /// Installs one subscriber for the process: `tracing` does not call a thread's own subscriber
    /// for events inside of it.
    pub fn install() {
        tracing::subscriber::set_global_default(Chaotic(AtomicUsize::new(1)))
            .expect("no other subscriber is installed");
    }

    struct Chaotic(AtomicUsize);

    impl Subscriber for Chaotic {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            world::chaos(Place::Subscriber);
            Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) as u64)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {
            world::chaos(Place::Subscriber);
        }

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            world::chaos(Place::Subscriber);
        }

        fn enter(&self, _: &Id) {
            world::chaos(Place::Subscriber);
        }

        fn exit(&self, _: &Id) {
            world::chaos(Place::Subscriber);
        }

        fn clone_span(&self, id: &Id) -> Id {
            world::chaos(Place::Subscriber);
            id.clone()
        }

        fn try_close(&self, _: Id) -> bool {
            world::chaos(Place::Subscriber);
            true
        }
    }
}
