//! Waits for primitives of `wakeful::sync`, and the wakes that they make.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use serde_json::Value;
use wakeful::sync::{Notify, mpsc, oneshot};
use wakeful::task::yield_now;
use wakeful::trace::{Cursor, Kind, Level, Snapshot, snapshot_since};

use super::{named, record};

/// Returns the lines of the story that contain one of the parts.
fn lines(snapshot: &Snapshot, parts: &[&str]) -> Vec<String> {
    let story = snapshot.to_string();
    let has_part = |line: &&str| parts.iter().any(|part| line.contains(part));
    story.lines().filter(has_part).map(str::to_owned).collect()
}

/// Returns the wakes: the task, and the kind of the primitive.
fn wakes(snapshot: &Snapshot) -> Vec<(&str, Option<&'static str>)> {
    let events = snapshot.events().iter();
    let wakes = events.filter_map(|event| match event.kind {
        Kind::Wake { task, through, .. } => Some((
            snapshot.tasks()[task].label(),
            through.map(|place| snapshot.primitives()[place].kind),
        )),
        _ => None,
    });
    wakes.collect()
}

#[test]
fn the_story_of_a_mutex_names_it_by_its_place() {
    let line = Cell::new(0);
    let snapshot = record(Level::Wakes, async {
        line.set(line!() + 1);
        let mutex = Rc::new(wakeful::sync::Mutex::new(()));
        let guard = mutex.lock().await;
        let locked = mutex.clone();
        let worker = named("worker", async move { drop(locked.lock().await) });
        yield_now().await;
        drop(guard);
        worker.await.unwrap();
    });
    let mutex = format!("the mutex made at {}:{}:29", file!(), line.get());
    assert_eq!(
        lines(&snapshot, &["worker"]),
        [
            "worker is spawned by main".to_owned(),
            "worker is polled, for the first time: pending".to_owned(),
            format!("worker waits for {mutex}"),
            format!("main wakes worker through {mutex}: queued"),
            format!("worker is polled, because main woke it through {mutex}: ready"),
            "worker is done: ready".to_owned(),
            "worker wakes main: queued".to_owned(),
            "main is polled, because worker woke it: ready".to_owned(),
            "worker is freed".to_owned(),
        ]
    );
}

#[test]
fn wakes_of_a_channel_a_oneshot_and_a_notify_tell_their_kinds() {
    let snapshot = record(Level::Wakes, async {
        let (sender, mut receiver) = mpsc::channel::<()>(1);
        let (last, first) = oneshot::channel();
        let notify = Rc::new(Notify::new());
        let notified = notify.clone();
        let all = [
            named("channel", async move { _ = receiver.recv().await }),
            named("oneshot", async move { first.await.unwrap() }),
            named("notify", async move { notified.notified().await }),
        ];
        yield_now().await;
        sender.send(()).await.unwrap();
        last.send(()).unwrap();
        notify.notify_one();
        for task in all {
            task.await.unwrap();
        }
    });
    for kind in ["channel", "oneshot", "notify"] {
        let through: Vec<_> = wakes(&snapshot)
            .into_iter()
            .filter(|(task, _)| *task == kind)
            .collect();
        assert_eq!(through, [(kind, Some(kind))], "{snapshot}");
    }
    // Its wakes come from its own yield and from the ends of the tasks.
    let main = wakes(&snapshot)
        .into_iter()
        .filter(|(task, _)| *task == "main");
    assert!(main.clone().count() > 0 && main.into_iter().all(|(_, through)| through.is_none()));
}

#[test]
fn a_sender_that_waits_for_a_place_is_woken_through_the_channel() {
    let snapshot = record(Level::Wakes, async {
        let (sender, mut receiver) = mpsc::channel(1);
        let filler = named("filler", async move {
            sender.send(1).await.unwrap();
            sender.send(2).await.unwrap();
        });
        yield_now().await;
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(receiver.recv().await, Some(2));
        filler.await.unwrap();
    });
    assert!(
        wakes(&snapshot).contains(&("filler", Some("channel"))),
        "{snapshot}"
    );
    let waits = lines(&snapshot, &["filler waits for the channel made at "]);
    assert_eq!(waits.len(), 1, "{snapshot}");
}

#[test]
fn below_the_level_wakes_no_primitive_is_recorded() {
    let snapshot = record(Level::Polls, async {
        let notify = Rc::new(Notify::new());
        let notified = notify.clone();
        let task = named("waiter", async move { notified.notified().await });
        yield_now().await;
        notify.notify_one();
        task.await.unwrap();
    });
    assert_eq!(snapshot.primitives(), []);
}

