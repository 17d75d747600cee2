//! What called wake, and from where? Seven tasks, woken from seven places.
//!
//! A waker may be called from anywhere: another task, the task itself, the reactor, a timer, the
//! blocking pool, any thread, or code outside the loop. The task does not see the caller, but the
//! recorder does.
//!
//! Look at `sent to the loop` and `the loop receives`: a wake from another thread is sent to the
//! loop first. On the page, the colour of an arrow shows what called the waker.
//!
//! The page shows ten tasks: the seven, whose names begin with `by`; `main`; `friend`, which calls
//! one waker and sends a datagram; and one without a name, which the runtime makes for the job on
//! the pool.
//!
//! `cargo run --example lab_10_who_woke`

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use wakeful::net::UdpSocket;
use wakeful::time::{pause, resume, sleep};
use wakeful::trace::{Effect, Level, Origin};
use wakeful_lab::{self as lab, leave_waker};

fn main() {
    // Not `lab::record`: one of the wakes has to come from outside the loop.
    let builder = wakeful::Builder::new().trace_level(Level::Wakes);
    let runtime = builder.build().expect("a runtime can be created");
    let kept: Rc<Cell<Option<Waker>>> = Rc::default();
    let place = kept.clone();

    let by_outsider = runtime.enter(|| {
        let leave = leave_waker(move |waker| place.set(Some(waker)));
        lab::spawn("by an outsider", leave)
    });
    runtime.block_on(async move {
        pause(); // the clock jumps to the timer when no task is ready, so the timer is never late
        let slot: Rc<Cell<Option<Waker>>> = Rc::default();
        let friends = slot.clone();
        let by_task = lab::spawn("by a task", leave_waker(move |waker| slot.set(Some(waker))));
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let by_socket = lab::spawn("by a socket", async move {
            socket
                .recv_from(&mut [0; 16])
                .await
                .expect("`friend` sends a datagram");
        });
        let friend = lab::spawn("friend", async move {
            friends.take().expect("it was polled before").wake();
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
            sender
                .send_to(b"wake up", address)
                .expect("the socket above is bound");
        });
        let by_itself = lab::spawn("by itself", leave_waker(|waker| waker.wake()));
        let by_timer = lab::spawn("by a timer", sleep(Duration::from_millis(1)));
        let by_pool = lab::spawn("by the pool", async {
            leave_waker(|waker| drop(wakeful::spawn_blocking(|| waker.wake()))).await;
        });
        let by_thread = lab::spawn("by a thread", async {
            let helper = thread::Builder::new().name("helper".to_owned());
            leave_waker(|waker| drop(helper.spawn(|| waker.wake()))).await;
        });
        for task in [
            by_task, friend, by_itself, by_timer, by_socket, by_pool, by_thread,
        ] {
            task.await.expect("no task panics");
        }
        resume();
    });
    // The loop does not run now. This wake queues the task for the next `block_on`.
    kept.take().expect("it was polled").wake();
    runtime.block_on(by_outsider).expect("it does not panic");

    let snapshot = runtime.enter(wakeful::trace::snapshot);
    lab::show("10_who_woke", &snapshot);

    println!("Only the wakes of the seven tasks:");
    let story = snapshot.to_string();
    for line in story.lines().filter(|line| line.contains(" wakes by ")) {
        println!("  {line}");
    }

    // The page has as many tasks as the text above says.
    let names = snapshot.tasks().iter().map(|task| task.name.as_deref());
    let seven = names.filter(|name| name.is_some_and(|name| name.starts_with("by ")));
    assert_eq!((seven.count(), snapshot.tasks().len()), (7, 10));

    let only_wake = |name| lab::wakes(&snapshot, name)[0];
    let place = |name| lab::task(&snapshot, name);
    // The recorder names the caller of each wake.
    let friend = Origin::Task(place("friend"));
    assert_eq!(only_wake("by a task"), (friend, Effect::Queued));
    let itself = Origin::Task(place("by itself"));
    assert_eq!(only_wake("by itself"), (itself, Effect::DuringPoll));
    assert!(matches!(
        only_wake("by a timer"),
        (Origin::Timer(_), Effect::Queued)
    ));
    assert!(matches!(
        only_wake("by a socket"),
        (Origin::Source(_), Effect::Queued)
    ));
    assert!(matches!(
        only_wake("by the pool"),
        (Origin::Blocking(_), Effect::Sent)
    ));
    assert!(matches!(
        only_wake("by a thread"),
        (Origin::Thread(_), Effect::Sent)
    ));
    assert_eq!(
        only_wake("by an outsider"),
        (Origin::Outside, Effect::Queued)
    );
}
