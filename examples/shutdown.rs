//! A server with a graceful shutdown: on SIGTERM or ctrl-c it accepts no new clients, finishes the
//! requests under way, and drops those that take longer than the deadline.
//! `cargo run --example shutdown`, then `echo work 3000 | nc 127.0.0.1 7000` and `kill -TERM`.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use wakeful::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use wakeful::net::{TcpListener, TcpStream};
use wakeful::signal::unix::{Signal, SignalKind, signal};
use wakeful::sync::CancellationToken;
use wakeful::task::JoinSet;
use wakeful::time::{sleep, timeout};
use wakeful_examples::{Args, accept, close_gently, listen};

const USAGE: &str = "\
usage: shutdown [ADDRESS] [--deadline MS]

Listens at ADDRESS (127.0.0.1:7000). A request is a line `work MS`; the answer comes after that many
milliseconds. On SIGTERM or ctrl-c the requests under way have MS (10000) milliseconds to finish; a
second signal ends the program at once. The exit code is 0 if all of them finished.";

/// The largest request.
const MAX_LINE: u64 = 1000;

#[wakeful::main]
async fn main() -> ExitCode {
    let mut args = Args::from_env(USAGE);
    let deadline = Duration::from_millis(args.option("--deadline", 10_000));
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    // Before the address is printed: a process that reads it may send a signal.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let listener = listen(&address).await;
    let clients = serve(listener, signals.next()).await;
    finish(clients, deadline, signals.next()).await
}

/// The two signals that end the server. They are received all the time, so none is missed.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        wakeful::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "ctrl-c",
        }
    }
}

/// Accepts clients until the signal arrives. Returns the remaining clients, which are stopping.
async fn serve(
    listener: TcpListener,
    signal: impl Future<Output = &'static str>,
) -> JoinSet<io::Result<()>> {
    let mut signal = pin!(signal);
    let mut clients = JoinSet::new();
    let stop = CancellationToken::new();
    loop {
        wakeful::select! {
            biased;
            (stream, _) = accept(&listener) => {
                clients.spawn(talk(stream, stop.clone()));
                // Finished clients are removed.
                while clients.try_join_next().is_some() {}
            }
            name = &mut signal => {
                stop.cancel();
                println!("{name}: no new clients, requests under way are finished");
                return clients;
            }
        }
    }
}

/// Serves one client, request by request. It stops only between two requests.
async fn talk(stream: TcpStream, stop: CancellationToken) -> io::Result<()> {
    let mut requests = BufReader::new(&stream);
    loop {
        let mut line = String::new();
        let mut limited = (&mut requests).take(MAX_LINE);
        let length = wakeful::select! {
            biased;
            length = limited.read_line(&mut line) => length?,
            () = stop.cancelled() => return close_gently(&stream).await,
        };
        if length == 0 {
            return Ok(());
        }
        let answer = work(&line).await;
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn work(line: &str) -> String {
    let time = line.trim_end().strip_prefix("work ").map(str::parse);
    match time {
        Some(Ok(time)) => {
            sleep(Duration::from_millis(time)).await;
            format!("done after {time} ms\n")
        }
        _ => format!(
            "error: '{}' is not a request; send 'work MS'\n",
            line.trim()
        ),
    }
}

/// Waits for the clients, until the deadline, or until a second signal arrives.
async fn finish(
    mut clients: JoinSet<io::Result<()>>,
    deadline: Duration,
    again: impl Future<Output = &'static str>,
) -> ExitCode {
    let all = async { while clients.join_next().await.is_some() {} };
    let given_up = wakeful::select! {
        biased;
        done = timeout(deadline, all) => match done {
            Ok(()) => {
                println!("every request was finished");
                return ExitCode::SUCCESS;
            }
            Err(_) => format!("{} ms are over", deadline.as_millis()),
        },
        name = again => format!("{name} again"),
    };
    println!("{given_up}: {} clients got no answer", clients.len());
    ExitCode::FAILURE
}
