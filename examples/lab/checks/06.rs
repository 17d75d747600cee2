//! Checks exercise 06.

#[cfg_attr(feature = "solutions", path = "../solutions/06.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/06.rs")]
mod program;

use std::cell::RefCell;
use std::net::UdpSocket;
use std::process::ExitCode;
use std::rc::Rc;

use polling::Event;
use program::Runtime;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

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

fn check() -> Verdict {
    let done: Rc<RefCell<Vec<String>>> = Rc::default();
    let runtime = Runtime::new().expect("a poller can be made");
    let mut addresses = Vec::new();
    // Each of the first two waits for a datagram; the third sends both.
    for key in 0..2 {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.set_nonblocking(true).expect("a socket can be");
        addresses.push(socket.local_addr().expect("it is bound"));
        // SAFETY: the task deletes the socket from the poller before it drops it. If `run` does not
        // end, the process does.
        unsafe { runtime.poller.add(&socket, Event::none(key)) }.expect("it is added once");
        let (its, done) = (runtime.clone(), done.clone());
        runtime.spawn(async move {
            let length = its.receive(&socket, key).await.expect("a socket receives");
            its.poller.delete(&socket).expect("it was added");
            done.borrow_mut()
                .push(format!("reader {key}: {length} bytes"));
        });
    }
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
    let mut done = done.take();
    done.sort();
    ensure!(
        done == ["reader 0: 5 bytes", "reader 1: 5 bytes", "writer: sent"],
        "`run` returned before its tasks had ended. Only these did: {done:?}."
    );
    Ok(())
}
