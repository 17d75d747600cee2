//! Wakers and messages whose functions call the channel, or panic.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use futures_util::FutureExt;
use wakeful::sync::mpsc::error::{SendError, TryRecvError};
use wakeful::sync::mpsc::{Receiver, Sender, channel};

/// What the functions of a waker do, once each.
#[derive(Default)]
struct Hooks {
    clone: RefCell<Option<Box<dyn FnOnce()>>>,
    wake: RefCell<Option<Box<dyn FnOnce()>>>,
    drop: RefCell<Option<Box<dyn FnOnce()>>>,
    wakes: Cell<usize>,
}

impl Hooks {
    fn new() -> Rc<Hooks> {
        Rc::default()
    }

    fn on_clone(&self, f: impl FnOnce() + 'static) {
        self.clone.replace(Some(Box::new(f)));
    }

    fn on_wake(&self, f: impl FnOnce() + 'static) {
        self.wake.replace(Some(Box::new(f)));
    }

    fn on_drop(&self, f: impl FnOnce() + 'static) {
        self.drop.replace(Some(Box::new(f)));
    }

    fn waker(self: &Rc<Hooks>) -> Waker {
        let data = Rc::into_raw(self.clone()).cast();
        // SAFETY: each function takes the data for a count of the `Rc`, and the waker stays on
        // this thread.
        unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
    }

    fn call(hook: &RefCell<Option<Box<dyn FnOnce()>>>) {
        let hook = hook.take();
        if let Some(f) = hook {
            f();
        }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller has a count, which it keeps.
    let hooks = unsafe { &*data.cast::<Hooks>() };
    Hooks::call(&hooks.clone);
    // SAFETY: as above.
    unsafe { Rc::increment_strong_count(data.cast::<Hooks>()) };
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the caller gives its count up.
    let hooks = unsafe { Rc::from_raw(data.cast::<Hooks>()) };
    hooks.wakes.set(hooks.wakes.get() + 1);
    Hooks::call(&hooks.wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller has a count, which it keeps.
    let hooks = unsafe { &*data.cast::<Hooks>() };
    hooks.wakes.set(hooks.wakes.get() + 1);
    Hooks::call(&hooks.wake);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the caller gives its count up.
    let hooks = unsafe { Rc::from_raw(data.cast::<Hooks>()) };
    Hooks::call(&hooks.drop);
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// A handle that hooks may take and drop.
type Shared<T> = Rc<RefCell<Option<T>>>;

fn shared<T>(value: T) -> Shared<T> {
    Rc::new(RefCell::new(Some(value)))
}

fn drop_of<T: 'static>(value: &Shared<T>) -> impl FnOnce() + 'static {
    let value = value.clone();
    move || {
        let value = value.take();
        drop(value);
    }
}

#[test]
fn a_message_that_is_sent_while_the_waker_is_cloned_is_received_at_once() {
    let (sender, mut receiver) = channel(1);
    let hooks = Hooks::new();
    hooks.on_clone(move || sender.try_send(1).unwrap());
    let mut recv = Box::pin(receiver.recv());
    assert_eq!(poll(&mut recv, &hooks.waker()), Poll::Ready(Some(1)));
    drop(recv);
    assert_eq!(Rc::strong_count(&hooks), 1);
}

#[test]
fn a_sender_that_is_dropped_while_the_waker_is_cloned_ends_the_receiver_at_once() {
    let (sender, mut receiver) = channel::<u32>(1);
    let hooks = Hooks::new();
    hooks.on_clone(move || drop(sender));
    assert_eq!(
        poll(&mut Box::pin(receiver.recv()), &hooks.waker()),
        Poll::Ready(None)
    );
}

#[test]
fn a_place_that_is_freed_while_the_waker_is_cloned_is_used_at_once() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let hooks = Hooks::new();
    let received = Rc::new(RefCell::new(None));
    let (theirs, receives) = (received.clone(), shared(()));
    hooks.on_clone(move || {
        assert_eq!(receiver.try_recv(), Ok(1));
        theirs.replace(Some(receiver));
        drop_of(&receives)();
    });
    let mut send = Box::pin(sender.send(2));
    assert_eq!(poll(&mut send, &hooks.waker()), Poll::Ready(Ok(())));
    let receiver: Option<Receiver<u32>> = received.take();
    assert_eq!(receiver.unwrap().try_recv(), Ok(2));
}

#[test]
fn a_receiver_that_is_dropped_while_the_waker_is_cloned_fails_the_sender() {
    let (sender, receiver) = channel(1);
    sender.try_send(1).unwrap();
    let hooks = Hooks::new();
    hooks.on_clone(move || drop(receiver));
    let mut send = Box::pin(sender.send(2));
    assert_eq!(
        poll(&mut send, &hooks.waker()),
        Poll::Ready(Err(SendError(2)))
    );
}

#[test]
fn a_message_stays_if_the_drop_of_a_needless_waker_panics() {
    let (sender, mut receiver) = channel(1);
    let hooks = Hooks::new();
    let theirs = hooks.clone();
    hooks.on_clone(move || {
        sender.try_send(1).unwrap();
        theirs.on_drop(|| panic!("the drop of a waker panics"));
    });
    let waker = hooks.waker();
    let mut recv = Box::pin(receiver.recv());
    // The panic is caught, as the message would be lost with it.
    assert_eq!(poll(&mut recv, &waker), Poll::Ready(Some(1)));
}

#[test]
fn a_place_stays_if_the_drop_of_a_needless_waker_panics() {
    let (sender, receiver) = channel(1);
    sender.try_send(1).unwrap();
    let hooks = Hooks::new();
    let theirs = hooks.clone();
    let receiver = shared(receiver);
    let receives = receiver.clone();
    hooks.on_clone(move || {
        receives.borrow_mut().as_mut().unwrap().try_recv().unwrap();
        theirs.on_drop(|| panic!("the drop of a waker panics"));
    });
    let waker = hooks.waker();
    let mut send = Box::pin(sender.send(2));
    // The panic is caught, as the place would be lost with it.
    assert_eq!(poll(&mut send, &waker), Poll::Ready(Ok(())));
    assert_eq!(sender.capacity(), 0);
    let receiver = receiver.take();
    assert_eq!(receiver.unwrap().try_recv(), Ok(2));
}

#[test]
fn a_wake_may_receive_send_and_drop_the_other_half() {
    // The receiver's wake receives.
    let (sender, receiver) = channel(1);
    let receiver = shared(receiver);
    let hooks = Hooks::new();
    let waker = hooks.waker();
    let receive = |waker: &Waker| {
        let mut receiver = receiver.borrow_mut();
        let receiver = receiver.as_mut().unwrap();
        poll(&mut Box::pin(receiver.recv()), waker)
    };
    assert_eq!(receive(&waker), Poll::Pending);
    let (theirs, again) = (receiver.clone(), sender.clone());
    hooks.on_wake(move || {
        let mut receiver = theirs.borrow_mut();
        assert_eq!(receiver.as_mut().unwrap().try_recv(), Ok(1));
        again.try_send(2).unwrap();
    });
    sender.try_send(1).unwrap();
    assert_eq!(receive(&waker), Poll::Ready(Some(2)));
    // It drops the receiver.
    assert_eq!(receive(&waker), Poll::Pending);
    hooks.on_wake(drop_of(&receiver));
    sender.try_send(3).unwrap();
    assert!(sender.is_closed());
    assert_eq!((hooks.wakes.get(), sender.capacity()), (2, 1));
}

#[test]
fn a_wake_of_a_sender_may_drop_the_senders() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let hooks = Hooks::new();
    let waiting = {
        let sender = sender.clone();
        let mut waiting: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            _ = sender.send(2).await;
        });
        assert!(poll(&mut waiting, &hooks.waker()).is_pending());
        shared(waiting)
    };
    let sender = shared(sender);
    let (first, second) = (drop_of(&waiting), drop_of(&sender));
    hooks.on_wake(move || {
        // It has got the place, which it gives back.
        first();
        second();
    });
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.capacity(), 1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_panic_of_a_wake_keeps_no_other_waiter_waiting() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    let all = [Hooks::new(), Hooks::new()];
    let mut sends = [3, 4].map(|number| Box::pin(sender.send(number)));
    for (send, hooks) in sends.iter_mut().zip(&all) {
        assert!(poll(send, &hooks.waker()).is_pending());
        hooks.on_wake(|| panic!("a wake panics"));
    }
    let mut buffer = Vec::new();
    let count = receiver.recv_many(&mut buffer, 2).now_or_never();
    assert_eq!((count, &buffer[..]), (Some(2), &[1, 2][..]));
    assert_eq!(all.each_ref().map(|hooks| hooks.wakes.get()), [1, 1]);
    // The same for those that close wakes.
    for send in &mut sends {
        assert!(poll(send, Waker::noop()).is_ready());
    }
    let mut sends = [5, 6].map(|number| Box::pin(sender.send(number)));
    let mut closed = Box::pin(sender.closed());
    for (send, hooks) in sends.iter_mut().zip(&all) {
        assert!(poll(send, &hooks.waker()).is_pending());
        hooks.on_wake(|| panic!("a wake panics"));
    }
    let last = Hooks::new();
    assert!(poll(&mut closed, &last.waker()).is_pending());
    drop(receiver);
    assert_eq!(all.each_ref().map(|hooks| hooks.wakes.get()), [2, 2]);
    assert_eq!(last.wakes.get(), 1);
}

