//! A reactor wakes the tasks that wait for sockets. With it the executor is a runtime.
//!
//! The executor of lesson 05 stops when its queue is empty. This one waits instead, with the poller
//! of lesson 01, and wakes the tasks whose sockets are ready.
//!
//! Look at `run`: it gets events and processes them, as in lesson 01, but it processes every event
//! in the same way: it calls a waker. And look at `greet`: the conversation of lesson 02 as one
//! function.
//!
//! One thing this loop can't do: another thread may call a waker, and the queue is behind a lock, so
//! the task is queued. But the loop sleeps in `poller.wait`, which returns when a socket is ready,
//! not when the queue changes. If no socket becomes ready, the program hangs, with a task in the
//! queue. Lesson 27 wakes the loop.
//!
//! `cargo run --example lab_06_reactor`

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use polling::{AsSource, Event, Events, Poller};
use wakeful_lab as lab;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Queue = Arc<Mutex<VecDeque<usize>>>;

struct Runtime {
    tasks: RefCell<Vec<Option<Task>>>,
    queue: Queue,
    poller: Poller,
    /// The wakers of the waiting tasks, by the key of the socket.
    waiting: RefCell<HashMap<usize, Waker>>,
}

struct TaskWaker(usize, Queue);

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        let mut queue = self.1.lock().unwrap();
        if !queue.contains(&self.0) {
            queue.push_back(self.0); // ten wakes queue the task once, as in lesson 05
        }
        // Missing: if the loop sleeps and another thread is here, the loop must be woken, too.
    }
}

impl Runtime {
    /// Polls the queued tasks as in lesson 05. When the queue is empty, waits for events.
    fn run(&self) -> io::Result<()> {
        let mut events = Events::new();
        let next = || self.queue.lock().unwrap().pop_front();
        loop {
            while let Some(task) = next() {
                let Some(mut future) = self.tasks.borrow_mut()[task].take() else {
                    continue;
                };
                let waker = Waker::from(Arc::new(TaskWaker(task, self.queue.clone())));
                let mut context = Context::from_waker(&waker);
                if future.as_mut().poll(&mut context).is_pending() {
                    self.tasks.borrow_mut()[task] = Some(future);
                }
            }
            if self.tasks.borrow().iter().all(Option::is_none) {
                return Ok(());
            }
            events.clear();
            self.poller.wait(&mut events, None)?;
            for event in events.iter() {
                println!("reactor: socket {} is ready, wake its task", event.key);
                if let Some(waker) = self.waiting.borrow_mut().remove(&event.key) {
                    waker.wake();
                }
            }
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.tasks.borrow().len();
        self.tasks.borrow_mut().push(Some(Box::pin(future)));
        self.queue.lock().unwrap().push_back(task);
    }

    /// Waits for a socket: tries the operation. If it would block, leaves a waker with the reactor
    /// and returns `Pending`.
    async fn when<R>(
        &self,
        interest: Event,
        socket: impl AsSource,
        mut attempt: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let waker = cx.waker().clone();
                self.waiting.borrow_mut().insert(interest.key, waker);
                self.poller.modify(&socket, interest)?;
                Poll::Pending
            }
            done => Poll::Ready(done),
        })
        .await
    }
}

/// Serves one visitor. The code does not mention the others.
async fn greet(runtime: &Runtime, mut stream: &TcpStream, key: usize) -> io::Result<()> {
    stream.write_all(b"your name?\n")?; // fits into the socket's buffer; lesson 07 awaits the write
    let mut line = String::new();
    while !line.ends_with('\n') {
        let (mut piece, mut reader) = ([0; 64], stream);
        let read = || reader.read(&mut piece);
        let length = runtime.when(Event::readable(key), stream, read).await?;
        if length == 0 {
            return Ok(()); // disconnected before the end of the line
        }
        line.push_str(&String::from_utf8_lossy(&piece[..length]));
        println!("visitor {key}: has sent {line:?} so far");
    }
    stream.write_all(format!("hello, {line}").as_bytes())
}

/// Accepts two visitors and spawns a task for each.
async fn serve(runtime: &Rc<Runtime>, listener: &TcpListener) -> io::Result<()> {
    for key in 1..=2 {
        let accept = || listener.accept();
        let (stream, _) = runtime.when(Event::readable(0), listener, accept).await?;
        println!("visitor {key}: connects, and a task is spawned");
        stream.set_nonblocking(true)?;
        // SAFETY: the task deletes the stream from the poller before it drops it.
        unsafe { runtime.poller.add(&stream, Event::none(key))? };
        let its = runtime.clone();
        runtime.spawn(async move {
            let greeted = greet(&its, &stream, key).await;
            its.poller.delete(&stream).expect("it was added");
            greeted.expect("the visitors read the greeting");
        });
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let visitors = lab::visitors(listener.local_addr()?);
    let runtime = Rc::new(Runtime {
        tasks: RefCell::default(),
        queue: Queue::default(),
        poller: Poller::new()?,
        waiting: RefCell::default(),
    });
    // SAFETY: the task deletes the listener from the poller before it drops it.
    unsafe { runtime.poller.add(&listener, Event::none(0))? };
    let its = runtime.clone();
    runtime.spawn(async move {
        let served = serve(&its, &listener).await;
        its.poller.delete(&listener).expect("it was added");
        served.expect("a listener accepts");
    });
    runtime.run()?;

    let [ada, bob] = visitors.join().expect("the visitors do not panic")?;
    println!("\nAda received \"{ada}\", Bob received \"{bob}\".");
    println!("An executor, a reactor, and wakers between them: that is an async runtime.");
    println!("But a wake from another thread would not end its sleep: see lesson 27.");

    // The tasks do not depend on the loop, and the loop does not depend on the conversation.
    assert_eq!((ada.as_str(), bob.as_str()), ("hello, ada", "hello, bob"));
    Ok(())
}
