//! Exercise 06: a loop that sleeps too early.
//!
//! What it should do: `run` polls the queued tasks until the queue is empty, and only then waits
//! for events. It returns when all tasks have ended.
//!
//! Repair `run`. It needs a change of one line. As it is, the program does not end: stop it with
//! Ctrl-C.
//!
//! The question, to answer before you run it: task `reader` waits for a datagram that task `writer`
//! sends. How many polls does the program print, before your repair?
//!
//! - a: none
//! - b: one
//! - c: two
//! - d: three
//!
//! Run it: `cargo run --example exercise_06`. Check it: `cargo run --example lab -- check 06`.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use polling::{Event, Events, Poller};

pub const ANSWER: char = '?';

type Queue = Arc<Mutex<VecDeque<usize>>>;

type Task = Pin<Box<dyn Future<Output = ()>>>;

pub struct Runtime {
    tasks: RefCell<Vec<Option<Task>>>,
    queue: Queue,
    pub poller: Poller,
    waiting: RefCell<HashMap<usize, Waker>>,
}

struct TaskWaker(usize, Queue);

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        self.1.lock().unwrap().push_back(self.0);
    }
}

impl Runtime {
    pub fn new() -> io::Result<Rc<Runtime>> {
        Ok(Rc::new(Runtime {
            tasks: RefCell::default(),
            queue: Queue::default(),
            poller: Poller::new()?,
            waiting: RefCell::default(),
        }))
    }

    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.tasks.borrow().len();
        self.tasks.borrow_mut().push(Some(Box::pin(future)));
        self.queue.lock().unwrap().push_back(task);
    }

    pub fn run(&self) -> io::Result<()> {
        let mut events = Events::new();
        let next = || self.queue.lock().unwrap().pop_front();
        loop {
            if let Some(task) = next() {
                self.poll(task);
            }
            if self.tasks.borrow().iter().all(Option::is_none) {
                return Ok(());
            }
            events.clear();
            self.poller.wait(&mut events, None)?;
            for event in events.iter() {
                if let Some(waker) = self.waiting.borrow_mut().remove(&event.key) {
                    waker.wake();
                }
            }
        }
    }

    fn poll(&self, task: usize) {
        let Some(mut future) = self.tasks.borrow_mut()[task].take() else {
            return;
        };
        println!("loop: poll task {task}");
        let waker = Waker::from(Arc::new(TaskWaker(task, self.queue.clone())));
        let mut context = Context::from_waker(&waker);
        if future.as_mut().poll(&mut context).is_pending() {
            self.tasks.borrow_mut()[task] = Some(future);
        }
    }

    /// Receives a datagram from a socket, which was added to the poller with this key.
    pub async fn receive(&self, socket: &UdpSocket, key: usize) -> io::Result<usize> {
        let mut buffer = [0; 64];
        poll_fn(|cx| match socket.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let waker = cx.waker().clone();
                self.waiting.borrow_mut().insert(key, waker);
                self.poller.modify(socket, Event::readable(key))?;
                Poll::Pending
            }
            done => Poll::Ready(done),
        })
        .await
    }
}

pub fn main() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_nonblocking(true).expect("a socket can be");
    let address = socket.local_addr().expect("it is bound");
    let runtime = Runtime::new().expect("a poller can be made");
    // SAFETY: the task deletes the socket from the poller before it drops it.
    unsafe { runtime.poller.add(&socket, Event::none(0)) }.expect("it is added once");

    let its = runtime.clone();
    runtime.spawn(async move {
        let length = its.receive(&socket, 0).await.expect("a socket receives");
        println!("reader: received {length} bytes");
        its.poller.delete(&socket).expect("it was added");
    });
    runtime.spawn(async move {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.send_to(b"hello", address).expect("it is bound");
        println!("writer: sent a datagram");
    });
    runtime.run().expect("the poller waits");
}
