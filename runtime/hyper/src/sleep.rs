//! A sleep that is `Send` because it holds nothing that is not.
//!
//! The timer itself stays at home, in a table of its thread; what travels is its place in there. On
//! the thread at home the timer is found and polled. On any other one a task at home waits instead,
//! and a sleep that is dropped there leaves a note of its place, which the table reads when it next
//! takes a timer in.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crossbeam_queue::SegQueue;
use wakeful_core::{Handle, RemoteJoinHandle, time};

use crate::thread::ThreadNumber;

type Timer = Pin<Box<time::Sleep>>;

thread_local! {
    static TIMERS: Table = Table::new();
}

/// The timers that were made on this thread.
struct Table {
    /// A timer is out of its place while it is polled, so that nothing is borrowed then.
    places: RefCell<Vec<Option<Timer>>>,
    free: RefCell<Vec<usize>>,
    notes: Notes,
}

/// Places of sleeps that were dropped on other threads.
type Notes = Arc<SegQueue<usize>>;

impl Table {
    fn new() -> Table {
        Table {
            places: RefCell::default(),
            free: RefCell::default(),
            notes: Arc::new(SegQueue::new()),
        }
    }

    fn insert(&self, timer: Timer) -> usize {
        while let Some(place) = self.notes.pop() {
            self.remove(place);
        }
        let free = self.free.borrow_mut().pop();
        let mut places = self.places.borrow_mut();
        match free {
            Some(place) => {
                places[place] = Some(timer);
                place
            }
            None => {
                places.push(Some(timer));
                places.len() - 1
            }
        }
    }

    fn remove(&self, place: usize) {
        let timer = self.places.borrow_mut()[place].take();
        self.free.borrow_mut().push(place);
        // With nothing borrowed: the waker in it may be the last reference to anything.
        drop(timer);
    }

    /// Calls `f` with the timer at this place, which its sleep has for as long as it lives.
    fn with<R>(&self, place: usize, f: impl FnOnce(Pin<&mut time::Sleep>) -> R) -> Option<R> {
        let mut timer = self.places.borrow_mut()[place].take()?;
        let result = f(timer.as_mut());
        self.places.borrow_mut()[place] = Some(timer);
        Some(result)
    }
}

/// See the module.
pub(crate) struct Sleep {
    deadline: Instant,
    home: Home,
    away: Away,
    /// The deadline was changed on another thread, and the timer at home has yet to learn of it.
    is_news: bool,
}

struct Home {
    thread: ThreadNumber,
    place: usize,
    notes: Notes,
    runtime: Handle,
}

/// How another thread waits.
enum Away {
    Not,
    /// For a task at home.
    Waits(RemoteJoinHandle<()>),
    /// For ever: the runtime has ended, and its clock with it.
    Forever,
}

impl Sleep {
    #[track_caller]
    pub(crate) fn new(timer: time::Sleep) -> Sleep {
        let runtime = Handle::current();
        let deadline = timer.deadline().into_std();
        let enter = |timers: &Table| (timers.insert(Box::pin(timer)), timers.notes.clone());
        let (place, notes) = TIMERS.with(enter);
        Sleep {
            deadline,
            home: Home {
                thread: ThreadNumber::current(),
                place,
                notes,
                runtime,
            },
            away: Away::Not,
            is_news: false,
        }
    }

    pub(crate) fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.come_home();
        self.is_news = true;
        if self.home.thread.is_current() {
            self.tell();
        }
    }

    /// Tells the timer at home of a new deadline.
    fn tell(&mut self) {
        if std::mem::take(&mut self.is_news) {
            let deadline = self.deadline.into();
            self.home.with(|timer| timer.reset(deadline));
        }
    }

    fn poll_away(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Away::Not = self.away {
            let deadline = self.deadline.into();
            let task = self
                .home
                .runtime
                .spawn_with(move || time::sleep_until(deadline));
            self.away = Away::Waits(task);
        }
        let Away::Waits(task) = &mut self.away else {
            return Poll::Pending;
        };
        match Pin::new(task).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.away = Away::Not;
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) => {
                self.away = Away::Forever;
                Poll::Pending
            }
        }
    }

    /// Ends the wait of another thread, if there is one.
    fn come_home(&mut self) {
        if let Away::Waits(task) = std::mem::replace(&mut self.away, Away::Not) {
            task.abort();
        }
    }
}

impl Home {
    /// Calls `f` with the timer. On its thread only; there is none if that thread winds down.
    fn with<R>(&self, f: impl FnOnce(Pin<&mut time::Sleep>) -> R) -> Option<R> {
        let timer = TIMERS.try_with(|timers| timers.with(self.place, f));
        timer.ok().flatten()
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.home.thread.is_current() {
            return self.poll_away(cx);
        }
        self.come_home();
        self.tell();
        let timer = self.home.with(|timer| timer.poll(cx));
        timer.unwrap_or(Poll::Pending)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.come_home();
        let Home { place, notes, .. } = &self.home;
        if self.home.thread.is_current() {
            // On a thread that winds down the table may have gone first, and the timer with it.
            let _ = TIMERS.try_with(|timers| timers.remove(*place));
        } else {
            notes.push(*place);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
