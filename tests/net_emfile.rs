//! A server that runs out of descriptors: it neither spins nor dies, and it recovers.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::net::TcpStream as StdStream;
use std::pin::pin;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;
use std::{env, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wakeful::time::sleep;
use wakeful_net::TcpListener;

const ROLE: &str = "WAKEFUL_EMFILE_CHILD";

/// In a process of its own, as the limit is one of the whole process.
#[test]
fn accept_waits_for_descriptors() {
    if env::var(ROLE).is_ok() {
        return server();
    }
    let child = Command::new(env::current_exe().unwrap())
        .args(["accept_waits_for_descriptors", "--exact", "--nocapture"])
        .env(ROLE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{text}");
}

fn server() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(64),
            ..limit
        },
    )
    .unwrap();
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }

        // The error, for those who want to see it.
        let error = loop {
            match listener.try_accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sleep(Duration::from_micros(100)).await;
                }
                result => break result.unwrap_err(),
            }
        };
        assert_eq!(error.raw_os_error(), Some(24), "{error}");

        // `accept` waits: a loop that spins would go round thousands of times meanwhile.
        let mut accept = pin!(listener.accept());
        let before = runtime.metrics().polls;
        for _ in 0..20 {
            let waits = poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx).is_pending())).await;
            assert!(waits, "there is no descriptor to accept with");
            sleep(Duration::from_millis(5)).await;
        }
        let polls = runtime.metrics().polls - before;
        assert!(polls < 200, "{polls} polls while there was nothing to do");

        // And the connection is still there when there is a descriptor again.
        drop(taken);
        let (_, peer) = accept.await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());

        // The same through `poll_accept`.
        let _client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        let before = runtime.metrics().polls;
        for _ in 0..20 {
            assert!(poll_fn(|cx| Poll::Ready(listener.poll_accept(cx).is_pending())).await);
            sleep(Duration::from_millis(5)).await;
        }
        assert!(runtime.metrics().polls - before < 200);
        drop(taken);
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
    });
}
