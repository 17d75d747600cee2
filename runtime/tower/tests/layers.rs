//! The layers under a stopped clock, with services that are not `Send`.

use std::cell::{Cell, RefCell};
use std::future::{Future, Ready, pending, poll_fn, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use wakeful::spawn;
use wakeful::sync::Notify;
use wakeful::task::yield_now;
use wakeful::time::{Elapsed, Instant, advance, sleep};
use wakeful_tower::buffer::{Closed, ServiceError};
use wakeful_tower::{
    Backoff, BoxError, Buffer, BufferLayer, RateLimit, RateLimitLayer, Timeout, TimeoutLayer,
};

const SECOND: Duration = Duration::from_secs(1);

fn text_of_panic<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it did not panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

async fn readiness<S: Service<R>, R>(service: &mut S) -> Result<(), S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await
}

/// Whether the service is ready now.
fn is_ready<S: Service<R>, R>(service: &mut S) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    service.poll_ready(&mut cx).is_ready()
}

/// Service that answers after a number of seconds, and counts what it has dropped.
fn slow(dropped: Rc<Cell<u32>>) -> impl Service<u64, Response = u64, Error = io::Error> {
    struct Dropped(Rc<Cell<u32>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    service_fn(move |seconds: u64| {
        let guard = Dropped(dropped.clone());
        async move {
            let _guard = guard;
            sleep(Duration::from_secs(seconds)).await;
            match seconds {
                3 => Err(io::Error::other("three")),
                _ => Ok(seconds),
            }
        }
    })
}

#[wakeful::test(start_paused = true)]
async fn a_timeout_drops_the_request_at_its_limit() {
    let dropped = Rc::default();
    let mut service = TimeoutLayer::new(5 * SECOND).layer(slow(Rc::clone(&dropped)));
    readiness(&mut service).await.unwrap();
    assert_eq!(service.call(2).await.unwrap(), 2);
    assert_eq!(service.call(3).await.unwrap_err().to_string(), "three");
    assert_eq!(dropped.get(), 2);

    let begun = Instant::now();
    let error = service.call(60).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!(begun.elapsed(), 5 * SECOND);
    assert_eq!(dropped.get(), 3);
}

#[wakeful::test(start_paused = true)]
async fn a_rate_limit_lets_a_number_of_requests_through_in_each_period() {
    let begun = Instant::now();
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen = times.clone();
    let inner = service_fn(move |()| {
        seen.borrow_mut().push(begun.elapsed().as_secs());
        ready(Ok::<_, io::Error>(()))
    });
    let mut service = RateLimitLayer::new(3, 10 * SECOND).layer(inner);
    for _ in 0..7 {
        service.ready().await.unwrap().call(()).await.unwrap();
    }
    assert_eq!(*times.borrow(), [0, 0, 0, 10, 10, 10, 20]);
    // A period begins with its first request, and requests that were not made are not saved up.
    advance(100 * SECOND).await;
    times.borrow_mut().clear();
    for _ in 0..4 {
        service.ready().await.unwrap().call(()).await.unwrap();
    }
    assert_eq!(*times.borrow(), [120, 120, 120, 130]);
}

#[wakeful::test(start_paused = true)]
async fn a_service_whose_period_has_passed_is_ready_at_once() {
    let inner = service_fn(|()| ready(Ok::<_, io::Error>(())));
    let mut service = RateLimit::new(inner, 1, SECOND);
    readiness(&mut service).await.unwrap();
    service.call(()).await.unwrap();
    assert!(!is_ready(&mut service));
    advance(SECOND).await;
    assert!(is_ready(&mut service));
    service.call(()).await.unwrap();
    assert!(!is_ready(&mut service));
}

#[wakeful::test(start_paused = true)]
async fn a_period_may_be_longer_than_the_clock() {
    let inner = service_fn(|()| ready(Ok::<_, io::Error>(())));
    let mut service = RateLimit::new(inner, 2, Duration::MAX);
    for _ in 0..2 {
        readiness(&mut service).await.unwrap();
        service.call(()).await.unwrap();
    }
    assert!(!is_ready(&mut service));
}

#[wakeful::test]
async fn a_rate_limit_without_requests_or_without_a_period_is_refused() {
    let none = text_of_panic(|| RateLimitLayer::new(0, SECOND));
    assert!(none.contains("allow at least 1"), "{none}");
    let always = text_of_panic(|| RateLimitLayer::new(1, Duration::ZERO));
    assert!(always.contains("longer than zero"), "{always}");
    let inner = service_fn(|()| ready(Ok::<_, io::Error>(())));
    let mut service = RateLimit::new(inner, 1, SECOND);
    drop(service.call(()));
    let early = text_of_panic(|| drop(service.call(())));
    assert!(early.contains("before `poll_ready`"), "{early}");
}

#[wakeful::test(start_paused = true)]
async fn callers_share_a_service_that_is_not_clone() {
    // Not `Clone`, and its requests and futures hold an `Rc`.
    let count = Cell::new(0);
    let inner = service_fn(move |number: Rc<u32>| {
        count.set(count.get() + 1);
        let place = count.get();
        async move {
            sleep(SECOND).await;
            Ok::<_, io::Error>((*number, place))
        }
    });
    let begun = Instant::now();
    let service = Buffer::new(inner, 4);
    let tasks: Vec<_> = (1..=20)
        .map(|number| spawn(service.clone().oneshot(Rc::new(number))))
        .collect();
    for (task, number) in tasks.into_iter().zip(1..) {
        // In order, and the responses run at the same time.
        assert_eq!(task.await.unwrap().unwrap(), (number, number));
    }
    assert_eq!(begun.elapsed(), SECOND);
}

/// Service that is ready for one request after each notification.
struct Gate {
    open: Rc<Notify>,
    is_open: bool,
    called: Rc<RefCell<Vec<u32>>>,
    wait: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Gate {
    fn new() -> (Gate, Rc<Notify>, Rc<RefCell<Vec<u32>>>) {
        let (open, called) = (Rc::new(Notify::new()), Rc::default());
        let gate = Gate {
            open: open.clone(),
            is_open: false,
            called: Rc::clone(&called),
            wait: None,
        };
        (gate, open, called)
    }
}

impl Service<u32> for Gate {
    type Response = ();
    type Error = io::Error;
    type Future = Ready<io::Result<()>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_open {
            let open = self.open.clone();
            let wait = self
                .wait
                .get_or_insert_with(|| Box::pin(async move { open.notified().await }));
            if wait.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.wait = None;
            self.is_open = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Ready<io::Result<()>> {
        assert!(
            std::mem::take(&mut self.is_open),
            "the service was not ready"
        );
        self.called.borrow_mut().push(request);
        ready(Ok(()))
    }
}

#[wakeful::test]
async fn a_full_buffer_is_not_ready_and_its_places_are_returned() {
    let (gate, open, called) = Gate::new();
    let buffer = Buffer::new(gate, 2);
    let mut callers: Vec<_> = (0..4).map(|_| buffer.clone()).collect();
    // One request is taken out by the task, which waits for the service; two are in the queue.
    let mut answers = Vec::new();
    for (caller, number) in callers.iter_mut().zip(1..=3) {
        readiness(caller).await.unwrap();
        answers.push(caller.call(number));
        yield_now().await;
    }
    assert!(!is_ready(&mut callers[3]));
    open.notify_one();
    readiness(&mut callers[3]).await.unwrap();
    assert_eq!(*called.borrow(), [1]);
    // A caller that is dropped gives its place back.
    let mut other = buffer.clone();
    assert!(!is_ready(&mut other));
    drop(callers.pop());
    assert!(is_ready(&mut other));
    let early = text_of_panic(|| drop(buffer.clone().call(9)));
    assert!(
        early.contains("`Buffer::call` was called before `poll_ready`"),
        "{early}"
    );
    for _ in 0..2 {
        open.notify_one();
        yield_now().await;
        yield_now().await;
    }
    for answer in answers {
        answer.await.unwrap();
    }
    assert_eq!(*called.borrow(), [1, 2, 3]);
}

#[wakeful::test]
async fn a_request_that_nothing_waits_for_is_not_passed_on() {
    let (gate, open, called) = Gate::new();
    let mut buffer = Buffer::new(gate, 4);
    let mut answers = Vec::new();
    for number in 1..=4 {
        readiness(&mut buffer).await.unwrap();
        answers.push(buffer.call(number));
    }
    yield_now().await;
    // The task waits with the first, the others are in the queue.
    drop(answers.drain(..2));
    yield_now().await;
    open.notify_one();
    answers.remove(0).await.unwrap();
    assert_eq!(*called.borrow(), [3]);
}

/// Service whose readiness fails after a number of requests.
struct Failing(u32);

impl Service<u32> for Failing {
    type Response = u32;
    type Error = io::Error;
    type Future = Ready<io::Result<u32>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.0 {
            0 => Err(io::Error::other("no connection")),
            _ => Ok(()),
        })
    }

    fn call(&mut self, request: u32) -> Ready<io::Result<u32>> {
        self.0 -= 1;
        ready(Ok(request))
    }
}

#[wakeful::test]
async fn the_failure_of_a_service_reaches_all_callers() {
    let mut buffer = BufferLayer::new(8).layer(Failing(1));
    let mut answers = Vec::new();
    for number in 0..4 {
        readiness(&mut buffer).await.unwrap();
        answers.push(buffer.call(number));
    }
    let mut late = buffer.clone();
    let mut results = Vec::new();
    for answer in answers {
        results.push(answer.await);
    }
    assert_eq!(*results[0].as_ref().unwrap(), 0);
    for result in &results[1..] {
        let error = result.as_ref().unwrap_err();
        assert!(error.is::<ServiceError>(), "{error}");
        assert_eq!(
            error.to_string(),
            "the service in the buffer has failed: no connection"
        );
    }
    let error = readiness(&mut late).await.unwrap_err();
    assert!(error.is::<ServiceError>(), "{error}");
}

#[wakeful::test]
async fn a_buffer_whose_task_is_gone_says_so() {
    let (gate, _open, _called) = Gate::new();
    let (mut buffer, worker) = Buffer::pair(gate, 2);
    readiness(&mut buffer).await.unwrap();
    let queued = buffer.call(1);
    let worker = spawn(worker);
    yield_now().await;
    worker.abort();
    assert!(queued.await.unwrap_err().is::<Closed>());
    assert!(readiness(&mut buffer).await.unwrap_err().is::<Closed>());
}

#[wakeful::test]
async fn the_task_of_a_buffer_ends_with_its_last_handle() {
    let (gate, _open, called) = Gate::new();
    let (buffer, worker) = Buffer::pair(gate, 2);
    let worker = spawn(worker);
    let clone = buffer.clone();
    drop(buffer);
    yield_now().await;
    assert!(!worker.is_finished());
    drop(clone);
    worker.await.unwrap();
    assert!(called.borrow().is_empty());
}

#[wakeful::test(start_paused = true)]
async fn the_layers_work_together() {
    let begun = Instant::now();
    let service = ServiceBuilder::new()
        .layer(BufferLayer::new(10))
        .layer(RateLimitLayer::new(2, SECOND))
        .layer(TimeoutLayer::new(5 * SECOND))
        .service(service_fn(|never: bool| async move {
            match never {
                true => pending().await,
                false => Ok::<_, BoxError>("done"),
            }
        }));
    let mut tasks = Vec::new();
    for number in 0..6 {
        tasks.push(spawn(service.clone().oneshot(number == 5)));
    }
    let last = tasks.pop().unwrap();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "done");
    }
    assert_eq!(begun.elapsed(), 2 * SECOND);
    assert!(last.await.unwrap().unwrap_err().is::<Elapsed>());
    assert_eq!(begun.elapsed(), 7 * SECOND);
}

