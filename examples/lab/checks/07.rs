//! Checks exercise 07.

#[cfg_attr(feature = "solutions", path = "../solutions/07.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/07.rs")]
mod program;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use wakeful::net::TcpListener;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, connect, step};

const EXERCISE: Exercise = Exercise {
    answer: 'a',
    replies: &[
        (
            'a',
            "`.await` makes the conversation a part of the future of `main`. Only `spawn` makes a \
             task.",
        ),
        (
            'b',
            "Is the conversation with Ada a task? What makes a task?",
        ),
        (
            'c',
            "So it should be. But which line makes a task of a conversation?",
        ),
    ],
    shipped: "has not been accepted",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Returns the next line from the server. Empty: it has closed the connection, or nothing came
/// within 3 s.
fn receive(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    // After an error the line is empty as well.
    let _ = client.read_line(&mut line);
    line.trim_end().to_owned()
}

fn check() -> Verdict {
    step("in `serve`, after both visitors have received their greetings");
    wakeful::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let all_sent = Arc::new(AtomicBool::new(false));
        let sent = all_sent.clone();
        let clients = thread::spawn(move || {
            let mut ada = connect(address);
            let question = receive(&mut ada);
            ensure!(
                question == "your name?",
                "Ada received {question:?} and no question."
            );
            ada.get_mut().write_all(b"ad").expect("the server reads");
            let mut bob = connect(address);
            bob.get_mut().write_all(b"bob\n").expect("the server reads");
            let question = receive(&mut bob);
            ensure!(
                question == "your name?",
                "Ada has sent half of her name and pauses. Bob has connected, and has not been \
                 accepted: the loop of `serve` waits for the end of Ada's conversation."
            );
            let greeting = receive(&mut bob);
            ensure!(
                greeting == "hello, bob",
                "Ada pauses, and Bob has sent his name. He received {greeting:?} in the place of \
                 his greeting."
            );
            sent.store(true, SeqCst);
            ada.get_mut().write_all(b"a\n").expect("the server reads");
            let greeting = receive(&mut ada);
            ensure!(
                greeting == "hello, ada",
                "Ada received {greeting:?} and not her greeting."
            );
            Ok(())
        });
        let served = program::serve(listener).await;
        let too_early = !all_sent.load(SeqCst);
        let verdict = wakeful::spawn_blocking(move || clients.join()).await;
        verdict
            .expect("it does not panic")
            .expect("its panic is reported")?;
        ensure!(served.is_ok(), "`serve` returned an error: {served:?}.");
        ensure!(
            !too_early,
            "`serve` returned while Ada was still sending her name. Then the program may end, and \
             the conversation with it. `serve` must await the tasks that it has spawned."
        );
        Ok(())
    })
}
