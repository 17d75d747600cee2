//! A client that several runtimes of its thread use.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wakeful::Runtime;
use wakeful_hyper::Client;

use crate::get;

/// Starts a thread that answers the requests of this many connections, and reports their ends.
fn server(connections: usize) -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (ended, ends) = mpsc::channel();
    thread::spawn(move || {
        let serve = |mut stream: TcpStream| {
            let mut seen = Vec::new();
            let mut buf = [0; 1000];
            loop {
                let n = stream.read(&mut buf).unwrap_or(0);
                if n == 0 {
                    return;
                }
                seen.extend(&buf[..n]);
                if seen.ends_with(b"\r\n\r\n") {
                    seen.clear();
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes";
                    stream.write_all(answer).unwrap();
                }
            }
        };
        let accept = |_| {
            let (stream, _) = listener.accept().unwrap();
            let ended = ended.clone();
            thread::spawn(move || {
                serve(stream);
                ended.send(())
            });
        };
        (0..connections).for_each(accept);
    });
    (addr, ends)
}

#[test]
fn two_runtimes_of_a_thread_share_a_client_but_no_connection() {
    let (addr, ends) = server(2);
    let client = Client::builder()
        .timeout(Duration::from_secs(10))
        .max_connections_per_host(1)
        .build();
    let runtimes = [(); 2].map(|()| Runtime::new().unwrap());
    let url = format!("http://{addr}/");
    // While one runtime runs, the connections of the other do nothing.
    for runtime in [&runtimes[0], &runtimes[1], &runtimes[0], &runtimes[1]] {
        assert_eq!(runtime.block_on(get(&client, &url)), "yes");
    }
    drop(client);
    drop(runtimes);
    assert_eq!(ends.iter().take(2).count(), 2);
}

#[test]
fn idle_connections_of_each_runtime_are_closed_in_time() {
    let (addr, ends) = server(2);
    let client = Client::builder()
        .idle_timeout(Duration::from_millis(20))
        .build();
    let [first, second] = [(); 2].map(|()| Runtime::new().unwrap());
    let url = format!("http://{addr}/");
    first.block_on(get(&client, &url));
    // The first runtime does not run here, and has the connections' timers of its own.
    let limit = Duration::from_secs(20);
    second.block_on(async {
        get(&client, &url).await;
        let end = wakeful::spawn_blocking(move || ends.recv_timeout(limit));
        end.await.unwrap().expect("the connection stays open");
    });
    drop((client, first));
}
