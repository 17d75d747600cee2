//! A second thread, which wakes, aborts, spawns and drops the objects that it is sent. The system
//! schedules it, so the run of a seed is not always the same.

use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::task::Waker;
use std::thread::{self, JoinHandle};

use wakeful::task::AbortHandle;
use wakeful::{Handle, RemoteJoinHandle};

use super::body::Output;
use super::dice::Dice;

pub enum Job {
    Wake(Waker),
    Abort(AbortHandle),
    Spawn(Handle),
    Remote(RemoteJoinHandle<Output>),
    Shutdown(Handle),
    /// Answers when all earlier jobs are done.
    Flush(Sender<()>),
}

pub struct Elsewhere {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl Elsewhere {
    pub fn new(seed: u64) -> Elsewhere {
        let (jobs, todo) = channel();
        let thread = thread::spawn(move || {
            let dice = Dice::new(!seed);
            for job in todo {
                run(&dice, job);
            }
        });
        Elsewhere { jobs, thread }
    }

    pub fn send(&self, job: Job) {
        self.jobs.send(job).expect("the other thread runs");
    }

    /// Waits until all jobs that were sent are done.
    pub fn wait(&self) {
        let (done, answer) = channel();
        self.send(Job::Flush(done));
        answer.recv().expect("the other thread answers");
    }

    pub fn end(self) {
        drop(self.jobs);
        self.thread.join().expect("the other thread does not panic");
    }
}

fn run(dice: &Dice, job: Job) {
    if dice.one_in(3) {
        thread::yield_now();
    }
    match job {
        Job::Wake(waker) => match dice.below(4) {
            0 => waker.wake(),
            1 => {
                waker.wake_by_ref();
                drop(waker);
            }
            2 => {
                let other = waker.clone();
                drop(waker);
                other.wake();
            }
            _ => {
                waker.wake_by_ref();
                waker.wake();
            }
        },
        Job::Abort(handle) => {
            handle.abort();
            std::hint::black_box(handle.is_finished());
        }
        Job::Spawn(handle) => {
            let task = handle.spawn_with(|| {
                let rc = Rc::new(());
                async move { drop(rc) }
            });
            match dice.below(3) {
                0 => task.abort(),
                1 => _ = task.is_finished(),
                _ => {}
            }
        }
        Job::Remote(task) => {
            if dice.one_in(2) {
                task.abort();
            }
            drop(task);
        }
        Job::Shutdown(handle) => handle.shutdown(),
        Job::Flush(done) => _ = done.send(()),
    }
}
