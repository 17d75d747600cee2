//! An example for each crate of `docs/src/crates.md`, run in each way that the page lists.
//!
//! `crates NAME WAY` runs one example: the ways are `plain`, `guest` and `compat`. `crates page`
//! runs all of them, each in a process of its own, and prints the generated part of the page.
//! `scripts/crates` starts the servers, whose addresses are in the environment.

mod async_channel;
mod async_compression;
mod async_nats;
mod async_net;
mod axum;
mod axum_native;
mod backon;
mod bb8;
mod block_in_place;
mod codec;
mod deadpool_redis;
mod delay_queue;
mod flume;
mod futures_timer;
mod futures_util;
mod governor;
mod handle_block_on;
mod hickory_native;
mod hickory_resolver;
mod hyper_client;
mod hyper_util;
mod lettre;
mod list;
mod moka;
mod notify;
mod object_store;
mod openssh;
mod page;
mod postgres_native;
mod quinn;
mod quinn_native;
mod rayon;
mod redis;
mod reqwest;
mod reqwest_blocking;
mod reqwest_in_pool;
mod rumqttc;
mod spawn_local;
mod sqlx;
mod stream_timeout;
mod stream_wrappers;
mod suppaftp;
mod task_tracker;
mod tokio_fs;
mod tokio_net;
mod tokio_postgres;
mod tokio_rustls;
mod tokio_spawn;
mod tokio_sync;
mod tokio_time;
mod tokio_tungstenite;
mod tonic;
mod tonic_native;
mod tower_buffer;
mod tower_native;
mod tower_timeout;
mod track_future;
mod ureq;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::panic;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use async_compat::Compat;
use list::Row;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How an example is run.
#[derive(Clone, Copy)]
enum Way {
    /// By `wakeful::block_on`, without a runtime of tokio.
    Plain,
    /// By `wakeful::tokio_host`, on the same thread as a runtime of tokio.
    Guest,
    /// By `wakeful::block_on`, inside of `async_compat::Compat`.
    Compat,
}

impl Way {
    const ALL: [(&str, Way); 3] = [
        ("plain", Way::Plain),
        ("guest", Way::Guest),
        ("compat", Way::Compat),
    ];

    /// Runs an example in a local task.
    fn run<F>(self, example: F) -> Result<String>
    where
        F: Future<Output = Result<String>> + 'static,
    {
        match self {
            Way::Plain => wakeful::block_on(local(example)),
            Way::Guest => wakeful::tokio_host::block_on(local(example)),
            Way::Compat => wakeful::block_on(async {
                // Its thread has begun once a timer has fired.
                Compat::new(async { tokio::time::sleep(Duration::from_millis(1)).await }).await;
                local(Compat::new(example)).await
            }),
        }
    }
}

/// Runs an example in a task that is not `Send`, and prints the names of the threads that it
/// started.
async fn local<F>(example: F) -> Result<String>
where
    F: Future<Output = Result<String>> + 'static,
{
    let threads = Rc::new(RefCell::new(BTreeMap::new()));
    let task = wakeful::spawn({
        let threads = threads.clone();
        async move {
            let mut example = std::pin::pin!(example);
            std::future::poll_fn(|cx| {
                let polled = example.as_mut().poll(cx);
                list_threads(&mut threads.borrow_mut())?;
                polled
            })
            .await
        }
    });
    let output = task.await?;
    let names: BTreeSet<_> = threads.borrow().values().cloned().collect();
    println!("threads: {}", Vec::from_iter(names).join(", "));
    output
}

/// Adds the other threads of this process: their ids, and their names as the kernel keeps them.
fn list_threads(threads: &mut BTreeMap<OsString, String>) -> Result<()> {
    let main = std::process::id().to_string();
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        // The thread may end meanwhile.
        if thread.file_name() != *main
            && let Ok(name) = name(&thread.path())
        {
            threads.insert(thread.file_name(), name);
        }
    }
    Ok(())
}

/// Returns the name of a thread. A new one has the name of the process until it has set its own.
fn name(thread: &Path) -> Result<String> {
    let process = fs::read_to_string("/proc/self/comm")?;
    loop {
        // It names itself before it waits for anything.
        let waits = fs::read_to_string(thread.join("stat"))?.contains(") S ");
        let name = fs::read_to_string(thread.join("comm"))?;
        if waits || name != process {
            return Ok(name.trim_end().to_owned());
        }
        std::thread::yield_now();
    }
}

/// The text of the first panic, on whichever thread.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["page"] => page::print(),
        [name, way] => run(name, way),
        _ => Err("usage: crates NAME plain|guest|compat, or crates page".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one example, and prints how it ended.
fn run(name: &str, way: &str) -> Result<()> {
    let row = Row::find(name)?;
    let (_, way) = Way::ALL
        .into_iter()
        .find(|(known, _)| *known == way)
        .ok_or_else(|| format!("no way `{way}`: give plain, guest or compat"))?;
    let server = row.server.address()?;
    panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("(not a text)").to_owned();
        let mut first = PANIC
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        first.get_or_insert(text);
    }));
    let output = panic::catch_unwind(|| (row.run)(way, server));
    let panic = PANIC
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    match (panic.as_ref(), output) {
        (Some(text), _) => println!("panics: {text}"),
        (None, Ok(Ok(text))) => println!("works: {}", text.trim_end()),
        (None, Ok(Err(error))) => println!("fails: {error}"),
        (None, Err(_)) => unreachable!("the hook keeps the text of each panic"),
    }
    Ok(())
}
