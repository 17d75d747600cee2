//! A byte script that arms, polls, resets and drops sleeps and advances a paused clock. A sorted
//! map has the sleeps that are expected to fire, in order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use wakeful::Runtime;
use wakeful::time::{Instant, Sleep, advance, sleep, sleep_until};

pub const WORDS: &[&[u8]] = &[];

const MAX_BYTES: usize = 2048;
const SLEEPS: usize = 24;
/// About 36 years: the largest deadline and the largest time.
const FAR: u64 = 1 << 60;
const NEVER: u64 = u64::MAX;

/// The action of a waker when its sleep fires, after it has recorded that.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Nothing,
    Drop(usize),
    /// Reset another sleep to that number of nanoseconds after the start.
    PutOff(usize, u64),
}

struct Waking {
    number: usize,
    deed: Deed,
}

thread_local! {
    /// The state that wakers use, which has to be `Send`.
    static STAGE: RefCell<Stage> = const {
        RefCell::new(Stage { start: None, sleeps: Vec::new(), fired: Vec::new() })
    };
}

struct Stage {
    start: Option<Instant>,
    sleeps: Vec<Option<Pin<Box<Sleep>>>>,
    fired: Vec<(usize, usize)>,
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        let owner = self.number % SLEEPS;
        STAGE.with_borrow_mut(|stage| stage.fired.push((owner, self.number)));
        match self.deed {
            Deed::Nothing => {}
            Deed::Drop(other) => drop(take(other)),
            Deed::PutOff(other, nanos) => {
                if let Some(mut sleep) = take(other) {
                    sleep.as_mut().reset(at(nanos));
                    put(other, sleep);
                }
            }
        }
    }
}

fn take(index: usize) -> Option<Pin<Box<Sleep>>> {
    STAGE.with_borrow_mut(|stage| stage.sleeps[index].take())
}

fn put(index: usize, sleep: Pin<Box<Sleep>>) {
    let before = STAGE.with_borrow_mut(|stage| stage.sleeps[index].replace(sleep));
    drop(before);
}

fn at(nanos: u64) -> Instant {
    let start = STAGE.with_borrow(|stage| stage.start);
    start.expect("the script has begun") + Duration::from_nanos(nanos)
}

pub fn run(script: &[u8]) {
    if script.len() > MAX_BYTES {
        return;
    }
    let runtime = Runtime::builder().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let mut model = Model::new(script);
    runtime.block_on(async {
        let sleeps = std::iter::repeat_with(|| None).take(SLEEPS).collect();
        let start = Some(Instant::now());
        STAGE.set(Stage {
            start,
            sleeps,
            fired: Vec::new(),
        });
        while !model.script.is_empty() {
            model.step().await;
            let (armed, timers) = (model.armed.len(), wakeful::Metrics::current().timers);
            assert_eq!(timers, armed, "the number of armed timers is wrong");
        }
        // Each armed sleep fires, except those without an end.
        model.advance(FAR - model.now).await;
    });
    let sleeps = STAGE.with_borrow_mut(|stage| std::mem::take(&mut stage.sleeps));
    if model.dies_first {
        // The sleeps outlive their loop, and do not fire any more.
        drop(runtime);
    }
    drop(sleeps);
}

/// The expected state.
struct Model<'a> {
    script: &'a [u8],
    now: u64,
    /// The number of wakers so far.
    made: usize,
    /// The sleeps, by deadline and order of arming.
    armed: BTreeMap<(u64, u64), usize>,
    arming: u64,
    sleeps: Vec<Option<Known>>,
    dies_first: bool,
}

/// A sleep: its deadline, and its place in the map and its waker while it is armed.
#[derive(Clone, Copy)]
struct Known {
    deadline: u64,
    waits: Option<(u64, usize, Deed)>,
}

