//! Who wakes a task that waits for a socket: a reactor. With it the executor is a runtime.
//!
//! The executor of lesson 05 stops when its queue is empty. Now it asks the reactor to wait
//! instead, with the poller of lesson 01, and the reactor wakes the tasks whose sockets are ready.
//!
//! Look at `run`: get events and process them, as in lesson 01, but to process an event is to call
//! a waker, whatever it is for. And look at `greet`: the conversation of lesson 02 as one function.
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
type Line = Arc<Mutex<VecDeque<usize>>>;

struct Runtime {
    tasks: RefCell<Vec<Option<Task>>>,
    line: Line,
    poller: Poller,
    /// Who waits, by the key of the socket.
    waiting: RefCell<HashMap<usize, Waker>>,
}

struct Ticket(usize, Line);

impl Wake for Ticket {
    fn wake(self: Arc<Ticket>) {
        self.1.lock().unwrap().push_back(self.0);
    }
}

impl Runtime {
    /// The executor, as in lesson 05, and what it does when the line is empty.
    fn run(&self) -> io::Result<()> {
        let mut events = Events::new();
        let next = || self.line.lock().unwrap().pop_front();
        loop {
            while let Some(task) = next() {
                let Some(mut future) = self.tasks.borrow_mut()[task].take() else {
                    continue;
                };
                let waker = Waker::from(Arc::new(Ticket(task, self.line.clone())));
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
                println!("reactor: socket {} is ready, its task is woken", event.key);
                if let Some(waker) = self.waiting.borrow_mut().remove(&event.key) {
                    waker.wake();
                }
            }
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.tasks.borrow().len();
        self.tasks.borrow_mut().push(Some(Box::pin(future)));
        self.line.lock().unwrap().push_back(task);
    }

    /// Every wait for a socket is this: try; if it would block, leave the waker, and be pending.
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

/// One conversation, written as if there were no other.
async fn greet(runtime: &Runtime, mut stream: &TcpStream, key: usize) -> io::Result<()> {
    stream.write_all(b"your name?\n")?; // there is room for a line; lesson 07 waits for it
    let mut line = String::new();
    while !line.ends_with('\n') {
        let (mut piece, mut reader) = ([0; 64], stream);
        let read = || reader.read(&mut piece);
        let length = runtime.when(Event::readable(key), stream, read).await?;
        if length == 0 {
            return Ok(()); // left without a name
        }
        line.push_str(&String::from_utf8_lossy(&piece[..length]));
        println!("visitor {key}: has said {line:?} so far");
    }
    stream.write_all(format!("hello, {line}").as_bytes())
}

/// A task for each visitor.
async fn serve(runtime: &Rc<Runtime>, listener: &TcpListener) -> io::Result<()> {
    for key in 1..=2 {
        let accept = || listener.accept();
        let (stream, _) = runtime.when(Event::readable(0), listener, accept).await?;
        println!("visitor {key}: comes, and gets a task");
        stream.set_nonblocking(true)?;
        // SAFETY: the task deletes the stream from the poller before it drops it.
        unsafe { runtime.poller.add(&stream, Event::none(key))? };
        let its = runtime.clone();
        runtime.spawn(async move {
            let greeted = greet(&its, &stream, key).await;
            its.poller.delete(&stream).expect("it was added");
            greeted.expect("visitors hear us out");
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
        line: Line::default(),
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
    println!("\nAda heard \"{ada}\", Bob heard \"{bob}\".");
    println!("An executor, a reactor, and wakers between them: that is an async runtime.");

    // The tasks know nothing of the loop, and the loop knows nothing of the conversation.
    assert_eq!((ada.as_str(), bob.as_str()), ("hello, ada", "hello, bob"));
    Ok(())
}
