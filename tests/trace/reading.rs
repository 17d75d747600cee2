//! How a reader uses the page: steps, answers, keys and a small screen, in a headless Chromium.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use wakeful::net::TcpStream;
use wakeful::select;
use wakeful::sync::{Mutex, Notify, mpsc};
use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::trace::{Level, Snapshot, snapshot};

use super::browser::{open, page_of, three_polls, two_tasks, view};
use super::devtools::{Folder, Page, browser};
use super::{named, record, wakes_of_threads};

/// Presses a key.
fn key(page: &mut Page, name: &str) {
    for what in ["rawKeyDown", "keyUp"] {
        let params = json!({ "type": what, "key": name, "code": name });
        page.call("Input.dispatchKeyEvent", params);
    }
}

fn text(page: &mut Page, id: &str) -> String {
    let text = page.eval(&format!("$('{id}').textContent"));
    text.as_str().unwrap().to_owned()
}

#[test]
fn steps_move_the_view_and_play_goes_to_the_end() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("play");
    let mut page = open(browser, &folder, &three_polls());
    // An event is shown in the middle, and a step moves to the next one.
    page.eval("$('near').click()");
    let first = view(&mut page);
    assert!(first.1 - first.0 < 25_000_000.0, "{first:?}");
    page.eval("for (let i = 0; i < 4; i++) $('in').click()");
    let first = view(&mut page);
    assert!(first.1 < 5_000_000.0, "{first:?}");
    page.eval("$('next').click()");
    let (from, to) = view(&mut page);
    assert!(from <= 5_000_000.0 && to >= 5_000_000.0, "{from} to {to}");
    assert!(((to - from) / (first.1 - first.0) - 1.0).abs() < 0.01);
    page.eval("$('play').click()");
    assert_eq!(text(&mut page, "play"), "Pause");
    page.until("$('where').textContent.startsWith('Event 4 of 4')");
    page.until("$('play').textContent === 'Play'");
    let (from, to) = view(&mut page);
    assert!(from <= 10_000_000.0 && to >= 10_000_000.0, "{from} to {to}");
    // At the end it begins again; a step by hand stops it.
    page.eval("$('play').click()");
    assert!(text(&mut page, "where").starts_with("Event 1 of 4"));
    page.eval("$('next').click()");
    assert_eq!(text(&mut page, "play"), "Play");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_task_answers_who_woke_it_and_links_to_the_waker() {
    let Some(browser) = browser() else { return };
    let wake = json!(["wake", 2, 2_000_000, 0, 1, false, "task", 0, "queued", null]);
    let timer = json!([
        "wake",
        4,
        4_000_000,
        0,
        1,
        false,
        "timer",
        7,
        "coalesced",
        null
    ]);
    let events = [
        json!(["poll", 1, 1_000_000, 12_000_000, 0, "pending", null]),
        wake,
        timer,
        json!(["poll", 5, 15_000_000, 1_000_000, 1, "pending", 2]),
    ];
    let folder = Folder::new("answers");
    let mut page = open(browser, &folder, &page_of(&events, 20_000_000));
    // Before anything is selected, the three questions are answered for the whole trace.
    let overview = text(&mut page, "pane-trace");
    for part in [
        "What held up the loop?main, 12.0 ms at 1.00 ms.",
        "main: It waits for a wake, for 7.00 ms already, since its last poll.",
        "baker <b>: main, timer 7. The last time at 4.00 ms.",
    ] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
    page.eval(
        "[...$('rows').children].find((row) => row.textContent.endsWith('baker <b>')).click()",
    );
    let answers = text(&mut page, "pane-task");
    for part in [
        "Who woke it?main, timer 7.",
        "Why does it not go on?It waits for a wake, for 4.00 ms already",
        "Did it hold up the loop?No. Its longest poll took 1.00 ms.",
    ] {
        assert!(answers.contains(part), "{part} in {answers}");
    }
    let press = |name: &str| {
        format!(
            "[...$('pane-task').querySelectorAll('.go')] \
               .find((one) => one.textContent === '{name}').click()"
        )
    };
    page.eval(&press("timer 7"));
    assert!(text(&mut page, "where").starts_with("Event 3 of 4: wake at 4"));
    page.eval(&press("main"));
    let answers = text(&mut page, "pane-task");
    assert!(
        answers.contains("Did it hold up the loop?Yes: a poll of 12.0 ms"),
        "{answers}"
    );
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn events_of_other_threads_have_readable_numbers() {
    let Some(browser) = browser() else { return };
    let snapshot = record(Level::Wakes, async {
        let task = named("woken", wakes_of_threads("helper", 1, 3));
        task.await.unwrap();
    });
    let n = snapshot.events().len();
    let mut foreign = snapshot.events().iter();
    let foreign = foreign.position(|it| it.seq >= 1 << 52).unwrap() + 1;
    let folder = Folder::new("numbers");
    let mut page = open(browser, &folder, &snapshot.to_html());
    let find = |number: usize| {
        format!(
            "$('search').value = '#{number}'; \
             $('search').dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter' }}))"
        )
    };
    page.eval(&find(foreign));
    // The number of yields until the thread has run depends on the machine.
    let shown = text(&mut page, "where").replace(',', "");
    assert!(
        shown.starts_with(&format!("Event {foreign} of {n}: wake at ")),
        "{shown}"
    );
    assert!(text(&mut page, "sentence").contains("helper-0"));
    page.eval(&find(n + 1));
    let expected = format!("There is no event #{}: the trace has {n} events.", n + 1);
    assert_eq!(text(&mut page, "where").replace(',', ""), expected);
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn tabs_and_popups_work_by_keyboard() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("keys");
    let mut page = open(browser, &folder, &two_tasks().to_html());
    let focus = "document.activeElement.id";
    let panes = "['trace', 'task', 'flags', 'help'].filter((one) => !$(`pane-${one}`).hidden)";
    page.eval("$('tab-trace').focus()");
    for (press, shown) in [
        ("ArrowRight", "task"),
        ("ArrowRight", "flags"),
        ("End", "help"),
        ("ArrowRight", "trace"),
        ("ArrowLeft", "help"),
        ("Home", "trace"),
    ] {
        key(&mut page, press);
        assert_eq!(page.eval(focus), format!("tab-{shown}"), "{press}");
        assert_eq!(page.eval(panes), json!([shown]), "{press}");
    }
    page.eval("$('kinds').open = true; $('kindlist').querySelector('input').focus()");
    key(&mut page, "Escape");
    assert_eq!(page.eval("$('kinds').open"), false);
    assert_eq!(page.eval("document.activeElement.tagName"), "SUMMARY");
    page.eval("$('search').value = 'miller'; $('search').dispatchEvent(new Event('input'))");
    assert_eq!(page.eval("$('hidden').hidden"), false);
    page.eval("$('search').focus()");
    key(&mut page, "Escape");
    assert_eq!(page.eval("$('hidden').hidden"), true);
    // From the lanes, the letters work.
    assert_eq!(page.eval(focus), "lanes");
    let before = page.eval("$('steps').getAttribute('aria-pressed')");
    key(&mut page, "s");
    assert_ne!(page.eval("$('steps').getAttribute('aria-pressed')"), before);
    key(&mut page, "ArrowRight");
    assert!(text(&mut page, "where").starts_with("Event 2 of "));
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_phone_shows_lanes() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("phone");
    // More tasks than lanes that are visible at once.
    let snapshot = record(Level::Wakes, async {
        let tasks: Vec<_> = (0..40)
            .map(|n| named(&format!("task {n}"), async {}))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let mut page = open(browser, &folder, &snapshot.to_html());
    // The second is a frame in the book.
    for (width, height) in [(390, 780), (740, 560)] {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 2,
            "mobile": true });
        page.call("Emulation.setDeviceMetricsOverride", size);
        page.until(&format!("innerWidth === {width}"));
        page.frames();
        let [lanes, step] = ["lanes", "step"].map(|id| {
            page.eval(&format!(
                "(({{ left, top, right, bottom }}) => [left, top, right, bottom]) \
                   ($('{id}').getBoundingClientRect())"
            ))
        });
        let [left, top, right, bottom] = [0, 1, 2, 3].map(|k| lanes[k].as_f64().unwrap());
        assert!(right - left >= 250.0 && bottom - top >= 280.0, "{lanes}");
        assert!(
            right <= f64::from(width) + 0.5 && bottom <= f64::from(height),
            "{lanes}"
        );
        let below = step[1].as_f64().unwrap();
        assert!(below >= bottom - 0.5, "{step} below {lanes}");
        let wide = page.eval("document.documentElement.scrollWidth");
        assert!(wide.as_f64() <= Some(f64::from(width)), "{wide}");
    }
    assert_eq!(page.complaints, [""; 0]);
}

/// Returns what the page of a recording says before anything is selected.
fn overview(name: &str, snapshot: &Snapshot) -> Option<String> {
    let folder = Folder::new(name);
    let mut page = open(browser()?, &folder, &snapshot.to_html());
    let overview = text(&mut page, "pane-trace");
    assert_eq!(page.complaints, [""; 0]);
    Some(overview)
}

#[test]
fn the_overview_says_what_tasks_wait_for_that_no_primitive_holds() {
    let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap();
    let snapshot = record(Level::Wakes, async {
        named("client", async move {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.readable().await.unwrap();
        });
        named("forgotten", pending::<()>());
        // The sender must live as long as the recording.
        let (to_kept, mut kept) = mpsc::channel::<()>(1);
        // The second poll begins no new wait for the channel.
        named("patient", async move {
            select! {
                _ = kept.recv() => {}
                () = async { yield_now().await; pending().await } => {}
            }
        });
        sleep(Duration::from_millis(1)).await;
        while !snapshot().to_string().contains("wakes client") {
            yield_now().await;
        }
        yield_now().await;
        std::mem::forget(to_kept);
    });
    let Some(overview) = overview("sockets", &snapshot) else {
        return;
    };
    for part in [
        "since its last poll. It may wait for: source 0 of the reactor, which woke it last.",
        "since its last poll. The trace does not show for what. Recorded at Level::Clones, it \
         shows whether a waker of the task is left.",
        "since its last poll. It may wait, since an earlier poll, for: the channel made at ",
    ] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
}

#[test]
fn tasks_that_wait_for_the_same_are_one_line_of_the_overview() {
    let snapshot = record(Level::Wakes, async {
        let notify = Rc::new(Notify::new());
        for n in 0..20 {
            let notify = notify.clone();
            named(&format!("waiter {n}"), async move {
                notify.notified().await;
            });
        }
        named("alone", async { Notify::new().notified().await });
        yield_now().await;
    });
    let Some(overview) = overview("groups", &snapshot) else {
        return;
    };
    for part in [
        "waiter 0, waiter 1, waiter 2 and 17 more: Each waits for a wake, the first for ",
        "alone: It waits for a wake",
    ] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
}

#[test]
fn a_frozen_task_that_was_cancelled_says_what_it_waited_for() {
    let snapshot = record(Level::Wakes, async {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.lock().await;
        let locked = lock.clone();
        let two = named("two", async move {
            let mut kept = Box::pin(locked.lock());
            select! {
                _ = kept.as_mut() => {}
                () = yield_now() => {}
            }
            drop(locked.lock().await); // queued after the one that is kept and not polled
        });
        let sleeper = named("sleeper", sleep(Duration::from_secs(3600)));
        sleep(Duration::from_millis(1)).await;
        sleeper.abort();
        drop(guard);
        sleep(Duration::from_millis(1)).await;
        two.abort();
        _ = two.await;
    });
    let Some(overview) = overview("frozen", &snapshot) else {
        return;
    };
    for part in [
        // Its timer was cancelled with it.
        ", since its last poll. For: timer ",
        "sleeper: It was cancelled, after it had waited for ",
        "two: It was cancelled, after it had waited for ",
        ", since its last poll. Before that poll, main woke it through the mutex made at ",
        ", but the poll may not have reached the future that was woken.",
    ] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
}
