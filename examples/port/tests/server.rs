//! The same tests for both packages.

use std::future::pending;
use std::net::SocketAddr;
use std::process::Stdio;

use bytes::Bytes;
use small_redis::client::Client;
use small_redis::db::Db;
use small_redis::frame::Frame;
use small_redis::server::{self, Options};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, sleep, timeout};

/// Starts a server. It ends when the sender is used or dropped.
async fn start(limit: usize) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<usize>) {
    let file = None;
    start_with(Options { limit, file }).await
}

async fn start_with(options: Options) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        server::run(listener, options, stopped).await.unwrap()
    });
    (addr, stop, server)
}

#[tokio::test]
async fn values_are_stored_and_removed() {
    let (addr, _stop, _server) = start(10).await;
    let mut client = Client::connect(addr).await.unwrap();
    assert_eq!(client.get("a").await.unwrap(), None);
    client.set("a", "1").await.unwrap();
    assert_eq!(client.get("a").await.unwrap(), Some(Bytes::from("1")));
    let large = vec![7; 3 << 20];
    client.set("large", large.clone()).await.unwrap();
    assert_eq!(client.get("large").await.unwrap().unwrap(), large);
    assert_eq!(
        client.call(["DEL", "a", "b", "large"]).await.unwrap(),
        Frame::Integer(2)
    );
    assert_eq!(client.call(["DBSIZE"]).await.unwrap(), Frame::Integer(0));
}

