//! `wakeful::sync`: channels, locks and events for the tasks of one thread.

mod support;

#[path = "sync/mpsc.rs"]
mod mpsc;
#[path = "sync/mutex.rs"]
mod mutex;
#[path = "sync/notify.rs"]
mod notify;
#[path = "sync/semaphore.rs"]
mod semaphore;
