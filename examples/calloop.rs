//! `calloop`, the event loop of Wayland clients, drives Wakeful: to calloop the runtime is one more
//! descriptor and a timeout. Callbacks of calloop wake and spawn tasks of Wakeful.
//!
//! `cargo run --example calloop`

use std::error::Error;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, Mode, PostAction};
use wakeful::Runtime;
use wakeful::sync::mpsc;
use wakeful::time::sleep;

/// The data that calloop passes to each of its callbacks.
#[derive(Default)]
struct Seen {
    timers: u32,
    turns: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Rc::new(Runtime::new()?);
    let mut event_loop: EventLoop<'_, Seen> = EventLoop::try_new()?;

    // calloop takes ownership of its sources, so it gets a duplicate of the descriptor.
    let fd = rustix::io::dup(&*runtime)?;
    let driven = runtime.clone();
    let source = Generic::new(fd, Interest::READ, Mode::Level);
    event_loop
        .handle()
        .insert_source(source, move |_, _, seen| {
            driven.turn()?;
            seen.turns += 1;
            Ok(PostAction::Continue)
        })?;

    // A timer of calloop, whose callback wakes a task of Wakeful on this thread, and spawns one.
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let timer = Timer::from_duration(Duration::from_millis(5));
    let spawning = runtime.clone();
    event_loop
        .handle()
        .insert_source(timer, move |_, _, seen| {
            seen.timers += 1;
            if sender.send(seen.timers).is_err() {
                return TimeoutAction::Drop;
            }
            drop(spawning.spawn(async { println!("wakeful: a task from a callback") }));
            TimeoutAction::ToDuration(Duration::from_millis(5))
        })?;
    let ticks = runtime.spawn(async move {
        for _ in 0..3 {
            let tick = receiver.recv().await.expect("calloop's timer goes on");
            println!("wakeful: timer {tick} of calloop");
        }
    });

    let handle = runtime.handle();
    let remote = thread::spawn(move || {
        let task = handle.spawn_with(|| async {
            println!("wakeful: a task from another thread");
        });
        wakeful::block_on(task)
    });
    let task = runtime.spawn(async {
        sleep(Duration::from_millis(20)).await;
        println!("wakeful: woke after 20 ms");
    });

    let mut seen = Seen::default();
    runtime.turn()?;
    while !(task.is_finished() && ticks.is_finished() && remote.is_finished()) {
        // One wait for calloop and Wakeful.
        event_loop.dispatch(runtime.next_timeout(), &mut seen)?;
        // A timer of Wakeful ends the wait, but does not make a descriptor readable.
        runtime.turn()?;
    }
    remote.join().expect("the thread does not panic")?;
    println!("Wakeful's descriptor was readable {} times", seen.turns);
    Ok(())
}
