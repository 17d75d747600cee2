//! Channels, their messages, and what has to become of these.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use wakeful::sync::mpsc::error::SendError;
use wakeful::sync::mpsc::{Receiver, Sender, channel};

use super::foreign;
use super::places::Place;
use super::world::{self, Tally, World};

/// What is known of a channel.
pub struct Pipe {
    number: usize,
    /// Messages that were sent and are neither received nor dropped.
    pub queued: Cell<usize>,
    /// The receiver is being dropped.
    pub gone: Cell<bool>,
}

impl Pipe {
    pub fn name(&self) -> String {
        format!("channel {}", self.number)
    }
}

#[derive(Clone)]
pub struct Outbox {
    pub sender: Sender<Message>,
    pub pipe: Rc<Pipe>,
}

pub struct Inbox {
    pub receiver: Receiver<Message>,
    pub pipe: Rc<Pipe>,
    /// The foreign waker that it was last polled with, and its wakes before.
    pub waiting: Option<(Arc<foreign::State>, usize)>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.pipe.gone.set(true);
    }
}

/// A send that waits.
pub struct Sending {
    pub future: Pin<Box<dyn Future<Output = Result<(), SendError<Message>>>>>,
    pub record: Rc<Sent>,
    pub waiting: Option<(Arc<foreign::State>, usize)>,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// A call or a future has it. Or it is in the queue, and the call has not returned.
    Handed,
    Queued,
    Received,
    Returned,
    Dropped,
}

/// What is known of a message.
pub struct Sent {
    number: usize,
    pipe: Rc<Pipe>,
    state: Cell<State>,
}

impl Sent {
    pub fn name(&self) -> String {
        format!("message {} of {}", self.number, self.pipe.name())
    }

    pub fn is_for(&self, pipe: &Pipe) -> bool {
        self.pipe.number == pipe.number
    }

    /// The call that sent it has returned. It may be received already.
    pub fn sent(&self) {
        if self.state.get() == State::Handed {
            self.state.set(State::Queued);
            self.pipe.queued.set(self.pipe.queued.get() + 1);
        }
    }

    /// The call that was to send it has returned it.
    pub fn returned(&self, world: &World) {
        let before = self.state.replace(State::Returned);
        world.check(before == State::Handed, || {
            format!("{} is returned and was {before:?}", self.name())
        });
    }

    fn leaves(&self, to: State) -> State {
        let before = self.state.replace(to);
        if before == State::Queued {
            self.pipe.queued.set(self.pipe.queued.get() - 1);
        }
        before
    }
}

pub struct Message {
    record: Rc<Sent>,
    tally: Arc<Tally>,
    /// A sender of its own channel, which is dropped with it.
    _outbox: Option<Outbox>,
}

impl Message {
    pub fn new(world: &World, outbox: &Outbox) -> (Rc<Sent>, Message) {
        let record = Rc::new(Sent {
            number: world.tally.messages.both().0,
            pipe: outbox.pipe.clone(),
            state: Cell::new(State::Handed),
        });
        world.tally.messages.made();
        let message = Message {
            record: record.clone(),
            tally: world.tally.clone(),
            _outbox: world.dice.one_in(4).then(|| outbox.clone()),
        };
        (record, message)
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        Rc::ptr_eq(&self.record, &other.record)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.tally.messages.dropped();
        let before = self.record.leaves(State::Dropped);
        if let Some(world) = world::current() {
            let name = || self.record.name();
            world.tell(|| format!("drop {}, {before:?}", name()));
            world.check(before != State::Dropped, || {
                format!("{} dropped twice", name())
            });
            let lost = before == State::Queued && !self.record.pipe.gone.get();
            world.check(!lost, || format!("{} dropped in the queue", name()));
        }
        world::chaos(Place::MessageDrop);
    }
}

pub fn pipe(world: &World, places: usize) -> (Outbox, Inbox) {
    let (sender, receiver) = channel(places);
    let pipe = Rc::new(Pipe {
        number: world.pipes.replace(world.pipes.get() + 1),
        queued: Cell::new(0),
        gone: Cell::new(false),
    });
    let outbox = Outbox {
        sender,
        pipe: pipe.clone(),
    };
    let waiting = None;
    let inbox = Inbox {
        receiver,
        pipe,
        waiting,
    };
    (outbox, inbox)
}

impl World {
    /// A receiver has received it.
    pub fn received(&self, pipe: &Pipe, message: &Message) {
        let record = &message.record;
        let before = record.leaves(State::Received);
        self.check(matches!(before, State::Handed | State::Queued), || {
            format!("{} is received and was {before:?}", record.name())
        });
        self.check(record.pipe.number == pipe.number, || {
            format!("{} is received from {}", record.name(), pipe.name())
        });
    }
}
