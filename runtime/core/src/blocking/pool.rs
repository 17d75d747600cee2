//! Threads of the blocking pool: started when needed, ended when idle.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::error::no_thread;
use crate::shutdown_error::runtime_ended;
use crate::sim::Mode;
use crate::unwind::catch_panic;

/// Configuration of the pool, set by the builder.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) max_threads: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: String,
    /// In a simulated host: closures run where they are submitted.
    pub(crate) in_line: Option<Mode>,
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
    /// A write to a standard stream, behind all earlier ones of that stream.
    /// [`Pool::finish_output`] waits for its end.
    #[allow(dead_code, reason = "for the feature `io-std`")]
    Output(Stream),
}

/// A standard stream that the pool writes.
#[allow(dead_code, reason = "for the feature `io-std`")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// The writes to a stream, of which one at a time is in the queue or runs.
#[derive(Default)]
struct Lane {
    is_taken: bool,
    next: VecDeque<Job>,
}

/// Threads and their queue, shared by the thread that owns the runtime and the workers.
pub(crate) struct Pool {
    config: Config,
    state: Mutex<PoolState>,
    /// Notified for a new job, and at shutdown.
    work: Condvar,
    /// Notified when a worker or an output job has ended.
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
    /// By [`Stream`].
    lanes: [Lane; 2],
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
        if self.config.in_line.is_some() {
            // A job catches the panics of its closure; only a drop can panic here.
            catch_panic(job.run);
            return Ok(());
        }
        let mut state = self.lock();
        let stream = match job.duty {
            Duty::Output(stream) => Some(stream),
            Duty::Optional | Duty::Mandatory => None,
        };
        if state.closed {
            drop(state);
            drop(job);
            return match stream {
                Some(_) => Err(runtime_ended("can't write: the runtime has ended")),
                None => Ok(()),
            };
        }
        if let Some(stream) = stream {
            state.outputs += 1;
            let lane = &mut state.lanes[stream as usize];
            if lane.is_taken {
                lane.next.push_back(job);
                return Ok(());
            }
            lane.is_taken = true;
        }
        state.queue.push_back(job);
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
                if let Some(stream) = stream {
                    state.outputs -= 1;
                    // It was empty before, and the lock was held since.
                    state.lanes[stream as usize].is_taken = false;
                }
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

    /// Counts the end of a job. The next one of its stream is queued: the caller takes it, or
    /// another thread before it.
    fn ended(&self, state: &mut PoolState, duty: Duty) {
        if let Duty::Output(stream) = duty {
            state.outputs -= 1;
            let lane = &mut state.lanes[stream as usize];
            match lane.next.pop_front() {
                Some(job) => state.queue.push_back(job),
                None => lane.is_taken = false,
            }
            self.gone.notify_all();
        }
    }

    /// Waits for the end of all output jobs. Those that have not begun run here, as all workers may
    /// be busy with jobs that wait for this thread.
    pub(super) fn finish_output(&self) {
        let mut state = self.lock();
        loop {
            let is_output = |job: &Job| matches!(job.duty, Duty::Output(_));
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
            queued: state.queue.len() + state.lanes.iter().map(|it| it.next.len()).sum::<usize>(),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// A pool of two threads, one of which is in a write to the standard output until the sender is
    /// dropped.
    fn writing() -> (Arc<Pool>, std::sync::mpsc::Sender<()>) {
        let pool = Pool::new(Config {
            max_threads: 2,
            keep_alive: Duration::from_secs(60),
            thread_name: "writes".to_owned(),
            in_line: None,
        });
        let (release, released) = channel();
        submit(&pool, Duty::Output(Stream::Out), move || {
            let _ = released.recv();
        });
        (pool, release)
    }

    fn submit(pool: &Arc<Pool>, duty: Duty, run: impl FnOnce() + Send + 'static) {
        let run = Box::new(run);
        pool.submit(Job { run, duty }).unwrap();
    }

    #[test]
    fn a_write_begins_when_the_earlier_ones_of_its_stream_have_ended() {
        let (pool, release) = writing();
        let (sender, receiver) = channel();
        for (duty, name) in [
            (Duty::Output(Stream::Out), "second"),
            (Duty::Output(Stream::Out), "third"),
            (Duty::Output(Stream::Err), "other stream"),
            (Duty::Optional, "closure"),
        ] {
            let sender = sender.clone();
            submit(&pool, duty, move || sender.send(name).unwrap());
        }
        assert_eq!(receiver.recv(), Ok("other stream"));
        assert_eq!(receiver.recv(), Ok("closure"));
        drop(release);
        assert_eq!(receiver.recv(), Ok("second"));
        assert_eq!(receiver.recv(), Ok("third"));
        pool.finish_output();
        assert_eq!(pool.shut_down(Duration::from_secs(60)), 0);
    }

    #[test]
    fn writes_that_wait_for_an_earlier_one_are_made_at_shutdown() {
        let (pool, release) = writing();
        let (sender, receiver) = channel();
        submit(&pool, Duty::Output(Stream::Out), move || {
            sender.send(()).unwrap();
        });
        let _ = pool.shut_down(Duration::ZERO);
        drop(release);
        assert_eq!(receiver.recv(), Ok(()));
    }
}