impl Model<'_> {
    fn new(script: &[u8]) -> Model<'_> {
        Model {
            script,
            now: 0,
            made: 0,
            armed: BTreeMap::new(),
            arming: 0,
            sleeps: vec![None; SLEEPS],
            dies_first: script.len() % 2 == 1,
        }
    }

    fn byte(&mut self) -> u64 {
        let (first, rest) = self.script.split_first().unwrap_or((&0, &[]));
        self.script = rest;
        u64::from(*first)
    }

    fn index(&mut self) -> usize {
        self.byte() as usize % SLEEPS
    }

    /// Returns a duration of any size: a few nanoseconds, or years.
    fn span(&mut self) -> u64 {
        let shift = self.byte() % 50;
        let more = self.byte();
        (self.byte() << shift >> 4) + more
    }

    /// Returns a point in time, often the deadline of another sleep.
    fn point(&mut self) -> u64 {
        match self.byte() % 5 {
            0 => self.now,
            1 => {
                let other = self.index();
                let known = self.sleeps[other].map(|known| known.deadline);
                known.filter(|&deadline| deadline != NEVER).unwrap_or(0)
            }
            2 => self.now.saturating_sub(self.span()),
            _ => (self.now + self.span()).min(FAR),
        }
    }

    async fn step(&mut self) {
        match self.byte() % 16 {
            0..=2 => {
                let deadline = self.point();
                self.make(deadline, sleep_until(at(deadline)));
            }
            3 => {
                let span = self.span();
                let deadline = self.now + span;
                self.make(deadline, sleep(Duration::from_nanos(span)));
            }
            4 => self.make(NEVER, sleep(Duration::MAX)),
            5..=8 => self.poll(),
            9 => {
                let index = self.index();
                self.drop_sleep(index);
                drop(take(index));
            }
            10 | 11 => {
                let index = self.index();
                let deadline = self.point();
                if let Some(mut sleep) = take(index) {
                    self.reset(index, deadline);
                    sleep.as_mut().reset(at(deadline));
                    put(index, sleep);
                }
            }
            12 => self.look(),
            13 => self.advance(0).await,
            14 => {
                // To the next deadline, or to just before it.
                let next = self
                    .armed
                    .keys()
                    .next()
                    .map_or(self.now, |key| key.0.min(FAR));
                let short = self.byte() % 2;
                self.advance(next.saturating_sub(self.now).saturating_sub(short))
                    .await;
            }
            _ => {
                let span = self.span();
                self.advance(span).await;
            }
        }
    }

    fn make(&mut self, deadline: u64, sleep: Sleep) {
        let index = self.index();
        self.drop_sleep(index);
        put(index, Box::pin(sleep));
        let waits = None;
        self.sleeps[index] = Some(Known { deadline, waits });
    }

    fn drop_sleep(&mut self, index: usize) {
        let known = self.sleeps[index].take();
        if let Some(Known {
            deadline,
            waits: Some((order, ..)),
        }) = known
        {
            self.armed.remove(&(deadline, order)).expect("it was armed");
        }
    }

    /// An armed sleep stays armed, with a new place among equal deadlines.
    fn reset(&mut self, index: usize, deadline: u64) {
        let known = self.sleeps[index].as_mut().expect("it is there");
        if let Some((order, ..)) = &mut known.waits {
            self.armed
                .remove(&(known.deadline, *order))
                .expect("it was armed");
            *order = self.arming;
            self.arming += 1;
            self.armed.insert((deadline, *order), index);
        }
        known.deadline = deadline;
    }

    /// With a new waker, as the newest one counts.
    fn poll(&mut self) {
        let index = self.index();
        let other = self.index();
        let deed = match self.byte() % 4 {
            0 if other != index => Deed::Drop(other),
            // Beyond all other times: a sleep that a waker arms for now fires at the next turn.
            1 if other != index => Deed::PutOff(other, FAR + 1 + self.byte()),
            _ => Deed::Nothing,
        };
        let Some(mut sleep) = take(index) else {
            return;
        };
        let number = self.made * SLEEPS + index;
        self.made += 1;
        let waker = Waker::from(Arc::new(Waking { number, deed }));
        let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
        put(index, sleep);
        let known = self.sleeps[index].as_mut().expect("it is there");
        if known.deadline <= self.now {
            assert_eq!(poll, Poll::Ready(()), "the deadline has passed");
            if let Some((order, ..)) = known.waits.take() {
                self.armed
                    .remove(&(known.deadline, order))
                    .expect("it was armed");
            }
            return;
        }
        assert_eq!(poll, Poll::Pending, "too early");
        let order = known.waits.map_or(self.arming, |(order, ..)| order);
        if known.waits.is_none() {
            self.arming += 1;
            self.armed.insert((known.deadline, order), index);
        }
        known.waits = Some((order, number, deed));
    }

    /// Checks that all other sleeps are unchanged.
    fn look(&self) {
        assert_eq!(Instant::now(), at(self.now));
        for (index, known) in self.sleeps.iter().enumerate() {
            let seen = take(index);
            assert_eq!(seen.is_some(), known.is_some());
            if let (Some(sleep), Some(known)) = (seen, known) {
                assert_eq!(sleep.is_elapsed(), known.deadline <= self.now);
                if known.deadline != NEVER {
                    assert_eq!(sleep.deadline(), at(known.deadline));
                }
                put(index, sleep);
            }
        }
    }

    async fn advance(&mut self, span: u64) {
        let span = span.min(FAR - self.now);
        self.now += span;
        let mut expected = Vec::new();
        while let Some((&(deadline, order), &index)) = self.armed.first_key_value() {
            if deadline > self.now {
                break;
            }
            self.armed.remove(&(deadline, order));
            let known = self.sleeps[index].as_mut().expect("it is there");
            let (_, number, deed) = known.waits.take().expect("it waits");
            expected.push((index, number));
            match deed {
                Deed::Nothing => {}
                Deed::Drop(other) => self.drop_sleep(other),
                Deed::PutOff(other, deadline) if self.sleeps[other].is_some() => {
                    self.reset(other, deadline);
                }
                Deed::PutOff(..) => {}
            }
        }
        advance(Duration::from_nanos(span)).await;
        let fired = STAGE.with_borrow_mut(|stage| std::mem::take(&mut stage.fired));
        assert_eq!(fired, expected, "at {} ns", self.now);
        assert_eq!(Instant::now(), at(self.now));
    }
}
