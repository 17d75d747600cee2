//! Channels and lock for openraft: those of tokio's `sync`, which need no runtime.
//!
//! Types for which openraft's traits cannot be implemented have wrappers. A receive consumes the
//! task's cooperative budget, so a task whose channel is never empty yields.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use openraft_rt::{OptionalSend, OptionalSync};
use tokio::sync::{MutexGuard, mpsc, oneshot, watch};
use wakeful_core::task::coop;

/// Constructor of the channels of a Raft node.
#[derive(Clone, Copy, Debug)]
pub struct Channels;

/// Polls a future as an operation that consumes the cooperative budget.
fn poll_counted<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    let progress = ready!(coop::poll_proceed(cx));
    let output = ready!(future.poll(cx));
    progress.made_progress();
    Poll::Ready(output)
}

impl openraft_rt::Mpsc for Channels {
    type Sender<T: OptionalSend> = mpsc::Sender<T>;
    type Receiver<T: OptionalSend> = MpscReceiver<T>;
    type WeakSender<T: OptionalSend> = mpsc::WeakSender<T>;

    #[track_caller]
    fn channel<T: OptionalSend>(buffer: usize) -> (mpsc::Sender<T>, MpscReceiver<T>) {
        let (sender, receiver) = mpsc::channel(buffer);
        (sender, MpscReceiver(receiver))
    }
}

impl<T: OptionalSend> openraft_rt::MpscSender<Channels, T> for mpsc::Sender<T> {
    async fn send(&self, message: T) -> Result<(), openraft_rt::SendError<T>> {
        let sent = mpsc::Sender::send(self, message).await;
        sent.map_err(|mpsc::error::SendError(message)| openraft_rt::SendError(message))
    }

    fn downgrade(&self) -> mpsc::WeakSender<T> {
        mpsc::Sender::downgrade(self)
    }
}

impl<T: OptionalSend> openraft_rt::MpscWeakSender<Channels, T> for mpsc::WeakSender<T> {
    fn upgrade(&self) -> Option<mpsc::Sender<T>> {
        mpsc::WeakSender::upgrade(self)
    }
}

/// Receiving half of a bounded channel.
#[derive(Debug)]
pub struct MpscReceiver<T>(mpsc::Receiver<T>);

impl<T: OptionalSend> openraft_rt::MpscReceiver<T> for MpscReceiver<T> {
    async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| {
            let progress = ready!(coop::poll_proceed(cx));
            let message = ready!(self.0.poll_recv(cx));
            progress.made_progress();
            Poll::Ready(message)
        })
        .await
    }

    fn try_recv(&mut self) -> Result<T, openraft_rt::TryRecvError> {
        self.0.try_recv().map_err(|error| match error {
            mpsc::error::TryRecvError::Empty => openraft_rt::TryRecvError::Empty,
            mpsc::error::TryRecvError::Disconnected => openraft_rt::TryRecvError::Disconnected,
        })
    }
}

impl openraft_rt::Watch for Channels {
    type Sender<T: OptionalSend + OptionalSync> = watch::Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = watch::Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = watch::Ref<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (watch::Sender<T>, watch::Receiver<T>) {
        watch::channel(init)
    }
}

impl<T: OptionalSend + OptionalSync> openraft_rt::WatchSender<Channels, T> for watch::Sender<T> {
    fn send(&self, value: T) -> Result<(), openraft_rt::watch::SendError<T>> {
        let sent = watch::Sender::send(self, value);
        sent.map_err(|watch::error::SendError(value)| openraft_rt::watch::SendError(value))
    }

    fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        watch::Sender::send_if_modified(self, modify)
    }

    fn borrow_watched(&self) -> watch::Ref<'_, T> {
        self.borrow()
    }

    fn subscribe(&self) -> watch::Receiver<T> {
        watch::Sender::subscribe(self)
    }
}

impl<T: OptionalSend + OptionalSync> openraft_rt::WatchReceiver<Channels, T>
    for watch::Receiver<T>
{
    async fn changed(&mut self) -> Result<(), openraft_rt::RecvError> {
        let mut changed = pin!(watch::Receiver::changed(self));
        let changed = poll_fn(|cx| poll_counted(changed.as_mut(), cx)).await;
        changed.map_err(|_| openraft_rt::RecvError(()))
    }

    fn borrow_watched(&self) -> watch::Ref<'_, T> {
        self.borrow()
    }

    fn borrow_and_update(&mut self) -> watch::Ref<'_, T> {
        watch::Receiver::borrow_and_update(self)
    }
}

impl openraft_rt::Oneshot for Channels {
    type Sender<T: OptionalSend> = OneshotSender<T>;
    type Receiver<T: OptionalSend> = oneshot::Receiver<T>;
    type ReceiverError = oneshot::error::RecvError;

    fn channel<T: OptionalSend>() -> (OneshotSender<T>, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (OneshotSender(sender), receiver)
    }
}

/// Sending half of a channel for one value.
#[derive(Debug)]
pub struct OneshotSender<T>(oneshot::Sender<T>);

impl<T: OptionalSend> openraft_rt::OneshotSender<T> for OneshotSender<T> {
    fn send(self, value: T) -> Result<(), T> {
        self.0.send(value)
    }
}

/// Lock that may be held across an `.await`. It is fair: waiters get it in the order of their
/// calls.
#[derive(Debug)]
pub struct Mutex<T>(tokio::sync::Mutex<T>);

impl<T: OptionalSend + 'static> openraft_rt::Mutex<T> for Mutex<T> {
    type Guard<'a> = MutexGuard<'a, T>;

    fn new(value: T) -> Mutex<T> {
        Mutex(tokio::sync::Mutex::new(value))
    }

    async fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().await
    }
}