#[test]
fn delays_double_up_to_the_maximum() {
    let ms = Duration::from_millis;
    let mut backoff = Backoff::new(ms(100), ms(1500));
    let delays: Vec<_> = (0..6).map(|_| backoff.next_delay()).collect();
    assert_eq!(delays, [100, 200, 400, 800, 1500, 1500].map(ms));
    backoff.reset();
    assert_eq!(backoff.next_delay(), ms(100));
    // After a number of retries that no doubling could represent.
    let mut long = Backoff::new(ms(1), Duration::MAX);
    let last = (0..100).map(|_| long.next_delay()).last().unwrap();
    assert_eq!(last, ms(1) * u32::MAX);
}

#[test]
fn jitter_is_within_its_ratio_and_repeatable() {
    let second = Duration::from_secs(1);
    let delays = |seed| {
        let backoff = Backoff::new(second, second)
            .with_jitter(0.5)
            .with_seed(seed);
        std::iter::repeat_n((), 100).scan(backoff, |backoff, ()| Some(backoff.next_delay()))
    };
    let first: Vec<_> = delays(1).collect();
    assert!(
        first
            .iter()
            .all(|delay| (second..=second * 3 / 2).contains(delay))
    );
    assert!(first.iter().max().unwrap() > &(second * 7 / 5), "{first:?}");
    assert!(
        first.iter().min().unwrap() < &(second * 11 / 10),
        "{first:?}"
    );
    assert!(delays(1).eq(first.iter().copied()));
    assert!(!delays(2).eq(first.iter().copied()));
    // Without a seed two clients differ.
    let client = || Backoff::new(second, second).with_jitter(1.0).next_delay();
    assert_ne!(client(), client());
}

#[wakeful::test(start_paused = true)]
async fn a_backoff_sleeps_and_refuses_bad_settings() {
    let begun = Instant::now();
    let mut backoff = Backoff::new(SECOND, 60 * SECOND);
    backoff.next_backoff().await;
    backoff.next_backoff().await;
    assert_eq!(begun.elapsed(), 3 * SECOND);
    let text = text_of_panic(|| Backoff::new(2 * SECOND, SECOND));
    assert_eq!(
        text,
        "a backoff needs 0 < min <= max, and min is 2s, max is 1s"
    );
    for ratio in [-0.1, 100.5, f64::NAN] {
        let text = text_of_panic(|| Backoff::new(SECOND, SECOND).with_jitter(ratio));
        assert!(text.contains("from 0 to 100"), "{text}");
    }
}

#[wakeful::test(start_paused = true)]
async fn the_services_give_their_inner_service_back() {
    let mut timed = Timeout::new(7, SECOND);
    *timed.get_mut() += 1;
    assert_eq!((*timed.get_ref(), timed.into_inner()), (8, 8));
    let mut limited = RateLimit::new(7, 1, SECOND);
    *limited.get_mut() += 1;
    assert_eq!((*limited.get_ref(), limited.into_inner()), (8, 8));
}
