//! Tests of the server with its page in a real browser, and with requests beside it.

use std::future::pending;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[path = "../../../tests/trace/devtools.rs"]
mod devtools;
#[path = "../examples/observatory/routes.rs"]
mod routes;

use devtools::{Folder, Page, browser};
use serde_json::json;
use wakeful::sync::Notify;
use wakeful::task;
use wakeful::time::sleep;
use wakeful_observatory::Observatory;

/// Starts the program of the example on another thread, which runs until the process of the test
/// ends.
fn server() -> SocketAddr {
    server_with(2_000)
}

fn server_with(rate: u32) -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        let builder = wakeful::Builder::new().detect_deadlocks(true);
        let builder = builder.on_deadlock(|_| {});
        builder.build().unwrap().block_on(async move {
            let observatory = Observatory::new().rate(rate);
            let observatory = observatory.actions(routes::TARGETS, routes::answer);
            let server = observatory.serve("127.0.0.1:0").await.unwrap();
            told.send(server.address()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    address.recv().unwrap()
}

fn get(address: SocketAddr, path: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns an expression for the row of a task in the table of the page.
fn row(name: &str) -> String {
    format!("[...$('tasks').rows].find((row) => row.cells[1].textContent === '{name}')")
}

fn is_there(page: &mut Page, name: &str) -> bool {
    page.eval(&format!("{} !== undefined", row(name))) == true
}

/// Waits until the table shows a task in this state.
fn shows(page: &mut Page, name: &str, state: &str) {
    page.until(&format!(
        "{}?.cells[0].textContent === '{state}'",
        row(name)
    ));
}

/// Waits until one of the texts about wakes contains all of `parts`.
fn says(page: &mut Page, parts: &[&str]) {
    let parts = json!(parts);
    page.until(&format!(
        "[...$('wakes').children].some((line) => \
           {parts}.every((part) => line.textContent.includes(part)))"
    ));
}

fn open(browser: &str, folder: &Folder, address: SocketAddr) -> Page {
    let mut page = Page::open(browser, &folder.0, &format!("http://{address}/"));
    page.until("document.body.dataset.state === 'live'");
    page
}

#[test]
fn requests_appear_on_the_page_as_they_happen() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("live");
    let mut page = open(browser, &folder, address);
    assert!(!is_there(&mut page, "GET /slow?ms=2"));
    let answer = get(address, "/slow?ms=2", "");
    assert!(answer.contains("a timer woke this task"), "{answer}");
    shows(&mut page, "GET /slow?ms=2", "done");
    says(&mut page, &["Timer", "wakes GET /slow?ms=2"]);
    page.until("[...$('labels').children].some((one) => one.textContent === 'GET /slow?ms=2')");
    get(address, "/thread?ms=1", "");
    says(
        &mut page,
        &["The thread \"visitor\" wakes GET /thread?ms=1"],
    );
    // A request by a button of the page.
    page.eval(
        "[...document.querySelectorAll('#requests button')] \
           .find((one) => one.textContent === '/panic').click()",
    );
    shows(&mut page, "GET /panic", "panicked");
    page.until(&format!(
        "{} !== ''",
        alert("panic", &["GET /panic panicked."])
    ));
    page.until("$('answer').textContent.includes('500: 500 Internal Server Error')");
    // The task of the page's own stream exists, and is not shown.
    assert!(!is_there(&mut page, "observatory: accept"));
    page.eval("$('own').click()");
    page.until(&format!("{} !== undefined", row("observatory: accept")));
    assert_eq!(
        page.complaints.len(),
        1,
        "the console of the browser has more than the 500: {:?}",
        page.complaints
    );
    assert!(page.complaints[0].contains("500"));
    let picture = page.picture().len();
    page.eval("document.body.hidden = true; document.body.style.display = 'none'");
    page.frames();
    let blank = page.picture().len();
    assert!(
        picture > blank * 3,
        "{picture} bytes, and {blank} when blank"
    );
}

#[test]
fn a_paused_page_does_not_change_and_shows_all_events_later() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("paused");
    let mut page = open(browser, &folder, address);
    page.eval("$('pause').click()");
    get(address, "/yields?n=3", "");
    // Two more parts: the second one was created after the request.
    let wait = "Number(/(\\d+) parts? wait/.exec($('status').textContent)?.[1] ?? 0)";
    let held = page.eval(wait).as_f64().unwrap_or(0.0);
    page.until(&format!("{wait} >= {held} + 2"));
    assert!(!is_there(&mut page, "GET /yields?n=3"));
    page.eval("$('pause').click()");
    shows(&mut page, "GET /yields?n=3", "done");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn the_wheel_and_dragging_pause_and_move_the_view() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("wheel");
    let mut page = open(browser, &folder, server());
    page.until("$('labels').children.length > 3");
    let lanes = page
        .eval("(({ left, top, width }) => [left, top, width])($('frame').getBoundingClientRect())");
    let [left, top, width] = [0, 1, 2].map(|i| lanes[i].as_f64().unwrap());
    let at = |part: f64| (left + width * part, top + 40.0);
    let view = |page: &mut Page| {
        page.frames();
        page.frames();
        let view = page.eval("[+$('lanes').dataset.from, +$('lanes').dataset.to]");
        (view[0].as_f64().unwrap(), view[1].as_f64().unwrap())
    };
    page.mouse("mouseWheel", at(0.5), -2000.0);
    page.until("document.body.dataset.state === 'paused'");
    let near = view(&mut page);
    assert!(near.1 - near.0 < 5e9, "of 10 seconds: {near:?}");
    page.drag(at(0.6), at(0.4));
    let moved = view(&mut page);
    let by = (moved.0 - near.0) / (near.1 - near.0);
    assert!((by - 0.2).abs() < 0.02, "{moved:?} after {near:?}");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn other_origins_and_names_are_refused() {
    let address = server();
    let refused = |more: &str| {
        let answer = get(address, "/hello", more);
        answer.starts_with("HTTP/1.1 403 ") && !answer.contains("Access-Control")
    };
    assert!(!refused(""));
    assert!(!refused(&format!("Origin: http://{address}\r\n")));
    assert!(refused("Origin: http://evil.example\r\n"));
    assert!(refused("Sec-Fetch-Site: cross-site\r\n"));
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

/// Returns an expression for the text of the alert of a kind that has all these parts, or "".
fn alert(kind: &str, parts: &[&str]) -> String {
    let parts = json!(parts);
    format!(
        "([...document.querySelectorAll('#alerts [data-kind={kind}]')] \
           .find((line) => {parts}.every((part) => line.textContent.includes(part))) \
           ?.textContent ?? '')"
    )
}

#[test]
fn a_task_that_spins_is_drawn_running_and_counted_exactly() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("spin");
    let mut page = open(browser, &folder, address);
    page.eval("fetch('/spin?ms=3000')");
    shows(&mut page, "spinner", "running");
    page.until("document.body.dataset.health === 'bad'");
    page.until(&format!(
        "/takes \\d+ % of the loop/.test({})",
        alert("self", &["spinner"])
    ));
    // The times without events are hatched, and the bars of the task are those of a running one: of
    // the time in which it lived, as the loop polls others before.
    page.until("+$('lanes').dataset.gaps > 0");
    page.until(
        "(() => { \
           const canvas = $('lanes'), k = canvas.width / canvas.clientWidth, \
             row = [...$('labels').children] \
               .findIndex((one) => one.textContent === 'spinner'); \
           if (row < 0) return false; \
           const line = (row) => canvas.getContext('2d') \
             .getImageData(0, (22 + row * 22 + 15) * k, canvas.width, 1).data; \
           const is = (data, i) => { const [r, g, b] = data.slice(i * 4, i * 4 + 3); \
             return { green: g > r + 30 && g > b + 20, \
               red: r > g + 80 && r > b + 80 }; }; \
           const loop = line(0), task = line(row), all = [...Array(canvas.width).keys()]; \
           const runs = (i) => is(task, i).green || is(task, i).red; \
           const from = all.find(runs), to = all.findLast(runs); \
           const busy = all.filter((i) => i >= from && i <= to && is(loop, i).green); \
           return to - from > 150 * k && busy.filter(runs).length > 0.6 * busy.length; })()",
    );
    shows(&mut page, "spinner", "done");
    let polls = page.eval(&format!("{}.cells[4].title", row("spinner")));
    let polls: u64 = polls.as_str().unwrap().replace(',', "").parse().unwrap();
    assert_eq!(polls, routes::SPINS.load(Ordering::Relaxed) + 1);
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn lost_tasks_and_deadlocks_are_alerts_with_links_to_their_tasks() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("lost");
    let mut page = open(browser, &folder, address);
    page.until("$('alerts').textContent.length > 0");
    page.eval("fetch('/lose').then(() => fetch('/cycle'))");
    page.until(&format!(
        "{} !== ''",
        alert("lost", &["forgetful waits, and no waker of it is left"])
    ));
    let parts = ["there", "back", "wait for each other", "the mutex made at"];
    page.until(&format!("{} !== ''", alert("cycle", &parts)));
    assert_eq!(
        page.eval(&format!("{}.cells[6].textContent", row("forgetful"))),
        "0"
    );
    page.eval("document.querySelector('#alerts [data-kind=lost] button').click()");
    page.until("$('panel').textContent.includes('No waker is left: nothing can wake it.')");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_poll_that_holds_up_33_tasks_is_one_alert() {
    let Some(browser) = browser() else { return };
    let address = server_with(0);
    let folder = Folder::new("pile");
    let mut page = open(browser, &folder, address);
    page.until("$('alerts').textContent.length > 0");
    get(address, "/pile?n=33", "");
    let stall = [
        "GET /pile?n=33 held the loop for ",
        "33 tasks waited for it",
    ];
    page.until(&format!("{} !== ''", alert("stall", &stall)));
    let others = "[...document.querySelectorAll('#alerts li')] \
                  .filter((line) => /pile|ready \\d/.test(line.textContent)).length";
    assert_eq!(page.eval(others), 1);
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn timers_that_fire_late_are_an_alert_that_names_what_held_them_up() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("stall");
    let mut page = open(browser, &folder, address);
    page.eval("fetch('/crowd?n=40')");
    page.until(&format!("{} !== undefined", row("member 1")));
    get(address, "/block?ms=1500", "");
    let stall = ["GET /block?ms=1500 held the loop for 1.", "fired late"];
    page.until(&format!("{} !== ''", alert("stall", &stall)));
    let timers = ["timers fired late", "held up by GET /block?ms=1500"];
    page.until(&format!("{} !== ''", alert("timer", &timers)));
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn two_hundred_tasks_are_grouped_by_the_place_that_spawned_them() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("crowd");
    let mut page = open(browser, &folder, address);
    page.eval("fetch('/crowd?n=200')");
    page.until("document.querySelector('tr.group')?.textContent.includes('200 tasks of 200')");
    let more = "[...document.querySelectorAll('tr.more button')][0]";
    page.until(&format!("{more}?.textContent === 'and 190 more'"));
    let members = "document.querySelectorAll('tr.member').length";
    assert_eq!(page.eval(members), 10);
    page.eval(&format!("{more}.click()"));
    page.until(&format!("{members} === 200"));
    page.until("/^and \\d+ more$/.test($('labels').lastChild.textContent)");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn events_and_tasks_are_selected_by_clicks_and_by_keys() {
    let Some(browser) = browser() else { return };
    let address = server();
    let folder = Folder::new("select");
    let mut page = open(browser, &folder, address);
    // So that the task stays in view on a slow machine.
    page.eval("$('span').value = '3e10'");
    get(address, "/yields?n=5", "");
    shows(&mut page, "GET /yields?n=5", "done");
    let key = |page: &mut Page, key: &str| {
        let shift = key.starts_with("Shift+");
        let key = key.trim_start_matches("Shift+");
        page.eval(&format!(
            "$('lanes').focus(); $('lanes').dispatchEvent(new KeyboardEvent('keydown', \
               {{ key: '{key}', shiftKey: {shift}, bubbles: true }}))"
        ));
        page.frames();
    };
    page.eval(&format!(
        "{}.querySelector('button').click()",
        row("GET /yields?n=5")
    ));
    page.until("$('panel').textContent.includes('6 polls')");
    assert_eq!(page.eval("document.body.dataset.state"), "live");
    // With Shift, the first event of the selected task.
    key(&mut page, "Shift+ArrowRight");
    page.until("document.body.dataset.state === 'paused'");
    page.until("/^spawn at [0-9.]+ s: .*yields/.test($('event').textContent)");
    let first = page.eval("$('event').textContent");
    key(&mut page, "ArrowRight");
    page.until(&format!("$('event').textContent !== {first}"));
    key(&mut page, "Escape");
    page.until("$('panel').textContent === 'No task is selected.'");
    // A click into the lane of the task.
    let place = page.eval(
        "(() => { const row = [...$('labels').children] \
             .findIndex((one) => one.textContent === 'GET /yields?n=5'); \
           $('labels').children[row].scrollIntoView({ block: 'center' }); \
           const box = $('lanes').getBoundingClientRect(); \
           return [box.left, box.top + 22 + row * 22 + 11, box.width]; })()",
    );
    let [left, y, width] = [0, 1, 2].map(|i| place[i].as_f64().unwrap());
    for part in 0..100 {
        let at = (left + width * (f64::from(part) + 0.5) / 100.0, y);
        page.mouse("mousePressed", at, 0.0);
        page.mouse("mouseReleased", at, 0.0);
        page.frames();
        if page.eval("$('panel').textContent.startsWith('CloseGET /yields?n=5')") == true {
            break;
        }
    }
    page.until("$('panel').textContent.startsWith('CloseGET /yields?n=5')");
    assert_eq!(page.complaints, [""; 0]);
}

/// Serves the page of a program that adds only the line for it, and runs `work` beside it.
fn plain(work: impl FnOnce() + Send + 'static) -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        wakeful::block_on(async move {
            let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
            told.send(server.address()).unwrap();
            work();
            std::future::pending::<()>().await;
        });
    });
    address.recv().unwrap()
}

