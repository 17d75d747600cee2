//! The figures of a process that has no descriptor left. It is a process of its own, because the
//! test sets the limit of the process.

#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

#[test]
fn a_process_without_a_free_descriptor_is_shown_at_its_limit() {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        wakeful::block_on(async move {
            let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
            told.send(server.address()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let address = address.recv().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut figures = || {
        let is_event = |line: &String| line == "event: figures";
        lines.by_ref().map(Result::unwrap).find(is_event).unwrap();
        let line = lines.next().unwrap().unwrap();
        let figures: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
        ["descriptors", "descriptor_limit"].map(|name| figures[name].as_u64())
    };
    let [used, _] = figures();
    assert!(used.is_some_and(|used| used > 3), "{used:?}");
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: Some(64),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    // The first part may have been made before.
    figures();
    assert_eq!(figures(), [Some(64), Some(64)]);
}
