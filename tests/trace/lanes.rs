//! What the page draws: pixels of its canvases in a headless Chromium.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use wakeful::task::yield_now;
use wakeful::time::{pause, sleep};
use wakeful::trace::{Level, Snapshot, mark};

use super::browser::{open, page_of, three_polls, view};
use super::devtools::{Folder, Page, browser};
use super::{named, record};

/// Functions for the expressions of the tests. `model` is the trace, `steps` the same by steps;
/// `pixel` returns the name of a colour of the lanes at a time and at a part of the height of a
/// lane, or the colour itself; `row` is the place of a task's lane.
const TOOLS: &str = "
    const model = buildModel(parseTrace($('trace').textContent));
    allFlags(model);
    const steps = bySteps(model);
    const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const known = (colour) => { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
      return probe.getImageData(0, 0, 1, 1).data.join(); };
    const c = colours();
    const names = new Map();
    for (const [name, colour] of Object.entries({ background: c.bg, bad: c.bad, mark: c.mark,
      waiting: c.states[0], ready: c.states[1], running: c.states[2], done: c.states[3],
      cancelled: c.states[4], panicked: c.states[5], ...ORIGIN_COLOURS }))
      names.set(known(colour), name);
    const lanes = $('lanes'), scale = lanes.width / lanes.clientWidth;
    const at = (canvas, x, y) => { const its = canvas.getContext('2d')
      .getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data.join();
      return names.get(its) ?? its; };
    const x = (t) => (t - lanes.dataset.from) / (lanes.dataset.to - lanes.dataset.from)
      * lanes.clientWidth;
    const row = (label) => AXIS + ROW * (systemLanes(model).length
      + model.tasks.findIndex((task) => task.label === label));
    const pixel = (t, label, part = 0.5) => at(lanes, x(t),
      (label === 'executor' ? AXIS : row(label)) + part * ROW);
    const all = (canvas) => { const its = canvas.getContext('2d')
      .getImageData(0, 0, canvas.width, canvas.height).data, seen = {};
      for (let i = 0; i < its.length; i += 4) { const name = names.get(its.slice(i, i + 4).join());
        if (name) seen[name] = (seen[name] ?? 0) + 1; } return seen; };
    const of = (kind, label) => { for (let i = 0; i < model.n; i++)
      if (model.kind(i) === kind && model.tasks[model.task[i]]?.label === label) return i; };
";

/// Returns the value of an expression that uses the functions above.
pub(super) fn look(page: &mut Page, expression: &str) -> Value {
    page.frames();
    page.eval(&format!("(() => {{ {TOOLS} return {expression}; }})()"))
}

/// Shows the axis by steps, whatever the page has chosen for the trace.
fn by_steps(page: &mut Page) {
    page.eval("if ($('steps').getAttribute('aria-pressed') === 'false') $('steps').click()");
}

fn marks_and_ends() -> Snapshot {
    record(Level::Wakes, async {
        let one = named("finished", async {
            mark("a mark");
            yield_now().await;
        });
        let two = named("cancelled", pending::<()>());
        let three = named("panicked", async {
            std::panic::resume_unwind(Box::new("as it should"));
        });
        yield_now().await;
        two.abort();
        one.await.unwrap();
        assert!(two.await.is_err() && three.await.is_err());
        // The tasks are kept for as long as the page needs to show how they ended.
        sleep(Duration::from_millis(1)).await;
    })
}

