//! Reads from `console-subscriber`, over its own interface, the data that tokio-console shows,
//! until all data of the program `observed` has arrived. The argument is its address, as for
//! tokio-console: `check http://127.0.0.1:6669`.

#[path = "seen.rs"]
mod seen;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use console_api::instrument::InstrumentRequest;
use console_api::instrument::instrument_client::InstrumentClient;
use tonic::transport::Channel;

use seen::{Seen, Task};

/// The longest time until all data has arrived.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "http://127.0.0.1:6669".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the client");
    let mut seen = Seen::default();
    let ended = runtime
        .block_on(async { tokio::time::timeout(PATIENCE, watch(&address, &mut seen)).await });
    print!("{seen}");
    let missing = missing(&seen);
    match ended {
        Ok(Ok(())) if missing.is_empty() => {
            println!("all data arrived");
            return ExitCode::SUCCESS;
        }
        Ok(Err(error)) => eprintln!("{address}: {error}"),
        _ => eprintln!("some data did not arrive within {PATIENCE:?}"),
    }
    for what in missing {
        eprintln!("missing: {what}");
    }
    ExitCode::FAILURE
}

/// Receives updates until nothing is missing.
async fn watch(address: &str, seen: &mut Seen) -> Result<(), Box<dyn std::error::Error>> {
    let mut client = connect(address).await;
    let mut updates = client
        .watch_updates(InstrumentRequest {})
        .await?
        .into_inner();
    while let Some(update) = updates.message().await? {
        seen.take_in(update);
        if missing(seen).is_empty() {
            return Ok(());
        }
    }
    Err("the stream of updates ended".into())
}

/// Connects, and tries again while the program starts.
async fn connect(address: &str) -> InstrumentClient<Channel> {
    loop {
        match InstrumentClient::connect(address.to_owned()).await {
            Ok(client) => return client,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Returns the data that has not arrived.
fn missing(seen: &Seen) -> Vec<String> {
    let mut missing = Vec::new();
    let mut must = |is: bool, what: &str| {
        if !is {
            missing.push(what.to_owned());
        }
    };
    for (name, kind) in [
        ("main", "block_on"),
        ("listener", "task"),
        ("client 1", "task"),
        ("client 2", "task"),
        ("client 3", "task"),
        ("ticker", "task"),
        ("computer", "task"),
        ("selfish", "task"),
        ("wait", "task"),
    ] {
        let task = seen.tasks.values().find(|task| task.name == name);
        must(task.is_some(), &format!("a task {name}"));
        if let Some(task) = task {
            must(task.kind == kind, &format!("{name} of the kind {kind}"));
            must(task.is_described(), &format!("all fields of {name}"));
            must(task.stats.polls > 0, &format!("polls of {name}"));
            let stats = &task.stats;
            let woken = stats.wakes > 0 && stats.clones > 0 && stats.drops > 0;
            must(
                kind == "block_on" || woken,
                &format!("wakes and wakers of {name}"),
            );
        }
    }
    let task = |is: &dyn Fn(&Task) -> bool| seen.tasks.values().any(is);
    let server = |task: &Task| task.name.starts_with("server of ") && task.stats.wakes > 1;
    must(task(&server), "a server of a client, which was woken");
    let closure = |task: &Task| task.kind == "blocking" && task.stats.polls == 1 && task.stats.done;
    must(task(&closure), "a closure that ran, once");
    let selfish = |task: &Task| task.name == "selfish" && task.stats.self_wakes > 1;
    must(task(&selfish), "wakes of a task by itself");
    let lost: Vec<_> = seen.tasks.values().filter(|task| task.is_lost()).collect();
    must(lost.is_empty(), &format!("wakers of {lost:?}"));

    for (concrete_type, kind, attributes, source) in [
        ("Sleep", "timer", &["duration"][..], "Sleep::poll"),
        ("Interval", "timer", &["duration"], "Interval::poll_tick"),
        ("Timeout", "timer", &["duration"], "Timeout::poll"),
        ("TcpListener", "io", &["fd", "readable"], "Source::readable"),
        ("TcpStream", "io", &["fd", "readable"], "Source::readable"),
    ] {
        let own = |id: &&u64| seen.resources[*id].concrete_type == concrete_type;
        let ids: BTreeSet<u64> = seen.resources.keys().filter(own).copied().collect();
        must(!ids.is_empty(), &format!("a resource {concrete_type}"));
        let resources = || ids.iter().map(|id| &seen.resources[id]);
        let what = format!("kind and place of {concrete_type}");
        must(
            resources().all(|it| it.kind == kind && it.is_placed()),
            &what,
        );
        for attribute in attributes {
            let has = resources().any(|it| it.attributes.contains_key(*attribute));
            must(has, &format!("{attribute} of {concrete_type}"));
        }
        let polled = seen.ops.values().any(|op| {
            let known = op.task.is_some_and(|task| seen.tasks.contains_key(&task));
            ids.contains(&op.resource) && op.source == source && op.polls > 0 && known
        });
        must(polled, &format!("a poll of {source} of {concrete_type}"));
    }
    for is_ready in [false, true] {
        must(
            seen.poll_ops.contains(&is_ready),
            &format!("a poll: {is_ready}"),
        );
    }
    must(seen.dropped_events == 0, "events that were dropped");
    missing
}
