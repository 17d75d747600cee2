//! Senders as sinks.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use super::error::SendError;
use super::reserve::{Reserve, Shared};
use super::sender::Sender;
use super::unbounded::UnboundedSender;

/// Sender of a bounded channel as a [`Sink`], see [`Sender::into_sink`].
///
/// The sink reserves a place before it accepts a message. Its close drops the sender, so that the
/// receiver ends if there is no other. Errors contain the message, if there was one.
#[must_use = "sinks do nothing unless polled"]
pub struct SenderSink<T> {
    open: Option<Open<T>>,
}

struct Open<T> {
    /// In a box, so that the sink is `Unpin`. Dropped before the sender: a reserved place must not
    /// outlive it, see `State::is_finished`.
    reserve: Pin<Box<Reserve<Shared<T>>>>,
    reserved: Reserved<T>,
}

/// Sender that may have a reserved place, which its drop gives back.
struct Reserved<T> {
    sender: Sender<T>,
    has_place: bool,
}

impl<T> Drop for Reserved<T> {
    fn drop(&mut self) {
        if self.has_place {
            self.sender.tx().chan().state.give_back(1);
        }
    }
}

impl<T> Sender<T> {
    /// Returns the sender as a [`Sink`]. Allocates once.
    ///
    /// ```
    /// use futures_util::{SinkExt, StreamExt, stream};
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = mpsc::channel(1);
    ///     wakeful::spawn(async move {
    ///         let mut numbers = stream::iter(0..3).map(Ok);
    ///         sender.into_sink().send_all(&mut numbers).await.unwrap();
    ///     });
    ///     assert_eq!(receiver.collect::<Vec<_>>().await, [0, 1, 2]);
    /// });
    /// ```
    pub fn into_sink(self) -> SenderSink<T> {
        let shared = Shared(self.tx().chan().clone());
        let reserved = Reserved {
            sender: self,
            has_place: false,
        };
        SenderSink {
            open: Some(Open {
                reserve: Box::pin(Reserve::new(shared, 1)),
                reserved,
            }),
        }
    }
}

impl<T> SenderSink<T> {
    /// Returns the sender. `None` if the sink is closed.
    pub fn sender(&self) -> Option<&Sender<T>> {
        Some(&self.open.as_ref()?.reserved.sender)
    }
}

impl<T> Sink<T> for SenderSink<T> {
    type Error = SendError<Option<T>>;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Option<T>>>> {
        let Some(open) = &mut self.open else {
            return Poll::Ready(Err(SendError(None)));
        };
        if !open.reserved.has_place {
            let result = ready!(open.reserve.as_mut().poll(cx));
            result.map_err(|_| SendError(None))?;
            open.reserved.has_place = true;
        }
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// If there was no call of `poll_ready` that has returned `Ready` since the last message.
    #[track_caller]
    fn start_send(mut self: Pin<&mut Self>, value: T) -> Result<(), SendError<Option<T>>> {
        let Some(open) = &mut self.open else {
            return Err(SendError(Some(value)));
        };
        assert!(
            mem::take(&mut open.reserved.has_place),
            "`start_send` was called before `poll_ready` had returned `Ready`"
        );
        let chan = open.reserved.sender.tx().chan();
        if chan.state.is_gone() {
            chan.state.give_back(1);
            return Err(SendError(Some(value)));
        }
        chan.push(value);
        Ok(())
    }

    /// Returns at once: a message is in the channel as soon as `start_send` has returned.
    fn poll_flush(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Option<T>>>> {
        Poll::Ready(Ok(()))
    }

    /// Drops the sender.
    fn poll_close(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Option<T>>>> {
        drop(self.open.take());
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for SenderSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SenderSink").field(&self.sender()).finish()
    }
}

/// Sender of an unbounded channel as a [`Sink`], see [`UnboundedSender::into_sink`].
///
/// It is always ready. Its close drops the sender, so that the receiver ends if there is no other.
/// Errors contain the message, if there was one.
#[must_use = "sinks do nothing unless polled"]
pub struct UnboundedSenderSink<T> {
    sender: Option<UnboundedSender<T>>,
}

impl<T> UnboundedSender<T> {
    /// Returns the sender as a [`Sink`].
    ///
    /// ```
    /// use futures_util::{SinkExt, StreamExt};
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = mpsc::unbounded_channel();
    ///     let mut sink = sender.into_sink();
    ///     sink.send(1).await.unwrap();
    ///     sink.close().await.unwrap();
    ///     assert_eq!(receiver.collect::<Vec<_>>().await, [1]);
    /// });
    /// ```
    pub fn into_sink(self) -> UnboundedSenderSink<T> {
        let sender = Some(self);
        UnboundedSenderSink { sender }
    }
}

impl<T> UnboundedSenderSink<T> {
    /// Returns the sender. `None` if the sink is closed.
    pub fn sender(&self) -> Option<&UnboundedSender<T>> {
        self.sender.as_ref()
    }
}

impl<T> Sink<T> for UnboundedSenderSink<T> {
    type Error = SendError<Option<T>>;

    fn poll_ready(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Option<T>>>> {
        Poll::Ready(match &self.sender {
            Some(sender) if !sender.is_closed() => Ok(()),
            _ => Err(SendError(None)),
        })
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), SendError<Option<T>>> {
        match &self.sender {
            Some(sender) => sender
                .send(value)
                .map_err(|SendError(value)| SendError(Some(value))),
            None => Err(SendError(Some(value))),
        }
    }

    /// Returns at once: a message is in the channel as soon as `start_send` has returned.
    fn poll_flush(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Option<T>>>> {
        Poll::Ready(Ok(()))
    }

    /// Drops the sender.
    fn poll_close(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Option<T>>>> {
        drop(self.sender.take());
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for UnboundedSenderSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnboundedSenderSink")
            .field(&self.sender)
            .finish()
    }
}