#[test]
fn by_steps_each_event_has_a_column() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("steps-axis");
    let mut page = open(browser, &folder, &marks_and_ends().to_html());
    by_steps(&mut page);
    let n = look(&mut page, "model.n").as_f64().unwrap();
    assert_eq!(view(&mut page), (0.0, n));
    let columns = look(
        &mut page,
        "[...steps.ts].every((t, i) => t > i && t < i + 1)",
    );
    assert_eq!(columns, true);
    // A poll covers the columns of the events inside it, and no more.
    let covered = look(
        &mut page,
        "((poll) => [...model.ts.keys()].every((i) => i <= poll || \
           (model.ts[i] < model.ts[poll] + model.dur[poll]) === \
           (steps.ts[i] < steps.ts[poll] + steps.dur[poll])))(of('poll', 'main'))",
    );
    assert_eq!(covered, true);
    let mark = "steps.ts[of('mark', 'finished')]";
    assert_eq!(
        look(&mut page, &format!("pixel({mark}, 'finished')")),
        "mark"
    );
    // The other axis shows the same trace in real time.
    page.eval("$('steps').click()");
    let end = look(&mut page, "model.end").as_f64().unwrap();
    assert_eq!(view(&mut page), (0.0, end));
    // The part that is shown stays the same.
    page.eval("$('steps').click()");
    page.eval("for (let i = 0; i < 4; i++) $('next').click(); $('near').click()");
    let near = view(&mut page);
    assert!(near.1 - near.0 < n, "{near:?}");
    page.eval("$('steps').click()");
    let (from, to) = view(&mut page);
    let shown = look(&mut page, "model.ts[4]").as_f64().unwrap();
    assert!(from <= shown && shown <= to, "{shown} in {from} to {to}");
    assert!(to - from < end);
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_short_trace_whose_events_are_close_to_each_other_opens_by_steps() {
    let Some(browser) = browser() else { return };
    let pressed = |name: &str, apart: u64| {
        let poll = |n: u64| json!(["poll", n + 1, n * apart, 100, 0, "pending", null]);
        let events: Vec<_> = (0..12).map(poll).collect();
        let folder = Folder::new(name);
        let mut page = open(browser, &folder, &page_of(&events, 12_000_000));
        page.eval("$('steps').getAttribute('aria-pressed')")
    };
    assert_eq!(pressed("close", 1000), "true");
    assert_eq!(pressed("far", 1_000_000), "false");
}

#[test]
fn marks_and_the_ends_of_tasks_are_drawn() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("ends");
    let mut page = open(browser, &folder, &marks_and_ends().to_html());
    by_steps(&mut page);
    let mark = "steps.ts[of('mark', 'finished')]";
    assert_eq!(
        look(&mut page, &format!("pixel({mark}, 'finished')")),
        "mark"
    );
    // Between the end of the last poll and the end of the lane, below the sign.
    let after = |task: &str| {
        format!(
            "((its) => pixel((its.start.at(-1) + its.end.at(-1)) / 2, '{task}', 0.8)) \
               (steps.tasks.find((task) => task.label === '{task}').states)"
        )
    };
    let drawn = ["finished", "cancelled", "panicked"].map(|task| look(&mut page, &after(task)));
    assert_eq!(drawn[0], "done");
    assert_ne!(drawn[1], "done", "slanted lines");
    assert_eq!(drawn[2], "panicked");
    let words = page.eval("$('legend').textContent");
    for word in ["finished", "cancelled", "panicked", "mark", "lost"] {
        assert!(words.as_str().unwrap().contains(word), "{words}");
    }
    assert_eq!(page.complaints, [""; 0]);
}

/// A future that is checked before it leaves its waker; the event comes between the two.
fn lost_wakeup() -> Snapshot {
    record(Level::Wakes, async {
        let kept: Rc<Cell<Option<Waker>>> = Rc::default();
        let place = kept.clone();
        let task = named("late", async move {
            poll_fn(|cx| {
                mark("the event");
                place.set(Some(cx.waker().clone()));
                Poll::<()>::Pending
            })
            .await;
        });
        yield_now().await;
        // Not lost: these wait for a timer and for another task.
        let sleeps = named("sleeps", sleep(Duration::from_secs(3600)));
        let waits = named("waits", async move { sleeps.await.is_ok() });
        yield_now().await;
        yield_now().await;
        task.abort();
        waits.abort();
        assert!(task.await.is_err() && waits.await.is_err());
    })
}