/// A waker that runs a loop, and keeps its snapshot.
#[derive(Default)]
struct RunsALoop(Mutex<Option<Snapshot>>);

impl Wake for RunsALoop {
    fn wake(self: Arc<Self>) {
        let snapshot = record(Level::Wakes, yield_now());
        *self.0.lock().unwrap() = Some(snapshot);
    }
}

#[test]
fn a_loop_that_a_foreign_waker_runs_is_not_woken_through_the_primitive() {
    let foreign = Arc::new(RunsALoop::default());
    let waker = Waker::from(foreign.clone());
    let notify = Notify::new();
    let mut notified = pin!(notify.notified());
    let mut cx = Context::from_waker(&waker);
    assert!(notified.as_mut().poll(&mut cx).is_pending());
    notify.notify_one();
    let snapshot = foreign.0.lock().unwrap().take();
    let snapshot = snapshot.expect("the waker was called");
    assert_eq!(wakes(&snapshot), [("main", None)], "{snapshot}");
}

fn waited_for() -> Snapshot {
    record(Level::Wakes, async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let task = named("receiver", async move { receiver.recv().await });
        yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(task.await.unwrap(), Some(7));
    })
}

#[test]
fn the_json_refers_to_a_list_of_primitives() {
    let snapshot = waited_for();
    let json: Value = serde_json::from_str(&snapshot.to_json()).unwrap();
    let primitives = json["primitives"].as_array().unwrap();
    assert_eq!(primitives.len(), 1);
    assert_eq!(primitives[0]["kind"], "channel");
    let location = primitives[0]["location"].as_u64().unwrap() as usize;
    let location = json["locations"][location].as_str().unwrap();
    assert_eq!(location, snapshot.primitives()[0].location);
    assert!(location.starts_with(file!()), "{location}");

    let field = |kind: &str, field: &str| -> Vec<Value> {
        let kinds = json["kinds"].as_array().unwrap();
        let number = kinds.iter().position(|it| it["name"] == kind).unwrap();
        let fields = kinds[number]["fields"].as_array().unwrap();
        let place = fields.iter().position(|it| it == field).unwrap();
        let events = json["events"].as_array().unwrap().iter();
        let own = events.filter(|event| event[0] == number);
        own.map(|event| event[place + 2].clone()).collect()
    };
    assert_eq!(field("await", "primitive"), [Value::from(0)]);
    let through = field("wake", "through");
    assert_eq!(through.iter().filter(|it| **it == 0).count(), 1);
    assert!(through.iter().any(Value::is_null), "{through:?}");
}

#[test]
fn perfetto_shows_the_wait_and_what_the_wake_went_through() {
    let snapshot = waited_for();
    let json: Value = serde_json::from_str(&snapshot.to_perfetto()).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    let channel = snapshot.primitives()[0].to_string();
    assert!(channel.starts_with("channel made at "), "{channel}");
    let wait = format!("waits for the {channel}");
    assert!(
        events
            .iter()
            .any(|it| it["ph"] == "i" && it["name"] == *wait)
    );
    let wake = |it: &&Value| {
        it["name"].as_str().unwrap().starts_with("wake ") && it["args"]["through"] == *channel
    };
    assert_eq!(events.iter().filter(wake).count(), 1);
}

#[test]
fn an_index_of_a_primitive_is_the_same_in_all_parts_of_a_trace() {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .build()
        .unwrap();
    let mut cursor = Cursor::new();
    let mut wait_for = |make: fn() -> Notify| {
        let notify = Rc::new(make());
        runtime.block_on(async {
            let notified = notify.clone();
            let task = named("waiter", async move { notified.notified().await });
            yield_now().await;
            notify.notify_one();
            task.await.unwrap();
        });
        let part = runtime.enter(|| snapshot_since(&mut cursor, 1000));
        let through = part.events().iter().find_map(|event| match event.kind {
            Kind::Wake { through, .. } => through,
            _ => None,
        });
        through.map(|place| (place, part.primitives()[place].location.clone()))
    };
    let one: fn() -> Notify = || Notify::new();
    let other: fn() -> Notify = || Notify::new();
    let first = wait_for(one).unwrap();
    let second = wait_for(other).unwrap();
    assert_eq!((first.0, second.0), (0, 1));
    assert_ne!(first.1, second.1);
    assert_eq!(wait_for(one), Some(first));
}
