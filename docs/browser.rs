//! Opens each chapter of the course in Chromium. `WAKEFUL_BOOK` is the directory of the built book,
//! which `scripts/book` makes; without it the test is skipped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::{env, fs, io, thread};

use serde_json::json;
use wakeful::net::{TcpListener, TcpStream};

#[path = "../tests/trace/devtools.rs"]
#[allow(dead_code, reason = "the tests of the trace use the rest")]
mod devtools;

use devtools::{Folder, Page, browser};

/// The number of chapters after which a new browser is started: each is killed after two minutes.
const CHAPTERS: usize = 4;

/// A script that is true once the lanes of the recorded page are drawn: the canvas then has at
/// least the colours of the background, of a label, and of two states of a task.
const DRAWN: &str = "(() => { \
    const page = document.querySelector('iframe').contentDocument; \
    const lanes = page?.getElementById('lanes'); \
    if (!lanes?.width || !lanes.height) return false; \
    const data = lanes.getContext('2d').getImageData(0, 0, lanes.width, lanes.height).data; \
    return new Set(new Uint32Array(data.buffer)).size > 4; })()";

/// Serves the files of a directory on a port of loopback, until the process ends.
fn serve(folder: PathBuf) -> SocketAddr {
    let (send, address) = mpsc::channel();
    thread::spawn(move || {
        wakeful::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let folder = folder.clone();
                // A browser may open a connection that it does not use.
                drop(wakeful::spawn(async move {
                    let _ = answer(stream, &folder).await;
                }));
            }
        });
    });
    address.recv().unwrap()
}

async fn answer(stream: TcpStream, folder: &Path) -> io::Result<()> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut part).await?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&part[..read]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let kind = match path.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "js")) => "text/javascript",
        Some((_, "css")) => "text/css",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let (status, body) = match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await
}

/// Returns the names of the chapters, and whether each has a recorded page.
fn chapters(book: &Path) -> Vec<(String, bool)> {
    let mut chapters = Vec::new();
    for entry in fs::read_dir(book.join("course")).expect("`scripts/book` has built the book") {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            let page = book.join("course/pages").join(&name).exists();
            chapters.push((name, page));
        }
    }
    chapters.sort();
    chapters
}

/// Waits until an expression is true. It is evaluated at each frame, for at most half a minute.
fn wait(page: &mut Page, expression: &str, what: &str) {
    let script = format!(
        "new Promise((done) => {{ \
           const end = performance.now() + 30000; \
           const ask = () => ({expression}) ? done(true) \
             : performance.now() > end ? done(false) : requestAnimationFrame(ask); ask(); }})"
    );
    let come = page.eval(&script) == json!(true);
    assert!(come, "{what}, errors: {:?}", page.complaints);
}

#[test]
fn each_chapter_of_the_course_opens_with_its_recorded_page_and_without_an_error() {
    let Some(book) = env::var_os("WAKEFUL_BOOK").map(PathBuf::from) else {
        println!("skipped: WAKEFUL_BOOK is not set to the directory of a book, see scripts/book");
        return;
    };
    let Some(browser) = browser() else { return };
    // The directory of a test is that of its package.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let chapters = chapters(&root.join(&book));
    assert!(!chapters.is_empty(), "{} has no chapters", book.display());
    let address = serve(root.join(book));
    for (at, some) in chapters.chunks(CHAPTERS).enumerate() {
        let folder = Folder::new(&format!("book-{at}"));
        let mut page = Page::open(browser, &folder.0, &format!("http://{address}/index.html"));
        for (name, recorded) in some {
            for size in [(1440, 1000), (390, 780)] {
                open(&mut page, &address, name, *recorded, size);
            }
            if *recorded {
                change_theme(&mut page, "coal", "dark");
                change_theme(&mut page, "light", "light");
            }
            assert!(page.complaints.is_empty(), "{:?}", page.complaints);
        }
    }
}

/// Loads a chapter in a window of the given size, and checks what is on it.
fn open(page: &mut Page, address: &SocketAddr, name: &str, recorded: bool, size: (u32, u32)) {
    println!("{name} at {size:?}"); // printed if the test fails
    let size = json!({
        "width": size.0, "height": size.1, "deviceScaleFactor": 1, "mobile": false,
    });
    page.call("Emulation.setDeviceMetricsOverride", size);
    let url = format!("http://{address}/course/{name}");
    page.call("Page.navigate", json!({ "url": url }));
    let loaded =
        format!("document.readyState === 'complete' && location.pathname === '/course/{name}'");
    wait(page, &loaded, "the chapter is not loaded");
    let heading = page.eval("document.querySelector('main h1').textContent");
    let heading = heading.as_str().unwrap();
    assert!(heading.starts_with(&name[..2]), "{heading}");
    let listed = format!("document.querySelector(\"nav a.active[href$='{name}']\") !== null");
    wait(
        page,
        &listed,
        "the table of contents does not have the chapter",
    );
    // The program of the lesson, and that of its exercise.
    let programs = page.eval(
        "[...document.querySelectorAll('code.language-rust')] \
            .filter((code) => code.textContent.includes('fn main()')).length",
    );
    assert_eq!(programs, json!(2));

    let frames = page.eval("document.querySelectorAll('iframe').length");
    assert_eq!(frames, json!(u8::from(recorded)));
    if recorded {
        let polls = page.eval("document.querySelectorAll('.figure svg rect.running').length");
        assert!(polls.as_u64() > Some(0), "the figure has no poll");
        page.eval("document.querySelector('iframe').scrollIntoView()");
        wait(page, DRAWN, "the lanes are not drawn");
    }
    let overflow = page.eval(
        "Math.max(...['html', 'main'].map((name) => { \
            const element = document.querySelector(name); \
            return element.scrollWidth - element.clientWidth; }))",
    );
    assert!(
        overflow.as_i64() <= Some(0),
        "it is {overflow} pixels too wide"
    );
}

/// Changes the theme of the book, and waits until the recorded page has it.
fn change_theme(page: &mut Page, theme: &str, scheme: &str) {
    let classes = "document.documentElement.classList";
    page.eval(&format!("{classes}.remove('light', 'navy', 'coal')"));
    page.eval(&format!("{classes}.add('{theme}')"));
    let root = "document.querySelector('iframe').contentDocument?.documentElement";
    let themed = format!("{root}?.dataset.theme === '{scheme}' && {DRAWN}");
    wait(page, &themed, "the recorded page has not taken the theme");
}