#[test]
fn a_panic_of_the_receivers_waker_does_not_reach_the_sender() {
    let (sender, mut receiver) = channel(1);
    let hooks = Hooks::new();
    assert!(poll(&mut Box::pin(receiver.recv()), &hooks.waker()).is_pending());
    hooks.on_wake(|| panic!("a wake panics"));
    sender.try_send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(Rc::strong_count(&hooks), 1);
}

#[test]
fn the_drop_of_a_message_may_call_its_channel() {
    /// Calls its channel when it is dropped.
    struct Message(Sender<Message>, Rc<Cell<usize>>);
    impl Drop for Message {
        fn drop(&mut self) {
            let Message(sender, dropped) = self;
            dropped.set(dropped.get() + 1);
            if dropped.get() < 9 {
                let next = Message(sender.clone(), dropped.clone());
                _ = sender.try_send(next);
                let next = Message(sender.clone(), dropped.clone());
                _ = sender.send(next).now_or_never();
            }
            assert!(!sender.is_closed() || sender.try_reserve().is_err());
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let (sender, receiver) = channel(2);
    sender
        .try_send(Message(sender.clone(), dropped.clone()))
        .unwrap();
    drop(receiver);
    assert!(dropped.get() >= 9, "{} messages", dropped.get());
    assert_eq!(Rc::strong_count(&dropped), 1, "no message is left");
}

#[test]
fn a_waker_that_is_dropped_with_its_receiver_may_send() {
    let (sender, receiver) = channel::<u32>(1);
    let receiver = shared(receiver);
    let hooks = Hooks::new();
    {
        let mut receiver = receiver.borrow_mut();
        let mut recv = Box::pin(receiver.as_mut().unwrap().recv());
        assert!(poll(&mut recv, &hooks.waker()).is_pending());
    }
    let sends = sender.clone();
    hooks.on_drop(move || assert!(sends.try_send(1).is_err()));
    drop_of(&receiver)();
    assert_eq!(Rc::strong_count(&hooks), 1);
}
