//! The JSON, the page and the Perfetto trace are valid in their formats.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;
use wakeful::reactor::Async;
use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::trace::{self, Level, Snapshot};

use super::{named, record};

/// Returns the snapshot of a program with events of every kind.
fn eventful() -> Snapshot {
    record(Level::Clones, async {
        let (here, mut there) = UnixStream::pair().unwrap();
        let reader = named("</script><b>", async move {
            let here = Async::new(here).unwrap();
            here.read_with(|mut here| here.read(&mut [0; 8]))
                .await
                .unwrap();
        });
        let span = trace::span("all \"of\" it\n");
        sleep(Duration::from_micros(300)).await;
        trace::mark("slept");
        there.write_all(b"x").unwrap();
        reader.await.unwrap();
        wakeful::spawn_blocking(|| ()).await.unwrap();
        let waker = crate::support::my_waker().await;
        let woken = Arc::new(AtomicBool::new(false));
        let flag = woken.clone();
        let other = std::thread::spawn(move || {
            flag.store(true, Ordering::SeqCst);
            waker.wake();
        });
        crate::support::until(&woken).await;
        other.join().unwrap();
        let aborted = wakeful::spawn(std::future::pending::<()>());
        aborted.abort();
        yield_now().await;
        drop(span);
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn the_json_has_the_fields_of_its_kinds() {
    let snapshot = eventful();
    let text = snapshot.to_json();
    assert!(!text.contains('<'), "it may be embedded in HTML");
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["format"], "wakeful-trace");
    assert_eq!((&json["version"], &json["level"]), (&1.into(), &3.into()));
    assert_eq!(json["threads"][0], "loop");
    let kinds: Vec<(&str, Vec<&str>)> = list(&json["kinds"])
        .iter()
        .map(|kind| {
            let fields = list(&kind["fields"])
                .iter()
                .map(|field| field.as_str().unwrap());
            (kind["name"].as_str().unwrap(), fields.collect())
        })
        .collect();
    let events = list(&json["events"]);
    assert_eq!(events.len(), snapshot.events().len());
    let mut last = 0;
    let mut seen = HashMap::new();
    for (event, known) in events.iter().zip(snapshot.events()) {
        let values = list(event);
        let (name, fields) = &kinds[values[0].as_u64().unwrap() as usize];
        assert_eq!(*name, known.kind.name());
        assert_eq!(values[1], known.seq);
        assert!(
            seen.insert(known.seq, name).is_none(),
            "each number is given once"
        );
        assert_eq!(values.len(), 2 + fields.len(), "{event}");
        for (field, value) in fields.iter().zip(&values[2..]) {
            check(&json, field, value, event);
            if *field == "ts" {
                assert!(value.as_u64().unwrap() >= last, "by time");
                last = value.as_u64().unwrap();
            }
        }
    }
    assert!(json["end"].as_u64().unwrap() >= last);
    for (task, known) in list(&json["tasks"]).iter().zip(snapshot.tasks()) {
        assert_eq!(task["id"], known.id);
        let name = task["name"]
            .as_u64()
            .map(|name| json["names"][name as usize].as_str().unwrap());
        assert_eq!(name, known.name.as_deref());
        let at = task["location"]
            .as_u64()
            .map(|at| json["locations"][at as usize].as_str().unwrap());
        assert_eq!(at, known.location.as_deref());
    }
}

fn check(json: &Value, field: &str, value: &Value, event: &Value) {
    let indexed = match field {
        "task" | "parent" => "tasks",
        "thread" => "threads",
        "name" => "names",
        "result" | "outcome" | "effect" | "origin" | "ended" | "readiness" => {
            return assert!(value.is_string(), "{field} of {event}");
        }
        "by_ref" => return assert!(value.is_boolean(), "{event}"),
        _ => return assert!(value.is_number() || value.is_null(), "{field} of {event}"),
    };
    let place = value.as_u64().map(|place| place as usize);
    assert!(
        value.is_null() || place < Some(list(&json[indexed]).len()),
        "{field} of {event}"
    );
}

#[test]
fn the_page_contains_the_trace() {
    let snapshot = eventful();
    let page = snapshot.to_html();
    assert!(!page.contains("__WAKEFUL_TRACE__"));
    assert!(
        !page.contains("</script><b>"),
        "the name of a task ends no element"
    );
    let (_, rest) = page
        .split_once("id=\"trace\">")
        .expect("the element of the trace");
    let (json, _) = rest.split_once("</script>").expect("its end");
    let json: Value = serde_json::from_str(json).unwrap();
    assert!(list(&json["names"]).contains(&"</script><b>".into()));

    let path = std::env::temp_dir().join(format!("wakeful-trace-{}.html", std::process::id()));
    snapshot.write_html(&path).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, page);
    assert!(snapshot.write_html(path.join("no such directory")).is_err());
}

/// Converts microseconds to nanoseconds.
fn time(value: &Value) -> u64 {
    (value.as_f64().expect("a time") * 1000.0).round() as u64
}

#[test]
fn perfetto_finds_every_flow() {
    let json: Value = serde_json::from_str(&eventful().to_perfetto()).unwrap();
    let events = list(&json["traceEvents"]);
    let mut slices: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    let mut named_threads = Vec::new();
    let mut last = 0;
    for event in events {
        assert!(event["pid"].is_u64() && event["tid"].is_u64(), "{event}");
        assert!(event["name"].is_string(), "{event}");
        let tid = event["tid"].as_u64().unwrap();
        let phase = event["ph"].as_str().unwrap();
        if phase == "M" {
            assert!(event["args"]["name"].is_string(), "{event}");
            named_threads.push(tid);
            continue;
        }
        assert!(named_threads.contains(&tid), "{event}");
        assert!(time(&event["ts"]) >= last, "by time: {event}");
        last = time(&event["ts"]);
        if phase == "X" {
            let end = last + time(&event["dur"]);
            slices.entry(tid).or_default().push((last, end));
        }
    }
    for slices in slices.values() {
        nested(slices);
    }
    let in_slice = |event: &Value| {
        let (tid, ts) = (event["tid"].as_u64().unwrap(), time(&event["ts"]));
        slices[&tid]
            .iter()
            .any(|&(begin, end)| begin <= ts && ts <= end)
    };
    let mut open = HashMap::new();
    let mut flows = 0;
    let mut lives = HashMap::new();
    for event in events {
        let own = event["id"].to_string() + &event["id2"].to_string();
        let id = (event["cat"].to_string(), own);
        match event["ph"].as_str().unwrap() {
            "s" => {
                assert!(in_slice(event), "{event}");
                assert!(open.insert(id, time(&event["ts"])).is_none(), "{event}");
            }
            "f" => {
                assert_eq!(event["bp"], "e");
                assert!(in_slice(event), "{event}");
                let start = open.get(&id).unwrap_or_else(|| panic!("no start: {event}"));
                assert!(*start <= time(&event["ts"]), "{event}");
                flows += 1;
            }
            "b" => assert!(lives.insert(id, event).is_none(), "{event}"),
            "e" => assert!(lives.remove(&id).is_some(), "{event}"),
            "i" => assert!(event["s"].is_string(), "{event}"),
            "C" => assert_eq!(event["args"].as_object().unwrap().len(), 1, "{event}"),
            "X" | "M" => {}
            other => panic!("unknown phase: {other}"),
        }
    }
    assert_eq!(open.len(), flows, "each flow has a start and an end");
    assert!(flows >= 4, "{flows}");
    assert!(lives.is_empty(), "{lives:?}");
}

/// Slices of a thread are nested or disjoint.
fn nested(slices: &[(u64, u64)]) {
    // Each time is rounded to a nanosecond separately.
    let slack = 2;
    let mut open: Vec<u64> = Vec::new();
    for &(begin, end) in slices {
        while open.last().is_some_and(|&last| last <= begin + slack) {
            open.pop();
        }
        if let Some(&last) = open.last() {
            assert!(
                end <= last + slack,
                "{begin}..{end} crosses the end of another at {last}"
            );
        }
        open.push(end);
    }
}

#[test]
fn perfetto_has_counters_ready_states_and_the_origins_of_wakes() {
    let snapshot = record(Level::Wakes, async {
        let (sender, mut receiver) = wakeful::sync::mpsc::unbounded_channel();
        let task = named("receiver", async move { receiver.recv().await });
        yield_now().await;
        sender.send(()).unwrap();
        sleep(Duration::from_micros(300)).await;
        task.await.unwrap();
        // Woken by nothing but another thread.
        let woken = Arc::new(AtomicBool::new(false));
        let mut helper = None;
        poll_fn(|cx| {
            if helper.is_none() {
                let (waker, flag) = (cx.waker().clone(), woken.clone());
                let builder = std::thread::Builder::new().name("helper".to_owned());
                helper = Some(builder.spawn(move || {
                    flag.store(true, Ordering::SeqCst);
                    waker.wake();
                }));
                return Poll::Pending;
            }
            match woken.load(Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        helper.unwrap().unwrap().join().unwrap();
    });
    let json: Value = serde_json::from_str(&snapshot.to_perfetto()).unwrap();
    let events = list(&json["traceEvents"]);
    let thread_of = |name: &str| {
        let named = |event: &&Value| event["ph"] == "M" && event["args"]["name"] == name;
        events.iter().rfind(named).unwrap()["tid"].clone()
    };
    let states: Vec<_> = events
        .iter()
        .filter(|event| event["tid"] == thread_of("receiver") && event["ph"] == "X")
        .collect();
    let names: Vec<_> = states.iter().map(|state| &state["name"]).collect();
    assert_eq!(names, ["ready", "running", "ready", "running"]);
    assert_eq!(states[0]["args"]["spawned_by"], "main");
    assert_eq!(states[2]["args"]["woken_by"], "main");
    let through = states[2]["args"]["through"].as_str().unwrap();
    assert!(through.starts_with("channel made at "), "{through}");
    let by = |origin: &str| {
        let named = |event: &&Value| event["args"]["woken_by"] == origin;
        events.iter().filter(named).count()
    };
    assert!(by("timer 0") >= 2, "the instant, and the poll");
    assert!(by("thread helper") >= 1);
    let helper = thread_of("helper");
    assert!(
        events
            .iter()
            .any(|event| event["tid"] == helper && event["ph"] == "s")
    );
    for (name, what, most) in [
        ("tasks", "alive", 2),
        ("tasks", "in the run queue", 1),
        ("timers", "armed", 1),
    ] {
        let counted = events
            .iter()
            .filter(|it| it["ph"] == "C" && it["name"] == name);
        let values: Vec<_> = counted.filter_map(|it| it["args"][what].as_i64()).collect();
        assert!(
            values.iter().max() >= Some(&most),
            "{name} {what}: {values:?}"
        );
        assert_eq!(values.last(), Some(&0), "{name} {what}: {values:?}");
        assert!(
            values.iter().all(|&value| value >= 0),
            "{name} {what}: {values:?}"
        );
    }
}