#[test]
fn a_lost_wakeup_is_flagged_at_its_moment() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("lost");
    let mut page = open(browser, &folder, &lost_wakeup().to_html());
    by_steps(&mut page);
    let flags = page.eval(
        "[...document.querySelectorAll('#pane-flags li')].map((li) => li.textContent) \
        .filter((flag) => /waker|wakeup/.test(flag))",
    );
    assert_eq!(flags.as_array().unwrap().len(), 1, "{flags}");
    let flag = flags[0].as_str().unwrap();
    assert!(
        flag.starts_with("Lost wakeup late: it returned Pending"),
        "{flag}"
    );
    assert!(
        flag.contains("\"the event\" was marked during that poll"),
        "{flag}"
    );
    let lost = "steps.tasks.find((task) => task.label === 'late').lost";
    assert_eq!(
        look(&mut page, &format!("pixel({lost}.t, 'late', 0.04)")),
        "bad"
    );
    let red = format!("pixel({lost}.t - 0.4, 'late', 0.04)");
    assert_ne!(look(&mut page, &red), "bad");
    // A click on the flag shows the moment.
    page.eval(
        "[...document.querySelectorAll('#pane-flags .go')] \
        .find((one) => one.textContent === 'Lost wakeup').click()",
    );
    let sentence = page.eval("$('sentence').textContent");
    assert_eq!(sentence, "late sets the mark \"the event\".");
    let answer = page.eval("$('pane-task').textContent");
    assert!(
        answer.as_str().unwrap().contains("Its wakeup was lost"),
        "{answer}"
    );
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_waiting_task_without_a_waker_is_flagged_even_if_it_is_aborted() {
    let Some(browser) = browser() else { return };
    let snapshot = record(Level::Clones, async {
        let forgets = named("forgets", pending::<()>());
        let drops = named(
            "drops",
            poll_fn(|cx| {
                drop(cx.waker().clone());
                Poll::<()>::Pending
            }),
        );
        let sleeps = named("sleeps", sleep(Duration::from_secs(3600)));
        let waits = named("waits", async {
            wakeful::sync::Notify::new().notified().await
        });
        yield_now().await;
        yield_now().await;
        for task in [&forgets, &drops, &waits] {
            task.abort();
        }
        sleeps.abort();
        yield_now().await;
        yield_now().await;
    });
    let folder = Folder::new("forgotten");
    let mut page = open(browser, &folder, &snapshot.to_html());
    let flags = page.eval(
        "[...document.querySelectorAll('#pane-flags li')].map((li) => li.textContent) \
           .filter((flag) => /waker|wakeup/.test(flag)).sort()",
    );
    let flags = flags.as_array().unwrap();
    assert_eq!(flags.len(), 2, "{flags:?}");
    assert!(
        flags[0]
            .as_str()
            .unwrap()
            .starts_with("No waker left drops: ")
    );
    assert!(
        flags[1]
            .as_str()
            .unwrap()
            .starts_with("No waker left forgets: ")
    );
}

#[test]
fn wakes_that_queue_nothing_are_drawn() {
    let Some(browser) = browser() else { return };
    // Two wakes of a task by `main`, of which the second finds the task queued already.
    let wake = |seq: u64, ts: u64, effect: &str| {
        json!(["wake", seq, ts, 0, 1, false, "task", 0, effect, null])
    };
    let events = [
        json!(["poll", 1, 1_000_000, 8_000_000, 0, "pending", null]),
        wake(2, 2_000_000, "queued"),
        wake(3, 5_000_000, "coalesced"),
        json!(["poll", 4, 10_000_000, 1_000_000, 1, "ready", 2]),
    ];
    let folder = Folder::new("idle");
    let mut page = open(browser, &folder, &page_of(&events, 20_000_000));
    // Its bar is above the lane of the task.
    let bar = "at(lanes, x(5e6), row('baker <b>') + 1.5)";
    assert_eq!(look(&mut page, bar), "task");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn the_overview_lines_up_with_the_lanes_and_shows_stalls() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("map");
    let mut page = open(browser, &folder, &three_polls());
    let edges = "['map', 'lanes'].map((id) => (({ left, right }) => [left, right]) \
                 ($(id).getBoundingClientRect()))";
    let edges = page.eval(edges);
    assert_eq!(edges[0], edges[1]);
    let seen = look(
        &mut page,
        "[0.5, 6, 15].map((ms) => at($('map'), x(ms * 1e6), 30))",
    );
    assert_eq!(seen, json!(["running", "bad", "bad"]));
}