#[test]
fn tasks_of_one_place_without_names_are_one_cause() {
    let Some(browser) = browser() else { return };
    let address = plain(|| {
        for _ in 0..3 {
            task::spawn(async {
                sleep(Duration::from_millis(10)).await;
                thread::sleep(Duration::from_millis(40));
                pending::<()>().await;
            });
        }
        for n in 0..3 {
            let named = task::Builder::new().name(format!("job {n}"));
            named.spawn(pending::<()>());
        }
    });
    let folder = Folder::new("one-cause");
    let mut page = open(browser, &folder, address);
    page.until(&format!(
        "/held the loop [3-9] times, for up to/.test({})",
        alert("stall", &["browser.rs:"])
    ));
    let lost = ["3 tasks such as job ", "no waker of them is left"];
    page.until(&format!("{} !== ''", alert("lost", &lost)));
    let lost = ["3 tasks such as browser.rs:", "no waker of them is left"];
    page.until(&format!("{} !== ''", alert("lost", &lost)));
    let kinds = "[...document.querySelectorAll('#alerts [data-kind]')] \
                 .filter((one) => /browser.rs:|job /.test(one.textContent)) \
                 .map((one) => one.dataset.kind) \
                 .filter((kind) => !['delay', 'timer'].includes(kind)).join(' ')";
    assert_eq!(page.eval(kinds), "lost lost stall");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn a_page_without_buttons_has_no_line_for_them_and_says_which_deadlocks_it_cannot_find() {
    let Some(browser) = browser() else { return };
    let address = plain(|| ());
    let folder = Folder::new("plain");
    let mut page = open(browser, &folder, address);
    page.until("$('alerts').textContent.includes('build the runtime with detect_deadlocks(true)')");
    assert_eq!(page.eval("getComputedStyle($('requests')).display"), "none");
    assert_eq!(page.eval("getComputedStyle($('answer')).display"), "none");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn late_timers_of_the_page_itself_are_no_alert_where_events_are_left_out() {
    let Some(browser) = browser() else { return };
    let address = plain(|| {
        // Blocks the loop until a timer of the page is late, and makes events without timers.
        task::Builder::new().name("blocker").spawn(async {
            loop {
                for _ in 0..2000 {
                    task::yield_now().await;
                }
                thread::sleep(Duration::from_millis(30));
            }
        });
    });
    let folder = Folder::new("own-timers");
    let mut page = open(browser, &folder, address);
    let stalls = "+($('alerts').querySelector('[data-kind=stall] .times') \
                  ?.textContent.slice(1) ?? 0)";
    page.until(&format!("{stalls} > 60"));
    assert_eq!(page.eval(&alert("timer", &["observatory: "])), "");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn tasks_that_wait_are_not_drawn_ready_where_events_are_left_out() {
    let Some(browser) = browser() else { return };
    let address = plain(|| {
        // Two tasks wake each other all the time: each waits while the other one runs. A third one
        // is polled ten times a second.
        let turns = Rc::new([Notify::new(), Notify::new()]);
        for me in 0..2 {
            let turns = turns.clone();
            let named = task::Builder::new().name(["ping", "pong"][me]);
            named.spawn(async move {
                turns[me].notify_one();
                loop {
                    turns[me].notified().await;
                    turns[1 - me].notify_one();
                }
            });
        }
        task::Builder::new().name("rare").spawn(async {
            loop {
                sleep(Duration::from_millis(700)).await;
            }
        });
    });
    let folder = Folder::new("waits");
    let mut page = open(browser, &folder, address);
    page.until("+$('lanes').dataset.gaps > 30");
    page.eval("$('pause').click()");
    page.frames();
    for name in ["rare", "ping", "pong"] {
        // In the middle of the lane, above the bar of a task with a small share of the loop.
        let ready = page.eval(&format!(
            "(() => {{ \
               const canvas = $('lanes'), k = canvas.width / canvas.clientWidth, \
                 row = [...$('labels').children].findIndex((one) => one.textContent === '{name}'); \
               const {{ data }} = canvas.getContext('2d') \
                 .getImageData(0, (22 + row * 22 + 4) * k, canvas.width, 1); \
               let ready = 0, all = 0; \
               for (let i = canvas.width * 0.75 | 0; i < canvas.width * 0.9; i++, all++) {{ \
                 const [r, g, b] = data.slice(i * 4, i * 4 + 3); \
                 if (r > b + 60 && g > b + 40) ready++; }} \
               return ready / all; }})()"
        ));
        assert!(
            ready.as_f64().unwrap() < 0.6,
            "{name}: {ready} is drawn ready"
        );
    }
    assert_eq!(page.complaints, [""; 0]);
}
