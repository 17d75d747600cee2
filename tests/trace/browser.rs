//! The page in a real browser: Chromium without a window.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use wakeful::task::yield_now;
use wakeful::trace::{Level, Snapshot};

use super::{named, record};

/// A folder of this test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wakeful-page-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            let mut command = Command::new(name);
            let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
            silent.arg("--version").status().is_ok_and(|s| s.success())
        });
    if found.is_none() {
        eprintln!("skipped: there is no chromium on the path");
    }
    found
}

/// Opens a page, and gives what it prints: its document, or nothing with a screenshot.
fn open(browser: &str, folder: &Path, page: &Path, more: &[&str]) -> String {
    // `timeout` ends the browser and its children, should it hang.
    let output = Command::new("timeout")
        .args(["--kill-after=5", "90", browser])
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-dev-shm-usage", "--no-first-run"])
        .args(["--window-size=1280,800", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", folder.join("user").display()))
        .args(more)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("`timeout` of the coreutils starts the browser");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Puts a script of the test's before the page's own, runs the page, and reads the script's report.
fn drive(browser: &str, name: &str, snapshot: &Snapshot, steps: &str) -> Value {
    let folder = Folder::new(name);
    let page = folder.0.join("driven.html");
    let listen = "<script>window.errors = []; \
        addEventListener('error', (e) => errors.push(String(e.message))); \
        console.error = (...all) => errors.push(all.join(' '));</script></head>";
    let act = format!(
        "<script>addEventListener('load', () => setTimeout(() => {{ \
           const texts = (all) => [...document.querySelectorAll(all)].map((one) => one.textContent); \
           const click = (id) => document.getElementById(id).click(); \
           const report = {{}}; {steps}; report.errors = errors; \
           const made = document.createElement('pre'); made.id = 'report'; \
           made.textContent = encodeURIComponent(JSON.stringify(report)); \
           document.body.append(made); }}, 1000));</script></body>"
    );
    let text = snapshot
        .to_html()
        .replacen("</head>", listen, 1)
        .replacen("</body>", &act, 1);
    fs::write(&page, text).unwrap();
    let document = open(browser, &folder.0, &page, &["--dump-dom"]);
    let (_, report) = document
        .rsplit_once("<pre id=\"report\">")
        .expect("the script ran to its end");
    let (report, _) = report.split_once("</pre>").unwrap();
    serde_json::from_str(&decoded(report)).unwrap()
}

/// `encodeURIComponent`, backwards.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn two_tasks() -> Snapshot {
    record(Level::Clones, async {
        let one = named("baker <b>", async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let two = named("miller", async {
            let long = std::time::Instant::now();
            // A poll of more than the page's 10 ms, so that it has something to flag.
            while long.elapsed().as_millis() < 11 {}
        });
        one.await.unwrap();
        two.await.unwrap();
    })
}

#[test]
fn the_page_opens_and_steps() {
    let Some(browser) = browser() else { return };
    let report = drive(
        browser,
        "steps",
        &two_tasks(),
        "const where = () => document.getElementById('where').textContent; \
         const canvas = document.getElementById('lanes'); \
         const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
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
fn the_page_shows_a_hundred_thousand_events() {
    let Some(browser) = browser() else { return };
    let snapshot = record(Level::Wakes, async {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                named("busy", async {
                    for _ in 0..500 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(snapshot.events().len() > 60_000);
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
    // Only those that can be seen are in the document.
    let rows = report["rows"].as_u64().unwrap();
    assert!((5..60).contains(&rows), "{rows}");
}

#[test]
fn a_screenshot_of_the_page_is_not_blank() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new("picture");
    let picture = |name: &str, text: &str| {
        let page = folder.0.join(format!("{name}.html"));
        let file = folder.0.join(format!("{name}.png"));
        fs::write(&page, text).unwrap();
        let shot = format!("--screenshot={}", file.display());
        open(browser, &folder.0, &page, &[&shot]);
        fs::metadata(&file).unwrap().len()
    };
    let blank = picture("blank", "<!DOCTYPE html><title>blank</title>");
    let page = picture("page", &two_tasks().to_html());
    assert!(page > blank * 3, "{page} bytes, and {blank} when blank");
}