#[test]
fn arrows_have_enough_contrast_in_both_themes() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("contrast");
    let mut page = open(browser, &folder, &two_wakes());
    let mut seen = Vec::new();
    for _ in 0..2 {
        let low = look(
            &mut page,
            "((light) => Object.entries(ORIGIN_COLOURS).flatMap(([name, colour]) => \
               [c.bg, c.states[0]].map((under) => { \
                 const [a, b] = [light(colour), light(under)].sort((x, y) => y - x); \
                 return [name, (a + 0.05) / (b + 0.05)]; })).filter(([, ratio]) => ratio < 3)) \
             ((colour) => { known(colour); \
               const part = [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3) \
                 .map((v) => v / 255)\
                 .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); \
               return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2]; })",
        );
        assert_eq!(low, json!([]));
        // The colours are drawn as they are, not mixed with those below them.
        let drawn = look(&mut page, "all(lanes)");
        assert!(drawn["task"].as_u64() > Some(20), "{drawn}");
        seen.push(page.eval("document.documentElement.dataset.theme"));
        page.eval("$('theme').click()");
    }
    assert_ne!(seen[0], seen[1]);
}

/// `main` wakes another task, which is polled later.
fn two_wakes() -> String {
    let events = [
        json!(["poll", 1, 1_000_000, 2_000_000, 0, "pending", null]),
        json!(["wake", 2, 2_000_000, 0, 1, false, "task", 0, "queued", null]),
        json!(["poll", 3, 10_000_000, 1_000_000, 1, "pending", 2]),
    ];
    page_of(&events, 20_000_000)
}

#[test]
fn a_search_keeps_the_arrow_of_a_hidden_waker() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("search");
    let mut page = open(browser, &folder, &two_wakes());
    let search = |text: &str| {
        format!(
            "$('search').value = {}; $('search').dispatchEvent(new Event('input'))",
            json!(text)
        )
    };
    assert_eq!(page.eval("$('hidden').hidden"), true);
    page.eval(&search("baker"));
    let drawn = look(&mut page, "all(lanes)");
    assert!(drawn["task"].as_u64() > Some(20), "{drawn}");
    let hidden = page.eval("$('hidden').textContent");
    assert!(
        hidden.as_str().unwrap().starts_with("2 tasks hidden"),
        "{hidden}"
    );
    page.eval(&search("no such task"));
    let hidden = page.eval("$('hidden').textContent");
    let text = hidden.as_str().unwrap();
    assert!(
        text.starts_with("No task matches \"no such task\"."),
        "{hidden}"
    );
    page.eval("$('hidden').querySelector('button').click()");
    assert_eq!(page.eval("$('hidden').hidden"), true);
    page.frames();
    assert_eq!(page.eval("$('rows').children.length"), 3);
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_stopped_clock_gives_the_durations_of_the_program() {
    let snapshot = record(Level::Wakes, async {
        pause();
        sleep(Duration::from_secs(3600)).await;
        sleep(Duration::from_secs(2)).await;
    });
    let Some(browser) = browser() else { return };
    let folder = Folder::new("stopped");
    let mut page = open(browser, &folder, &snapshot.to_html());
    let armed = look(
        &mut page,
        "[...model.ts.keys()].filter((i) => model.kind(i) === 'timer_arm') \
           .map((i) => plain(model, sentence(model, i)))",
    );
    let second = armed[1].as_str().unwrap();
    assert!(
        second.starts_with("main arms timer 1, due in 2.00 s."),
        "{second}"
    );
    assert!(
        second.ends_with("The clock was stopped, and jumped to that time."),
        "{second}"
    );
}
