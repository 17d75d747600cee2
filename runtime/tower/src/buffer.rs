//! A queue in front of a service, for several callers.

use std::cell::OnceCell;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use wakeful_core::group::spawn_background;
use wakeful_core::sync::{mpsc, oneshot};

use crate::BoxError;

/// Layer that adds a [`Buffer`].
pub struct BufferLayer<R> {
    bound: usize,
    requests: PhantomData<fn(R)>,
}

impl<R> BufferLayer<R> {
    /// Creates a layer whose queue has that many places.
    ///
    /// # Panics
    ///
    /// If `bound` is zero.
    #[track_caller]
    pub fn new(bound: usize) -> BufferLayer<R> {
        assert!(bound > 0, "a buffer without places lets no request through");
        BufferLayer {
            bound,
            requests: PhantomData,
        }
    }
}

impl<R> Clone for BufferLayer<R> {
    fn clone(&self) -> BufferLayer<R> {
        *self
    }
}

impl<R> Copy for BufferLayer<R> {}

impl<R> fmt::Debug for BufferLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferLayer")
            .field("bound", &self.bound)
            .finish()
    }
}

impl<S, R> Layer<S> for BufferLayer<R>
where
    S: Service<R, Error: Into<BoxError>> + 'static,
    R: 'static,
{
    type Service = Buffer<R, S::Future>;

    fn layer(&self, inner: S) -> Buffer<R, S::Future> {
        Buffer::new(inner, self.bound)
    }
}

struct Message<R, F> {
    request: R,
    answer: oneshot::Sender<Result<F, ServiceError>>,
}

/// The error that has ended the worker, once there is one.
type Failure = Rc<OnceCell<ServiceError>>;

/// Handle of a queue in front of a service. A task takes the requests out of it, in order, whenever
/// the service is ready; the responses run in the tasks of the callers. The clones share the queue,
/// so a service that is not `Clone` can be shared by all tasks of a loop. The service, its requests
/// and its futures need not be `Send`.
///
/// `poll_ready` waits for a place in the queue. A request whose response future was dropped is not
/// passed on. The task ends when the last handle is dropped, after the requests in the queue.
///
/// If `poll_ready` of the service fails, all requests that wait, and all later ones, get that error
/// as a [`ServiceError`]. If the task was dropped, as at shutdown, they get [`Closed`].
///
/// # Panics
///
/// `call` panics if `poll_ready` has not returned `Ready` before.
///
/// ```
/// use std::rc::Rc;
/// use tower::{Service, ServiceExt, service_fn};
/// use wakeful_tower::Buffer;
///
/// wakeful::block_on(async {
///     let service = service_fn(async |number: Rc<u32>| Ok::<_, std::io::Error>(*number + 1));
///     let buffer = Buffer::new(service, 16);
///     let answers = [1, 2].map(|number| buffer.clone().oneshot(Rc::new(number)));
///     for answer in answers {
///         println!("{}", answer.await.unwrap());
///     }
/// });
/// ```
pub struct Buffer<R, F> {
    queue: mpsc::SenderSink<Message<R, F>>,
    /// Whether `poll_ready` has reserved a place.
    is_ready: bool,
    failure: Failure,
}

impl<R: 'static, F: 'static> Buffer<R, F> {
    /// Puts a queue with that many places in front of a service, and starts its task.
    ///
    /// # Panics
    ///
    /// If `bound` is zero, and outside a runtime.
    #[track_caller]
    pub fn new<S>(service: S, bound: usize) -> Buffer<R, F>
    where
        S: Service<R, Future = F, Error: Into<BoxError>> + 'static,
    {
        let (buffer, worker) = Buffer::pair(service, bound);
        spawn_background(worker);
        buffer
    }

