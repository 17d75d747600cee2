//! Another thread, which runs jobs.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

struct Elsewhere {
    jobs: Sender<Job>,
    done: Receiver<()>,
    /// Jobs that have not been waited for.
    open: Cell<usize>,
}

thread_local! {
    /// One for each thread that runs scripts, for all its scripts: it ends with that thread.
    static ELSEWHERE: Elsewhere = Elsewhere::start();
}

impl Elsewhere {
    fn start() -> Elsewhere {
        let (jobs, inbox) = channel::<Job>();
        let (finished, done) = channel();
        thread::spawn(move || {
            for job in inbox {
                job();
                if finished.send(()).is_err() {
                    return;
                }
            }
        });
        let open = Cell::new(0);
        Elsewhere { jobs, done, open }
    }

    fn wait(&self) {
        for _ in 0..self.open.take() {
            self.done.recv().expect("no job fails");
        }
    }
}

/// Starts the job on the other thread.
pub fn begin(job: impl FnOnce() + Send + 'static) {
    ELSEWHERE.with(|elsewhere| {
        elsewhere.jobs.send(Box::new(job)).expect("no job fails");
        elsewhere.open.set(elsewhere.open.get() + 1);
    });
}

/// Waits for all jobs that were started.
pub fn wait() {
    ELSEWHERE.with(Elsewhere::wait);
}

/// Runs the job on the other thread, and waits for it.
pub fn call<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    begin(move || {
        sender
            .send(job())
            .unwrap_or_else(|_| unreachable!("the caller waits for it"))
    });
    wait();
    receiver.recv().expect("the job was done")
}
