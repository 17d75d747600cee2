//! A store on all cores: each shard has a part of the keys, without locks:
//! `cargo run --example shards`, then `nc 127.0.0.1 7000` and `SET color blue`, `GET color`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use wakeful::Shards;
use wakeful::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use wakeful::net::shard::TcpListeners;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::shard::Shard;
use wakeful::signal::unix::{SignalKind, signal};
use wakeful_examples::{Args, accept, close_gently};

const USAGE: &str = "\
usage: shards [ADDRESS] [--shards N]

Listens at ADDRESS (127.0.0.1:7000) with N threads, one for each processor if it is not given. A
request is a line: `SET key value`, `GET key`, or `SHARD key` (which shard has it?). On SIGTERM or
ctrl-c the requests under way are finished.";

/// The largest request.
const MAX_LINE: u64 = 4096;

thread_local! {
    /// The keys of this shard.
    static STORE: RefCell<HashMap<String, String>> = RefCell::default();
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut args = Args::from_env(USAGE);
    let count = args.option("--shards", 0);
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    let shards = match count {
        0 => Shards::builder().build()?,
        count => Shards::builder().shards(count).build()?,
    };
    // Each shard has its own listener; the system distributes the clients.
    let listeners = TcpListeners::bind(address.as_str(), shards.count())?;
    let address = listeners.local_addr();
    shards.try_on_each(move |shard| {
        let listener = listeners.take(shard.id());
        async move {
            serve(shard, listener?).await;
            io::Result::Ok(())
        }
    });
    // The main thread is not a shard; it waits for a signal, or until a shard fails.
    let reason = wakeful::block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        println!("listening on {address} with {} shards", shards.count());
        io::Result::Ok(wakeful::select! {
            biased;
            _ = terminate.recv() => "SIGTERM".to_owned(),
            _ = interrupt.recv() => "ctrl-c".to_owned(),
            ended = shards.ended() => match ended {
                Ok(()) => "all services have ended".to_owned(),
                Err(failure) => failure.to_string(),
            },
        })
    })?;
    println!("{reason}: requests under way are finished");
    shards.shutdown(Duration::from_secs(10))?;
    println!("every request was finished");
    Ok(())
}

async fn serve(shard: Shard, listener: TcpListener) {
    let mut stopping = shard.stopping();
    loop {
        let (stream, _) = wakeful::select! {
            biased;
            client = accept(&listener) => client,
            () = &mut stopping => return,
        };
        // The shutdown waits for the tasks that the service has spawned.
        wakeful::spawn(talk(shard.clone(), stream));
    }
}

/// Serves one client, request by request. It stops between two requests.
async fn talk(shard: Shard, stream: TcpStream) -> io::Result<()> {
    let mut requests = BufReader::new(&stream);
    loop {
        let mut line = String::new();
        let mut limited = (&mut requests).take(MAX_LINE);
        let length = wakeful::select! {
            biased;
            length = limited.read_line(&mut line) => length?,
            () = shard.stopping() => return close_gently(&stream).await,
        };
        if length == 0 {
            return Ok(());
        }
        let answer = answer(&shard, line.trim_end()).await;
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn answer(shard: &Shard, line: &str) -> String {
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    match words[..] {
        ["SET", key, value] => {
            let (home, key, value) = (home(shard, key), key.to_owned(), value.to_owned());
            // The closure is sent to the shard that has the key, and the answer is sent back.
            let set = move || async { STORE.with_borrow_mut(|store| store.insert(key, value)) };
            match shard.call(home, set).await {
                Ok(_) => "ok\n".to_owned(),
                Err(error) => format!("error: {error}\n"),
            }
        }
        ["GET", key] => {
            let (home, key) = (home(shard, key), key.to_owned());
            let get = move || async move { STORE.with_borrow(|store| store.get(&key).cloned()) };
            match shard.call(home, get).await {
                Ok(Some(value)) => format!("{value}\n"),
                Ok(None) => "nothing\n".to_owned(),
                Err(error) => format!("error: {error}\n"),
            }
        }
        ["SHARD", key] => format!("{}\n", home(shard, key)),
        _ => {
            format!(
                "error: '{line}' is not a request; send 'SET key value', 'GET key' or 'SHARD key'\n"
            )
        }
    }
}

/// Returns the shard that has a key: the same on every shard.
fn home(shard: &Shard, key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() as usize % shard.count()
}
