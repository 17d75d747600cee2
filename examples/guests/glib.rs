//! glib's main loop, that of GTK programs, drives Wakeful: a source for the runtime's descriptor,
//! and one for its timeout. Callbacks of glib wake and spawn tasks.
//!
//! `cargo run --example guest_of_glib --features glib`

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use glib::{ControlFlow, IOCondition, MainLoop, SourceId};
use wakeful::Runtime;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::sync::mpsc;
use wakeful::time::{Instant, sleep};

/// A runtime, and the timer of glib that ends its wait.
struct Guest {
    runtime: Runtime,
    timer: RefCell<Option<SourceId>>,
}

impl Guest {
    /// Adds the runtime to the main loop of this thread. Returns the source of its descriptor.
    fn start(self: &Rc<Self>) -> SourceId {
        let guest = self.clone();
        let fd = self.runtime.as_raw_fd();
        let source = glib_unix::unix_fd_add_local(fd, IOCondition::IN, move |_, _| {
            guest.turn();
            ControlFlow::Continue
        });
        self.turn();
        source
    }

    /// Runs a turn, and sets the timer for the next one. What callbacks of glib do meanwhile makes
    /// the descriptor readable.
    fn turn(self: &Rc<Self>) {
        self.runtime.turn().expect("the reactor works");
        if let Some(timer) = self.timer.take() {
            timer.remove();
        }
        let Some(timeout) = self.runtime.next_timeout() else {
            return;
        };
        // glib counts milliseconds. A wait that ends early would only cost a turn.
        let timeout = Duration::from_millis(timeout.as_micros().div_ceil(1000) as u64);
        let guest = self.clone();
        let timer = glib::timeout_add_local_once(timeout, move || {
            // It has fired, so glib has removed it.
            guest.timer.replace(None);
            guest.turn();
        });
        self.timer.replace(Some(timer));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let main_loop = MainLoop::new(None, false);
    let guest = Rc::new(Guest {
        runtime: Runtime::new()?,
        timer: RefCell::new(None),
    });
    let source = guest.start();

    // A callback of glib sends to a task of Wakeful, which wakes it on this thread.
    let (sender, mut receiver) = mpsc::unbounded_channel::<u32>();
    let ticks = Cell::new(0);
    glib::timeout_add_local(Duration::from_millis(5), move || {
        ticks.set(ticks.get() + 1);
        match sender.send(ticks.get()) {
            Ok(()) => ControlFlow::Continue,
            Err(_) => ControlFlow::Break,
        }
    });
    let received = guest.runtime.spawn(async move {
        for _ in 0..3 {
            let tick = receiver.recv().await.expect("glib sends three ticks");
            println!("wakeful: tick {tick} of glib");
        }
    });

    // Another one spawns a task that uses sockets and timers, and ends the program.
    let spawning = guest.clone();
    let ended = main_loop.clone();
    glib::timeout_add_local_once(Duration::from_millis(10), move || {
        drop(spawning.runtime.spawn(async move {
            let begin = Instant::now();
            let echoed = echo().await.expect("the loopback device works");
            println!("wakeful: a socket echoed {echoed:?}");
            sleep(Duration::from_millis(20)).await;
            assert!(begin.elapsed() >= Duration::from_millis(20));
            received.await.expect("no panic");
            println!("wakeful: done");
            ended.quit();
        }));
    });

    main_loop.run();
    source.remove();
    Ok(())
}

async fn echo() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    client.write_all(b"hello").await?;
    let mut buf = [0; 5];
    server.read_exact(&mut buf).await?;
    Ok(String::from_utf8_lossy(&buf).into_owned())
}
