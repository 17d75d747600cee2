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

/// The browser is started anew after so many chapters, as it is killed after two minutes.
const CHAPTERS: usize = 8;

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

fn resize(page: &mut Page, width: u32, height: u32) {
    let size = json!({
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
    });
    page.call("Emulation.setDeviceMetricsOverride", size);
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
            open(&mut page, address, name, *recorded);
        }
    }
}

fn open(page: &mut Page, address: SocketAddr, name: &str, recorded: bool) {
    println!("{name}");
    let url = format!("http://{address}/course/{name}");
    resize(page, 1440, 1000);
    page.call("Page.navigate", json!({ "url": url }));
    page.until(&format!(
        "document.readyState === 'complete' && location.pathname === '/course/{name}'"
    ));
    let heading = page.eval("document.querySelector('main h1').textContent");
    assert!(
        heading.as_str().unwrap().starts_with(&name[..2]),
        "{heading}"
    );
    // The table of contents, which a script inserts, has the chapter.
    page.until(&format!(
        "document.querySelector(\"nav a.active[href$='{name}']\") !== null"
    ));
    let code = page.eval("document.querySelector('code.language-rust').textContent");
    assert!(code.as_str().unwrap().contains("fn main()"), "{code}");

    let frames = page.eval("document.querySelectorAll('iframe').length");
    assert_eq!(frames, json!(u8::from(recorded)));
    for (width, height) in [(1440, 1000), (390, 780)] {
        resize(page, width, height);
        if recorded {
            page.eval("document.querySelector('iframe').scrollIntoView()");
            page.until(DRAWN);
        }
        let overflow = page.eval("document.documentElement.scrollWidth - innerWidth");
        assert!(
            overflow.as_i64() <= Some(0),
            "{name} is {overflow} pixels too wide for {width}"
        );
    }
    for theme in ["coal", "light"] {
        let classes = "document.documentElement.classList";
        page.eval(&format!("{classes}.remove('light', 'navy', 'coal')"));
        page.eval(&format!("{classes}.add('{theme}')"));
        if recorded {
            let scheme = if theme == "coal" { "dark" } else { "light" };
            let root = "document.querySelector('iframe').contentDocument?.documentElement";
            page.until(&format!("{root}?.dataset.theme === '{scheme}' && {DRAWN}"));
        }
    }
    assert!(page.complaints.is_empty(), "{name}: {:?}", page.complaints);
}
