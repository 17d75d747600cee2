//! Tests of the server with its page in a real browser, and with requests beside it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;

#[path = "../../../tests/trace/devtools.rs"]
mod devtools;

use devtools::{Folder, Page, browser};
use serde_json::json;

/// Starts a server on another thread, which runs until the process of the test ends.
fn server() -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        wakeful_observatory::runtime()
            .unwrap()
            .block_on(async move {
                let listener = wakeful_observatory::listen_on_loopback("127.0.0.1:0").await;
                let listener = listener.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                wakeful_observatory::serve(listener).await;
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
    page.eval("[...document.querySelectorAll('#requests button')].find((one) => one.textContent === '/panic').click()");
    shows(&mut page, "GET /panic", "panicked");
    page.until("$('answer').textContent.includes('500: 500 Internal Server Error')");
    // The task of the page's own stream exists, and is not shown.
    assert!(!is_there(&mut page, "observatory: events"));
    page.eval("$('own').click()");
    page.until(&format!("{} !== undefined", row("observatory: events")));
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

#[test]
fn an_address_outside_loopback_is_refused() {
    let refused = |address: &'static str| {
        let runtime = wakeful_observatory::runtime().unwrap();
        runtime.block_on(wakeful_observatory::listen_on_loopback(address))
    };
    let sentence = refused("0.0.0.0:0").unwrap_err();
    assert!(sentence.contains("on loopback only"), "{sentence}");
}