#[tokio::test(start_paused = true)]
async fn keys_expire_and_are_removed() {
    let db = Db::new();
    db.set("short".into(), "1".into(), Some(Duration::from_secs(1)));
    db.set("long".into(), "2".into(), Some(Duration::from_secs(3600)));
    db.set("kept".into(), "3".into(), Some(Duration::from_secs(2)));
    db.set("kept".into(), "4".into(), None);
    sleep(Duration::from_millis(999)).await;
    assert_eq!(db.get("short").unwrap(), "1");
    sleep(Duration::from_millis(2)).await;
    assert_eq!(db.get("short"), None);
    assert_eq!(db.len(), 2);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(db.get("kept").unwrap(), "4");
    assert_eq!(db.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_are_served_at_once() {
    let (addr, stop, server) = start(100).await;
    let mut clients = JoinSet::new();
    for number in 0..50 {
        clients.spawn(async move {
            let mut client = Client::connect(addr).await.unwrap();
            let key = format!("key {number}");
            for round in 0..20 {
                client.set(&key, format!("{round}")).await.unwrap();
                let value = client.get(&key).await.unwrap();
                assert_eq!(value, Some(format!("{round}").into()));
            }
        });
    }
    assert_eq!(clients.join_all().await.len(), 50);
    stop.send(()).unwrap();
    assert_eq!(server.await.unwrap(), 50);
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let (addr, _stop, _server) = start(10).await;
    let mut client = Client::connect(addr).await.unwrap();
    let texts: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let requests = texts.iter().map(|text| ["ECHO", text]);
    let replies = client.pipeline(requests).await.unwrap();
    let wanted = texts.iter().map(|text| Frame::Bulk(text.clone().into()));
    assert_eq!(replies, wanted.collect::<Vec<_>>());
}

#[tokio::test]
async fn subscribers_get_the_messages_of_their_channels() {
    let (addr, _stop, _server) = start(10).await;
    let subscriber = Client::connect(addr).await.unwrap();
    let mut subscriber = subscriber.subscribe(&["news", "sport"]).await.unwrap();
    let mut publisher = Client::connect(addr).await.unwrap();
    assert_eq!(publisher.publish("weather", "rain").await.unwrap(), 0);
    assert_eq!(publisher.publish("news", "hello").await.unwrap(), 1);
    let message = subscriber.next().await.unwrap();
    assert_eq!(message, ("news".into(), "hello".into()));
    assert_eq!(publisher.publish("sport", "1:0").await.unwrap(), 1);
    assert_eq!(
        subscriber.next().await.unwrap(),
        ("sport".into(), "1:0".into())
    );
    let silence = timeout(Duration::from_millis(20), subscriber.next()).await;
    assert!(silence.is_err());
    drop(subscriber);
    // The server notices that the subscriber is gone, and its channel ends.
    while publisher.publish("news", "hello?").await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_client_above_the_limit_waits_for_another_to_leave() {
    let (addr, _stop, _server) = start(1).await;
    let mut first = Client::connect(addr).await.unwrap();
    first.set("a", "1").await.unwrap();
    let mut second = Client::connect(addr).await.unwrap();
    tokio::select! {
        biased;
        _ = second.get("a") => panic!("the limit is one connection"),
        () = sleep(Duration::from_millis(50)) => {}
    }
    drop(first);
    let mut third = Client::connect(addr).await.unwrap();
    drop(second);
    assert_eq!(third.get("a").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn a_malformed_request_ends_its_connection_alone() {
    let (addr, _stop, _server) = start(10).await;
    let mut good = Client::connect(addr).await.unwrap();
    for bad in [
        "hello\r\n",
        "$-7\r\n",
        "*9999999\r\n",
        "*1\r\n$3\r\nabcdef",
        "\r\n",
    ] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(bad.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(
            reply.starts_with("-ERR protocol error: "),
            "{bad:?}: {reply:?}"
        );
        good.set("a", "1").await.unwrap();
    }
    let mut deep = TcpStream::connect(addr).await.unwrap();
    deep.write_all("*1\r\n".repeat(10_000).as_bytes())
        .await
        .unwrap();
    let mut reply = String::new();
    deep.read_to_string(&mut reply).await.ok();
    assert_eq!(good.get("a").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn a_wrong_command_is_reported_and_the_connection_continues() {
    let (addr, _stop, _server) = start(10).await;
    let mut client = Client::connect(addr).await.unwrap();
    for (request, wanted) in [
        (vec!["FLY"], "ERR unknown command 'FLY'"),
        (vec!["A\r\nB"], "ERR unknown command 'A  B'"),
        (vec!["GET"], "ERR wrong number of arguments"),
        (
            vec!["SET", "a", "1", "EX", "soon"],
            "ERR 'soon' is no number",
        ),
        (vec!["SAVE"], "ERR the server was started without a file"),
    ] {
        assert_eq!(client.call(request).await.unwrap_err().to_string(), wanted);
    }
    assert_eq!(
        client.call(["PING"]).await.unwrap(),
        Frame::Simple("PONG".into())
    );
}

#[tokio::test]
async fn the_keys_are_saved_on_a_thread_that_may_block() {
    let path = std::env::temp_dir().join(format!("small-redis-{}", std::process::id()));
    let (limit, file) = (10, Some(path.clone()));
    let (addr, _stop, _server) = start_with(Options { limit, file }).await;
    let mut client = Client::connect(addr).await.unwrap();
    client.set("a", "1").await.unwrap();
    let saved = client.call(["SAVE"]).await.unwrap();
    assert_eq!(saved, Frame::Integer(1));
    assert_eq!(tokio::fs::read_to_string(&path).await.unwrap(), "a=1\n");
    tokio::fs::remove_file(&path).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_ends_connections_that_wait() {
    let (addr, stop, server) = start(10).await;
    let mut client = Client::connect(addr).await.unwrap();
    client.set("a", "1").await.unwrap();
    stop.send(()).unwrap();
    assert_eq!(server.await.unwrap(), 1);
    assert!(client.get("a").await.is_err());
}

#[tokio::test]
async fn the_server_ends_on_an_interrupt() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_small-redis-server"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let addr = line.strip_prefix("listening on ").unwrap().to_owned();
    let cli = Command::new(env!("CARGO_BIN_EXE_small-redis-cli"))
        .args([&addr, "PING"])
        .output()
        .await
        .unwrap();
    assert_eq!(cli.stdout, b"Simple(\"PONG\")\n");
    let mut kill = Command::new("kill");
    kill.args(["-INT", &server.id().unwrap().to_string()]);
    assert!(kill.status().await.unwrap().success());
    assert!(server.wait().await.unwrap().success());
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "served 1");
}

#[test]
fn a_runtime_that_the_program_builds_serves_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (addr, stop, server) = runtime.block_on(start(10));
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || {
        let client = handle.spawn(async { 6 * 7 });
        handle.block_on(client).unwrap()
    });
    runtime.block_on(async {
        let mut client = Client::connect(addr).await.unwrap();
        client.set("a", "1").await.unwrap();
        tokio::select! {
            () = pending() => {}
            value = client.get("a") => assert_eq!(value.unwrap().unwrap(), "1"),
        }
        stop.send(()).unwrap();
        assert_eq!(server.await.unwrap(), 1);
        let joined = tokio::task::spawn_blocking(move || thread.join().unwrap()).await;
        assert_eq!(joined.unwrap(), 42);
    });
}