    /// As [`new`](Self::new), but returns the future of the task, which has to run.
    ///
    /// # Panics
    ///
    /// If `bound` is zero.
    #[track_caller]
    pub fn pair<S>(service: S, bound: usize) -> (Buffer<R, F>, impl Future<Output = ()> + 'static)
    where
        S: Service<R, Future = F, Error: Into<BoxError>> + 'static,
    {
        assert!(bound > 0, "a buffer without places lets no request through");
        let (sender, receiver) = mpsc::channel(bound);
        let failure = Failure::default();
        let worker = work(service, receiver, failure.clone());
        let buffer = Buffer {
            queue: sender.into_sink(),
            is_ready: false,
            failure,
        };
        (buffer, worker)
    }
}

/// Passes the requests on to the service.
async fn work<S, R>(
    mut service: S,
    mut queue: mpsc::Receiver<Message<R, S::Future>>,
    failure: Failure,
) where
    S: Service<R, Error: Into<BoxError>>,
{
    while let Some(mut message) = queue.recv().await {
        let ready = poll_fn(|cx| {
            // Nothing waits for the answer any more.
            if message.answer.poll_closed(cx).is_ready() {
                return Poll::Ready(None);
            }
            service.poll_ready(cx).map(Some)
        });
        match ready.await {
            None => {}
            Some(Ok(())) => {
                let response = service.call(message.request);
                let _ = message.answer.send(Ok(response));
            }
            Some(Err(error)) => {
                let error = ServiceError(Arc::new(error.into()));
                // Set first, so that each request finds either the error or the answer.
                let _ = failure.set(error.clone());
                queue.close();
                let _ = message.answer.send(Err(error.clone()));
                while let Some(message) = queue.recv().await {
                    let _ = message.answer.send(Err(error.clone()));
                }
            }
        }
    }
}

fn why_closed(failure: &Failure) -> BoxError {
    match failure.get() {
        Some(error) => error.clone().into(),
        None => Closed(()).into(),
    }
}

impl<R, F> Clone for Buffer<R, F> {
    fn clone(&self) -> Buffer<R, F> {
        let sender = self.queue.sender().expect("it is never closed here");
        Buffer {
            queue: sender.clone().into_sink(),
            is_ready: false,
            failure: self.failure.clone(),
        }
    }
}

impl<R, F> fmt::Debug for Buffer<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").finish_non_exhaustive()
    }
}

impl<R, F, T, E> Service<R> for Buffer<R, F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Response = T;
    type Error = BoxError;
    type Future = ResponseFuture<F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let place = ready!(Pin::new(&mut self.queue).poll_ready(cx));
        self.is_ready = place.is_ok();
        Poll::Ready(place.map_err(|_| why_closed(&self.failure)))
    }

    #[track_caller]
    fn call(&mut self, request: R) -> ResponseFuture<F> {
        assert!(
            std::mem::take(&mut self.is_ready),
            "`Buffer::call` was called before `poll_ready` had returned `Ready`"
        );
        let (sender, answer) = oneshot::channel();
        let message = Message {
            request,
            answer: sender,
        };
        // If the worker has ended meanwhile, the message is dropped, and `answer` says so.
        let _ = Pin::new(&mut self.queue).start_send(message);
        ResponseFuture {
            stage: Stage::Queued { answer },
            failure: self.failure.clone(),
        }
    }
}

pin_project! {
    /// The response of a [`Buffer`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        stage: Stage<F>,
        failure: Failure,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F> {
        Queued {
            answer: oneshot::Receiver<Result<F, ServiceError>>,
        },
        Called {
            #[pin]
            response: F,
        },
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.stage.as_mut().project() {
                StageProjection::Queued { answer } => {
                    let response = match ready!(Pin::new(answer).poll(cx)) {
                        Ok(Ok(response)) => response,
                        Ok(Err(error)) => return Poll::Ready(Err(error.into())),
                        Err(_) => return Poll::Ready(Err(why_closed(this.failure))),
                    };
                    this.stage.set(Stage::Called { response });
                }
                StageProjection::Called { response } => {
                    return response.poll(cx).map_err(Into::into);
                }
            }
        }
    }
}

/// Error of a service whose `poll_ready` failed, for all requests of its buffer. Its `source` is
/// the error of the service.
#[derive(Clone, Debug)]
pub struct ServiceError(Arc<BoxError>);

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service in the buffer has failed: {}", self.0)
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&**self.0)
    }
}

/// Error of a buffer whose task was dropped, as at shutdown, or has panicked.
#[derive(Clone, Copy, Debug)]
pub struct Closed(());

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task of the buffer has ended, so it passes no request on")
    }
}

impl Error for Closed {}
