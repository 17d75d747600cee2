//! Checks exercise 06.

#[cfg_attr(feature = "solutions", path = "../solutions/06.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/06.rs")]
mod program;

use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use polling::Event;
use program::Runtime;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, processor_time, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        ('a', "Both tasks are in the queue at the start."),
        (
            'b',
            "After the poll of the reader the loop waits for an event. The writer, which would \
             cause it, is in the queue, and the loop does not come back to it.",
        ),
        (
            'c',
            "So it would be if the loop emptied the queue before it waits. How many tasks does it \
             take from the queue?",
        ),
        (
            'd',
            "So it should be: reader, writer, and the reader again. But the writer must be polled \
             before the loop waits for its datagram.",
        ),
    ],
    shipped: "nothing wakes it",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

const PAUSE: Duration = Duration::from_millis(300);

type Log = Rc<RefCell<Vec<String>>>;

/// Spawns a task that waits for a datagram. Returns the address of its socket.
fn reader(runtime: &Rc<Runtime>, key: usize, done: &Log) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_nonblocking(true).expect("a socket can be");
    let address = socket.local_addr().expect("it is bound");
    // SAFETY: the task deletes the socket from the poller before it drops it. If `run` does not
    // end, the process does.
    unsafe { runtime.poller.add(&socket, Event::none(key)) }.expect("it is added once");
    let (its, done) = (runtime.clone(), done.clone());
    runtime.spawn(async move {
        let length = its.receive(&socket, key).await.expect("a socket receives");
        its.poller.delete(&socket).expect("it was added");
        let end = format!("reader {key}: {length} bytes");
        done.borrow_mut().push(end);
    });
    address
}

fn check() -> Verdict {
    let done = Log::default();
    let runtime = Runtime::new().expect("a poller can be made");
    // Two tasks wait for a datagram; the third sends both.
    let addresses = [0, 1].map(|key| reader(&runtime, key, &done));
    let sent = done.clone();
    runtime.spawn(async move {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        for address in addresses {
            socket.send_to(b"hello", address).expect("it is bound");
        }
        sent.borrow_mut().push("writer: sent".to_owned());
    });
    step(
        "in `run`: a task waits for a datagram that another task, which is still in the queue, \
         will send",
    );
    let ended = runtime.run();
    ensure!(ended.is_ok(), "`run` returned an error: {ended:?}.");
    let mut ends = done.take();
    ends.sort();
    ensure!(
        ends == ["reader 0: 5 bytes", "reader 1: 5 bytes", "writer: sent"],
        "`run` returned before its tasks had ended. Only these did: {ends:?}."
    );

    // A datagram that comes after a pause, in which the loop must sleep.
    let (address, started) = (reader(&runtime, 2, &done), Instant::now());
    let before = processor_time();
    let writer = thread::spawn(move || {
        thread::sleep(PAUSE);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.send_to(b"hello", address).expect("it is bound");
    });
    step("in `run`: a task waits for a datagram that another thread will send");
    let ended = runtime.run();
    writer.join().expect("it does not panic");
    ensure!(ended.is_ok(), "`run` returned an error: {ended:?}.");
    ensure!(
        done.borrow().len() == 1,
        "A task waits for a datagram that comes {} ms later. `run` returned after {} ms, before the \
         task had ended.",
        PAUSE.as_millis(),
        started.elapsed().as_millis()
    );
    let used = before
        .zip(processor_time())
        .map(|(before, now)| now - before);
    ensure!(
        used.is_none_or(|used| used <= PAUSE / 10),
        "While no event came, `run` used the processor: {} ms within {} ms. It must sleep in the \
         poller when no task is queued.",
        used.unwrap_or_default().as_millis(),
        started.elapsed().as_millis()
    );
    Ok(())
}
