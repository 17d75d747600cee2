//! The data that tokio-console reads: the names, the targets, the types and the order of the spans
//! and events. `scripts/console` tests the other end: it queries `console-subscriber` over its own
//! interface.

#[path = "console/acting.rs"]
mod acting;
#[path = "support/net.rs"]
mod net;
#[path = "console/primitives.rs"]
mod primitives;
#[path = "console/recorder.rs"]
mod recorder;
#[path = "console/resources.rs"]
mod resources;
mod support;
#[path = "console/tasks.rs"]
mod tasks;
#[path = "console/wakers.rs"]
mod wakers;

use wakeful::task::JoinHandle;

fn named<F: Future + 'static>(name: &str, future: F) -> JoinHandle<F::Output> {
    wakeful::task::Builder::new().name(name).spawn(future)
}
