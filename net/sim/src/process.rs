//! The process of a host: its runtime and its main future.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wakeful_core::class::Random;
use wakeful_core::task::JoinHandle;
use wakeful_core::{Builder, Runtime, spawn};
use wakeful_net::sim::{Host, enter};

use crate::failure::{Reason, discard, into_message};

/// Main future of a host.
pub(crate) type Main = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// One life of a host.
pub(crate) struct Process {
    // Dropped in this order: a handle before its runtime.
    main: JoinHandle<Result<(), String>>,
    runtime: Option<Runtime>,
    machine: Rc<dyn Host>,
}

impl Process {
    /// Starts a process. `main` is called in its first turn.
    ///
    /// # Errors
    ///
    /// Returns the error of the runtime's builder, which reads variables of the environment.
    pub(crate) fn start(
        machine: Rc<dyn Host>,
        seed: u64,
        in_order: bool,
        main: impl FnOnce() -> Main + 'static,
    ) -> io::Result<Process> {
        let mut builder = Builder::new().simulated().rng_seed(seed);
        if !in_order {
            builder = builder.order(move || Random::new(seed));
        }
        let runtime = builder.build()?;
        let main = runtime.enter(|| spawn(async move { main().await }));
        Ok(Process {
            main,
            runtime: Some(runtime),
            machine,
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is taken by the drop only")
    }

    /// Runs a turn at a time of the host's clock.
    pub(crate) fn turn(&self, at: Duration) {
        let turn = || self.runtime().simulated_turn(at);
        // The backend of a simulated host returns no errors.
        let _ = enter(self.machine.clone(), turn);
    }

    /// Whether a turn has something to do before the next timer.
    pub(crate) fn is_ready(&self) -> bool {
        self.runtime().simulated_is_ready()
    }

    /// Returns when the next timer is due, by the host's clock.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        self.runtime().simulated_next()
    }

    pub(crate) fn polls(&self) -> u64 {
        self.runtime().metrics().polls
    }

    /// Returns the result of the main future, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<Result<(), Reason>> {
        if !self.main.is_finished() {
            return None;
        }
        let main = Pin::new(&mut self.main);
        match main.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(Ok(result)) => Some(result.map_err(Reason::Returned)),
            Poll::Ready(Err(error)) => Some(Err(match error.try_into_panic() {
                Ok(payload) => Reason::Panicked(into_message(payload)),
                Err(_) => Reason::Returned("its main task was aborted".to_owned()),
            })),
        }
    }
}

impl Drop for Process {
    /// Ends the runtime inside of the host, so that what its drops do with sockets stays in the
    /// simulation.
    fn drop(&mut self) {
        let runtime = self.runtime.take();
        let end = || catch_unwind(AssertUnwindSafe(|| drop(runtime)));
        if let Err(payload) = enter(self.machine.clone(), end) {
            discard(payload);
        }
    }
}
