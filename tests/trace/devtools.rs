//! A headless browser, controlled over a pipe with the DevTools protocol. Mouse events are real
//! input events, and messages on the page's console are collected.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A temporary folder for a test, which is removed when it is dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
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

/// Returns the name of the browser, if one is installed.
pub(crate) fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            let mut command = Command::new(name);
            let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
            silent.arg("--version").status().is_ok_and(|s| s.success())
        });
    if found.is_none() {
        println!("skipped: chromium is not installed");
    }
    found
}

/// An open page. The browser is killed when it is dropped, and after two minutes.
pub(crate) struct Page {
    browser: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// The errors of the page.
    pub(crate) complaints: Vec<String>,
    loaded: bool,
}

impl Page {
    /// Opens an address, and waits until it is loaded.
    pub(crate) fn open(browser: &str, folder: &Path, address: &str) -> Page {
        // The protocol uses descriptors 3 and 4.
        let script = r#"exec timeout --kill-after=5 120 "$@" 3<&0 4>&1 0</dev/null 1>&2"#;
        let mut browser = Command::new("sh")
            .args(["-c", script, "sh", browser])
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--no-first-run"])
            .args(["--window-size=1280,800", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", folder.join("user").display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let mut page = Page {
            requests: browser.stdin.take().unwrap(),
            answers: BufReader::new(browser.stdout.take().unwrap()),
            browser,
            session: None,
            sent: 0,
            complaints: Vec::new(),
            loaded: false,
        };
        page.attach();
        page.call("Page.navigate", json!({ "url": address }));
        while !page.loaded {
            let message = page.receive();
            page.notice(&message);
        }
        page
    }

    fn attach(&mut self) {
        let targets = self.call("Target.getTargets", json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|target| target["type"] == "page");
        let target = page.expect("the browser opens a page")["targetId"].clone();
        let attached = self.call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.answers.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }

    /// Sends a command, and returns its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut request = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let mut text = request.to_string().into_bytes();
        text.push(0);
        self.requests.write_all(&text).unwrap();
        loop {
            let mut message = self.receive();
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.notice(&message);
        }
    }

    fn notice(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Runtime.exceptionThrown") => self.complaints.push(params.to_string()),
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                self.complaints.push(params["args"].to_string());
            }
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.complaints.push(params["entry"].to_string());
            }
            _ => {}
        }
    }

    /// Returns the value of an expression. A promise is awaited.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let mut result = self.call("Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].take()
    }

    /// Waits until an expression is true. It is evaluated at each frame.
    pub(crate) fn until(&mut self, expression: &str) {
        self.eval(&format!(
            "new Promise((done) => {{ \
               const ask = () => ({expression}) ? done() : requestAnimationFrame(ask); ask(); }})"
        ));
    }

    /// Waits until the last drawing is visible.
    pub(crate) fn frames(&mut self) {
        self.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
        );
    }

    /// Moves the mouse, or presses, releases or turns its wheel.
    pub(crate) fn mouse(&mut self, what: &str, (x, y): (f64, f64), wheel: f64) {
        let pressed = matches!(what, "mousePressed" | "mouseReleased");
        let params = json!({
            "type": what, "x": x, "y": y, "deltaX": 0, "deltaY": wheel,
            "button": if pressed { "left" } else { "none" },
            "buttons": u8::from(what != "mouseReleased" && what != "mouseWheel"),
            "clickCount": u8::from(pressed),
        });
        self.call("Input.dispatchMouseEvent", params);
    }

    /// Presses at a place, moves in steps to another one, and releases.
    pub(crate) fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.mouse("mousePressed", from, 0.0);
        for step in 1..=4 {
            let part = f64::from(step) / 4.0;
            let at = (
                from.0 + (to.0 - from.0) * part,
                from.1 + (to.1 - from.1) * part,
            );
            self.mouse("mouseMoved", at, 0.0);
        }
        self.mouse("mouseReleased", to, 0.0);
    }

    /// Returns a picture of the visible part, as PNG in base64.
    pub(crate) fn picture(&mut self) -> String {
        let shot = self.call("Page.captureScreenshot", json!({}));
        shot["data"].as_str().unwrap().to_owned()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let close = json!({ "id": self.sent + 1, "method": "Browser.close" }).to_string() + "\0";
        let _ = self.requests.write_all(close.as_bytes());
        let _ = self.browser.wait();
    }
}
