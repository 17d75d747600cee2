//! Handles of tasks.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use wakeful::RemoteJoinHandle;
use wakeful::task::{Id, JoinError};

/// Handle that waits for the output of a task. Dropping it detaches the task.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel-safe.
pub struct JoinHandle<T>(Inner<T>);

enum Inner<T> {
    Local(wakeful::task::JoinHandle<T>),
    /// Of a task that was spawned through a [`Handle`]. Shared with its abort handles.
    Remote(Shared<RemoteJoinHandle<T>>, Arc<dyn Remote>),
}

/// What an abort handle needs of a [`RemoteJoinHandle`].
trait Remote: Send + Sync {
    fn abort(&self);
    fn is_finished(&self) -> bool;
    fn id(&self) -> Id;
}

type Shared<T> = Arc<Mutex<T>>;

/// Calls `f` with the handle. A panic of a waker inside the lock leaves the handle usable.
fn with<T, R>(shared: &Mutex<T>, f: impl FnOnce(&mut T) -> R) -> R {
    f(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

impl<T: Send> Remote for Mutex<RemoteJoinHandle<T>> {
    fn abort(&self) {
        with(self, |handle| handle.abort());
    }

    fn is_finished(&self) -> bool {
        with(self, |handle| handle.is_finished())
    }

    fn id(&self) -> Id {
        with(self, |handle| handle.id())
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn local(handle: wakeful::task::JoinHandle<T>) -> JoinHandle<T> {
        JoinHandle(Inner::Local(handle))
    }

    pub(crate) fn remote(handle: RemoteJoinHandle<T>) -> JoinHandle<T>
    where
        T: Send + 'static,
    {
        let handle = Arc::new(Mutex::new(handle));
        JoinHandle(Inner::Remote(handle.clone(), handle))
    }

    /// Requests that the task be cancelled.
    pub fn abort(&self) {
        match &self.0 {
            Inner::Local(handle) => handle.abort(),
            Inner::Remote(_, remote) => remote.abort(),
        }
    }

    /// Returns a handle that can abort the task.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(match &self.0 {
            Inner::Local(handle) => Abort::Local(handle.abort_handle()),
            Inner::Remote(_, remote) => Abort::Remote(remote.clone()),
        })
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Inner::Local(handle) => handle.is_finished(),
            Inner::Remote(_, remote) => remote.is_finished(),
        }
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        match &self.0 {
            Inner::Local(handle) => handle.id(),
            Inner::Remote(_, remote) => remote.id(),
        }
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Local(handle) => Pin::new(handle).poll(cx),
            Inner::Remote(shared, _) => with(shared, |handle| Pin::new(handle).poll(cx)),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .finish()
    }
}

/// Handle that can abort a task, on any thread. Dropping it has no effect.
#[derive(Clone)]
pub struct AbortHandle(Abort);

#[derive(Clone)]
enum Abort {
    Local(wakeful::task::AbortHandle),
    Remote(Arc<dyn Remote>),
}

impl AbortHandle {
    pub(crate) fn local(handle: wakeful::task::AbortHandle) -> AbortHandle {
        AbortHandle(Abort::Local(handle))
    }

    /// Requests that the task be cancelled.
    pub fn abort(&self) {
        match &self.0 {
            Abort::Local(handle) => handle.abort(),
            Abort::Remote(remote) => remote.abort(),
        }
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Abort::Local(handle) => handle.is_finished(),
            Abort::Remote(remote) => remote.is_finished(),
        }
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        match &self.0 {
            Abort::Local(handle) => handle.id(),
            Abort::Remote(remote) => remote.id(),
        }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish()
    }
}
