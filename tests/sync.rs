//! `wakeful::sync`: channels, locks and events for the tasks of one thread.

mod support;

#[path = "sync/broadcast.rs"]
mod broadcast;
#[path = "sync/cancellation.rs"]
mod cancellation;
#[path = "sync/mutex.rs"]
mod mutex;
#[path = "sync/notify.rs"]
mod notify;
#[path = "sync/oneshot.rs"]
mod oneshot;
#[path = "sync/semaphore.rs"]
mod semaphore;
#[path = "sync/user_code.rs"]
mod user_code;
#[path = "sync/watch.rs"]
mod watch;
