//! Threads of the blocking pool: started when needed, ended when idle.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::error::no_thread;
use crate::shutdown_error::runtime_ended;
use crate::unwind::catch_panic;

/// Configuration of the pool, set by the builder.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) max_threads: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: String,
}

pub(super) struct Job {
    pub(super) run: Box<dyn FnOnce() + Send>,
    pub(super) duty: Duty,
}

/// What happens to a job that has not begun or not ended when the runtime is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It is dropped at shutdown if it has not begun.
    Optional,
    /// It runs even if the runtime ends before it begins.
    Mandatory,
    /// A write to a standard stream: [`Pool::finish_output`] waits for its end.
    Output,
}

/// Threads and their queue, shared by the thread that owns the runtime and the workers.
pub(crate) struct Pool {
    config: Config,
    state: Mutex<PoolState>,
    /// Notified for a new job, and at shutdown.
    work: Condvar,
    /// Notified when a worker has ended, and when no output job is left.
    gone: Condvar,
    /// Number of closures of handles that have not ended.
    remote: AtomicUsize,
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// Threads that run a job.
    busy: usize,
    /// Output jobs that have not ended.
    outputs: usize,
    started: u64,
    closed: bool,
}

/// Counts of the pool, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolStats {
    pub(crate) threads: usize,
    pub(crate) idle: usize,
    pub(crate) queued: usize,
}

impl Pool {
    pub(crate) fn new(config: Config) -> Arc<Pool> {
        let state = Mutex::default();
        Arc::new(Pool {
            config,
            state,
            work: Condvar::new(),
            gone: Condvar::new(),
            remote: AtomicUsize::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        // No user code runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job, and starts a thread for it if none is idle and the limit allows.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no thread and the system refuses one, or for an output job if
    /// the runtime has ended; the job is dropped.
    pub(super) fn submit(self: &Arc<Self>, job: Job) -> io::Result<()> {
        let mut state = self.lock();
        let is_output = job.duty == Duty::Output;
        if state.closed {
            drop(state);
            drop(job);
            return match is_output {
                true => Err(runtime_ended("can't write: the runtime has ended")),
                false => Ok(()),
            };
        }
        state.queue.push_back(job);
        state.outputs += usize::from(is_output);
        if state.idle >= state.queue.len() {
            self.work.notify_one();
            return Ok(());
        }
        if state.threads == self.config.max_threads {
            return Ok(());
        }
        match self.start_thread(&mut state) {
            // The existing workers will run the job.
            Err(_) if state.threads > 0 => Ok(()),
            Err(error) => {
                let job = state.queue.pop_back();
                state.outputs -= usize::from(is_output);
                drop(state);
                drop(job);
                Err(no_thread(error))
            }
            Ok(()) => Ok(()),
        }
    }

    fn start_thread(self: &Arc<Self>, state: &mut PoolState) -> io::Result<()> {
        let pool = self.clone();
        let name = format!("{}-{}", self.config.thread_name, state.started);
        thread::Builder::new()
            .name(name)
            .spawn(move || pool.work())?;
        state.started += 1;
        state.threads += 1;
        Ok(())
    }

    /// Loop of a worker.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.busy += 1;
                drop(state);
                let duty = job.duty;
                // A job catches the panics of its closure; only a drop can panic here.
                catch_panic(job.run);
                state = self.lock();
                state.busy -= 1;
                self.ended(&mut state, duty);
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (back, wait) = self
                .work
                .wait_timeout(state, self.config.keep_alive)
                .unwrap_or_else(PoisonError::into_inner);
            state = back;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        self.gone.notify_all();
    }

    /// Counts the end of a job.
    fn ended(&self, state: &mut PoolState, duty: Duty) {
        if duty == Duty::Output {
            state.outputs -= 1;
            if state.outputs == 0 {
                self.gone.notify_all();
            }
        }
    }

    /// Waits for the end of all output jobs. Those that have not begun run here, as all workers may
    /// be busy with jobs that wait for this thread.
    pub(super) fn finish_output(&self) {
        let mut state = self.lock();
        loop {
            let is_output = |job: &Job| job.duty == Duty::Output;
            if let Some(place) = state.queue.iter().position(is_output)
                && let Some(job) = state.queue.remove(place)
            {
                drop(state);
                catch_panic(job.run);
                state = self.lock();
                self.ended(&mut state, job.duty);
            } else if state.outputs > 0 {
                let waited = self.gone.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            } else {
                return;
            }
        }
    }

    /// Drops the jobs that have not begun and are not mandatory, and waits for the threads to end.
    /// Returns the number of threads that are still busy after `timeout`; each ends when its job
    /// does.
    pub(crate) fn shut_down(&self, timeout: Duration) -> usize {
        let mut state = self.lock();
        state.closed = true;
        let (mandatory, unstarted): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut state.queue)
            .into_iter()
            .partition(|job| job.duty != Duty::Optional);
        state.queue = mandatory;
        self.work.notify_all();
        drop(state);
        for job in unstarted {
            catch_panic(|| drop(job.run));
        }
        let (state, _) = self
            .gone
            .wait_timeout_while(self.lock(), timeout, |state| state.threads > 0)
            .unwrap_or_else(PoisonError::into_inner);
        // Idle threads that have not ended yet are not busy.
        state.busy
    }

    /// Counts a closure of a handle, until [`remote_ends`](Self::remote_ends).
    pub(super) fn remote_begins(&self) {
        self.remote.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remote_ends(&self) {
        self.remote.fetch_sub(1, Ordering::Release);
    }

    /// Whether a closure of a handle has not ended.
    pub(super) fn has_remote(&self) -> bool {
        self.remote.load(Ordering::Acquire) > 0
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let state = self.lock();
        PoolStats {
            threads: state.threads,
            idle: state.idle,
            queued: state.queue.len(),
        }
    }
}
