//! The page in a headless Chromium.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::trace::{Level, Snapshot};

use super::devtools::{Folder, Page, browser};
use super::{named, record};

pub(super) fn open(browser: &str, folder: &Folder, text: &str) -> Page {
    let file = folder.0.join("page.html");
    fs::write(&file, text).unwrap();
    Page::open(browser, &folder.0, &format!("file://{}", file.display()))
}

/// Opens the page of a snapshot, takes steps in it, and returns the report that they write.
pub(super) fn drive(browser: &str, name: &str, snapshot: &Snapshot, steps: &str) -> Value {
    let folder = Folder::new(name);
    let mut page = open(browser, &folder, &snapshot.to_html());
    page.until("document.body.dataset.state === 'ready'");
    page.frames();
    let mut report = page.eval(&format!(
        "(() => {{ \
           const texts = (all) => \
             [...document.querySelectorAll(all)].map((one) => one.textContent); \
           const click = (id) => document.getElementById(id).click(); \
           const report = {{}}; {steps}; return report; }})()"
    ));
    page.frames();
    report["errors"] = page.complaints.clone().into();
    report
}

pub(super) fn two_tasks() -> Snapshot {
    record(Level::Clones, async {
        let one = named("baker <b>", async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let two = named("miller", async {
            let long = std::time::Instant::now();
            // A poll of more than the page's 10 ms, so that it is flagged.
            while long.elapsed().as_millis() < 11 {}
        });
        one.await.unwrap();
        two.await.unwrap();
    })
}

#[test]
fn the_page_opens_and_steps_through_events() {
    let Some(browser) = browser() else { return };
    let report = drive(
        browser,
        "steps",
        &two_tasks(),
        "const where = () => document.getElementById('where').textContent; \
         const canvas = document.getElementById('lanes'); \
         const pixels = \
           canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
         report.colours = new Set(new Uint32Array(pixels.buffer)).size; \
         report.state = document.body.dataset.state; \
         report.rows = texts('#rows div'); \
         report.where = [where()]; click('next'); report.where.push(where()); \
         click('next'); report.where.push(where()); click('back'); report.where.push(where()); \
         report.sentence = texts('#sentence')[0]; \
         report.flags = texts('#pane-flags li'); \
         report.questions = texts('#pane-task dt'); \
         report.legend = texts('#legend span').length",
    );
    assert_eq!(report["errors"], serde_json::json!([]), "{report}");
    assert_eq!(report["state"], "ready");
    let rows = report["rows"].to_string();
    for name in ["main", "baker <b>", "miller"] {
        assert!(rows.contains(name), "{name} in {rows}");
    }
    let places = report["where"].as_array().unwrap();
    assert!(places[0].as_str().unwrap().starts_with("Event 1 of "));
    assert!(places[1].as_str().unwrap().starts_with("Event 2 of "));
    assert!(places[2].as_str().unwrap().starts_with("Event 3 of "));
    assert_eq!(places[3], places[1], "one on, one back");
    assert!(!report["sentence"].as_str().unwrap().is_empty());
    assert!(report["flags"].to_string().contains("Long poll miller"));
    assert!(report["questions"].to_string().contains("Who woke it?"));
    assert!(report["colours"].as_u64().unwrap() > 5, "{report}");
    assert!(report["legend"].as_u64().unwrap() >= 10);
}

#[test]
fn the_page_names_the_primitive_of_a_wait_and_of_a_wake() {
    let Some(browser) = browser() else { return };
    let snapshot = record(Level::Wakes, async {
        let (sender, mut receiver) = wakeful::sync::mpsc::unbounded_channel();
        let task = named("receiver", async move { receiver.recv().await });
        yield_now().await;
        sender.send(7).unwrap();
        task.await.unwrap();
    });
    let report = drive(
        browser,
        "primitives",
        &snapshot,
        "report.sentences = []; \
         for (let i = 0; i < 30; i++) { \
           report.sentences.push(texts('#sentence')[0]); click('next'); }",
    );
    assert_eq!(report["errors"], json!([]), "{report}");
    let channel = snapshot.primitives()[0].to_string();
    for part in [
        format!("receiver waits for the {channel}."),
        format!("main wakes receiver through the {channel} "),
    ] {
        let mut sentences = report["sentences"].as_array().unwrap().iter();
        assert!(
            sentences.any(|it| it.as_str().unwrap().contains(&part)),
            "{part} in {report:#}"
        );
    }
}

/// A hundred tasks in turn, a thread that wakes, timers; over 100,000 events.
fn many() -> Snapshot {
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .trace_capacity(1 << 18)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                named("busy", async {
                    for turn in 0..500 {
                        yield_now().await;
                        if turn % 100 == 0 {
                            sleep(Duration::from_micros(100)).await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let snapshot = runtime.enter(wakeful::trace::snapshot);
    assert!(
        snapshot.events().len() > 100_000,
        "{}",
        snapshot.events().len()
    );
    snapshot
}

#[test]
fn the_page_shows_a_hundred_thousand_events() {
    let Some(browser) = browser() else { return };
    let snapshot = many();
    let report = drive(
        browser,
        "many",
        &snapshot,
        "report.state = document.body.dataset.state; \
         for (let i = 0; i < 12; i++) click('in'); click('next'); \
         report.where = texts('#where')[0]; report.rows = texts('#rows div').length",
    );
    assert_eq!(report["errors"], serde_json::json!([]));
    assert_eq!(report["state"], "ready");
    assert!(report["where"].as_str().unwrap().starts_with("Event 2 of "));
    // Only the visible ones are in the document.
    let rows = report["rows"].as_u64().unwrap();
    assert!((5..60).contains(&rows), "{rows}");
}

#[test]
fn a_screenshot_of_the_page_is_not_blank() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("picture");
    let blank = "<!DOCTYPE html><title>blank</title>";
    let blank = open(browser, &folder, blank).picture().len();
    let mut page = open(browser, &folder, &two_tasks().to_html());
    page.frames();
    let page = page.picture().len();
    assert!(page > blank * 3, "{page} bytes, and {blank} when blank");
}

/// A page with other events, each with the name of its kind. Task 0 is `main`.
pub(super) fn page_of(events: &[Value], end: u64) -> String {
    let snapshot = two_tasks();
    let mut trace: Value = serde_json::from_str(&snapshot.to_json()).unwrap();
    let kinds = trace["kinds"].as_array().unwrap();
    let kind = |name: &str| kinds.iter().position(|kind| kind["name"] == name).unwrap();
    let mut events = events.to_vec();
    for event in &mut events {
        let number = kind(event[0].as_str().unwrap());
        event[0] = json!(number);
    }
    trace["events"] = events.into();
    trace["end"] = json!(end);
    let page = snapshot.to_html();
    let (head, rest) = page.split_once("id=\"trace\">").unwrap();
    let (_, tail) = rest.split_once("</script>").unwrap();
    format!("{head}id=\"trace\">{trace}</script>{tail}")
}

/// Three polls of a task. The second was a stall for the recorder, and the third is longer than the
/// 10 ms of the page.
pub(super) fn three_polls() -> String {
    let events = [
        json!(["poll", 1, 0, 1_000_000, 0, "pending", null]),
        json!(["poll", 2, 5_000_000, 2_000_000, 0, "pending", null]),
        json!(["stall", 3, 5_000_000, 0, 2_000_000]),
        json!(["poll", 4, 10_000_000, 11_000_000, 0, "ready", null]),
    ];
    page_of(&events, 25_000_000)
}

#[test]
fn stalls_and_long_polls_are_drawn_apart_from_ordinary_ones() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("stalls");
    let mut page = open(browser, &folder, &three_polls());
    page.frames();
    let seen = page.eval(
        "(() => { \
           const probe = document.createElement('canvas').getContext('2d'); \
           const known = (colour) => { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); \
             return probe.getImageData(0, 0, 1, 1).data.join(); }; \
           const c = colours(), names = \
             { [known(c.bad)]: 'stall', [known(c.states[RUNNING])]: 'running' }; \
           const canvas = $('lanes'), scale = canvas.width / canvas.clientWidth; \
           const at = (ms, y) => names[canvas.getContext('2d') \
             .getImageData(ms / 25 * canvas.width, y * scale, 1, 1).data.join()]; \
           const executor = AXIS + ROW / 2, task = executor + 3 * ROW; \
           return [0.5, 6, 15].map((ms) => [at(ms, executor), at(ms, task)]); })()",
    );
    let both = |what: &str| json!([what, what]);
    let expected = ["running", "stall", "stall"].map(both);
    assert_eq!(seen, json!(expected));
    let legend = page.eval("$('legend').textContent");
    assert!(
        legend
            .as_str()
            .unwrap()
            .contains("stall, or a poll of more than 10 ms")
    );
    assert_eq!(page.complaints, [""; 0]);
}

/// Returns the visible range of the lanes.
pub(super) fn view(page: &mut Page) -> (f64, f64) {
    page.frames();
    let shown = page.eval("[+$('lanes').dataset.from, +$('lanes').dataset.to]");
    (shown[0].as_f64().unwrap(), shown[1].as_f64().unwrap())
}

#[test]
fn the_wheel_zooms_and_dragging_moves_the_view() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("mouse");
    let mut page = open(browser, &folder, &two_tasks().to_html());
    let lanes = page
        .eval("(({ left, top, width }) => [left, top, width])($('lanes').getBoundingClientRect())");
    let [left, top, width] = [0, 1, 2].map(|i| lanes[i].as_f64().unwrap());
    let at = |part: f64| (left + width * part, top + 40.0);
    let whole = view(&mut page);
    // The point a quarter from the left stays there, as the pointer is on it.
    page.mouse("mouseWheel", at(0.25), -800.0);
    let near = view(&mut page);
    let share = (near.1 - near.0) / (whole.1 - whole.0);
    assert!(share < 0.5, "{near:?} of {whole:?}");
    let fixed = |(from, to): (f64, f64)| from + (to - from) * 0.25;
    let slip = (fixed(near) - fixed(whole)).abs() / (whole.1 - whole.0);
    assert!(slip < 0.01, "{near:?} of {whole:?}");
    // Dragged to the left by a fifth of the width, it shows later events.
    page.drag(at(0.6), at(0.4));
    let moved = view(&mut page);
    let by = (moved.0 - near.0) / (near.1 - near.0);
    assert!((by - 0.2).abs() < 0.02, "{moved:?} after {near:?}");
    let size = (moved.1 - moved.0) / (near.1 - near.0);
    assert!((size - 1.0).abs() < 0.01, "{moved:?} after {near:?}");
    // A click does not move the view, and selects a task.
    let before = page.eval("$('where').textContent");
    page.drag(at(0.5), at(0.5));
    assert_eq!(view(&mut page), moved);
    assert_ne!(page.eval("$('where').textContent"), before);
    page.mouse("mouseWheel", at(0.5), 4000.0);
    assert_eq!(view(&mut page), whole);
    assert_eq!(page.complaints, [""; 0]);
}
