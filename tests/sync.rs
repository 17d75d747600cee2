//! `wakeful::sync`: channels, locks and events for the tasks of one thread.

mod support;

#[path = "sync/barrier.rs"]
mod barrier;
#[path = "sync/hostile.rs"]
mod hostile;
#[path = "sync/mutex.rs"]
mod mutex;
#[path = "sync/notify.rs"]
mod notify;
#[path = "sync/once_cell.rs"]
mod once_cell;
#[path = "sync/poll.rs"]
mod poll;
#[path = "sync/rwlock.rs"]
mod rwlock;
#[path = "sync/semaphore.rs"]
mod semaphore;
#[path = "sync/set_once.rs"]
mod set_once;
