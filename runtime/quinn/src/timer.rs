//! The timer of a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use quinn::AsyncTimer;
use wakeful_core::ThreadBound;
use wakeful_core::time::{Sleep, sleep_until};

pin_project! {
    /// Timer that may be made on any thread. Its first poll, by the driver of the connection, makes
    /// the sleep, so the sleep belongs to the loop of that driver.
    #[derive(Debug)]
    pub(crate) struct Timer {
        deadline: Instant,
        #[pin]
        sleep: Option<ThreadBound<Sleep>>,
    }
}

impl Timer {
    pub(crate) fn new(deadline: Instant) -> Timer {
        Timer {
            deadline,
            sleep: None,
        }
    }
}

impl AsyncTimer for Timer {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        if let Some(sleep) = this.sleep.as_pin_mut() {
            sleep.as_pin_mut().reset(deadline.into());
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.sleep.is_none() {
            let sleep = ThreadBound::new(sleep_until((*this.deadline).into()));
            this.sleep.set(Some(sleep));
        }
        let sleep = this.sleep.as_pin_mut();
        sleep.expect("it was just made").poll(cx)
    }
}
