//! QUIC between endpoints of Wakeful, and with quinn on tokio as the other side.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all, try_join_all};
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use wakeful::sync::Semaphore;
use wakeful::time::{Instant, sleep};
use wakeful::{Runtime, spawn};
use wakeful_quinn::{WakefulRuntime, bind};

/// Settings of both sides, with a certificate for `localhost`.
struct Both {
    server: ServerConfig,
    client: ClientConfig,
}

impl Both {
    fn new() -> Both {
        Both::with(TransportConfig::default())
    }

    fn with(transport: TransportConfig) -> Both {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let certificate = CertificateDer::from(made.cert);
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let mut server = ServerConfig::with_single_cert(vec![certificate], key).unwrap();
        let mut client = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
        let transport = Arc::new(transport);
        server.transport_config(transport.clone());
        client.transport_config(transport);
        Both { server, client }
    }

    fn server(&self) -> Endpoint {
        bind(any(), EndpointConfig::default(), Some(self.server.clone())).unwrap()
    }

    fn client(&self) -> Endpoint {
        let mut endpoint = bind(any(), EndpointConfig::default(), None).unwrap();
        endpoint.set_default_client_config(self.client.clone());
        endpoint
    }
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn connect(client: &Endpoint, server: SocketAddr) -> Connection {
    let connecting = client.connect(server, "localhost").unwrap();
    connecting.await.unwrap()
}

/// Answers each stream and each datagram with the same bytes, until the connection ends.
async fn echo(connection: Connection) {
    let datagrams = async {
        while let Ok(datagram) = connection.read_datagram().await {
            connection.send_datagram(datagram).unwrap();
        }
    };
    let streams = async {
        let mut answers = Vec::new();
        while let Ok((mut send, mut receive)) = connection.accept_bi().await {
            answers.push(async move {
                while let Ok(Some(chunk)) = receive.read_chunk(64 * 1024, true).await {
                    send.write_chunk(chunk.bytes).await.unwrap();
                }
                let _ = send.finish();
                // Until the other side has everything.
                let _ = send.stopped().await;
            });
            if answers.len() == STREAMS {
                join_all(answers.drain(..)).await;
            }
        }
    };
    join(datagrams, streams).await;
}

/// The number of streams of a connection that [`exchange`] uses, one after the other or at once.
const STREAMS: usize = 8;

/// Sends bytes on several streams at once, and compares what comes back.
async fn exchange(connection: &Connection, size: usize) {
    let streams = (0..STREAMS).map(|number| async move {
        let sent: Vec<u8> = (0..size)
            .map(|n| (n * 7 + n / 251 + number) as u8)
            .collect();
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        let writer = async {
            send.write_all(&sent).await.unwrap();
            send.finish().unwrap();
        };
        let ((), back) = join(writer, receive.read_to_end(size + 1)).await;
        assert!(back.unwrap() == sent, "other bytes came back");
    });
    join_all(streams).await;
}

#[wakeful::test]
async fn streams_and_datagrams_are_exchanged_on_one_loop() {
    let both = Both::new();
    let (server, client) = (both.server(), both.client());
    let address = server.local_addr().unwrap();
    // The task holds an `Rc`, so it is a local one.
    let accepted = Rc::new(());
    let serve = spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        echo(connection).await;
        drop(accepted);
        server.wait_idle().await;
    });
    let connection = connect(&client, address).await;
    exchange(&connection, 300_000).await;
    for size in [0, 1, connection.max_datagram_size().unwrap()] {
        let datagram = Bytes::from(vec![7; size]);
        connection.send_datagram(datagram.clone()).unwrap();
        assert_eq!(connection.read_datagram().await.unwrap(), datagram);
    }
    connection.close(VarInt::from_u32(3), b"done");
    client.wait_idle().await;
    serve.await.unwrap();
}

#[wakeful::test]
async fn a_receiver_that_does_not_read_holds_the_sender_back() {
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(16 * 1024));
    transport.send_window(32 * 1024);
    let both = Both::with(transport);
    let (server, client) = (both.server(), both.client());
    let address = server.local_addr().unwrap();
    let reads = Rc::new(Semaphore::new(0));
    let allowed = reads.clone();
    let serve = spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        let streams = (0..20).map(|_| async {
            let mut receive = connection.accept_uni().await.unwrap();
            let _permit = allowed.acquire().await.unwrap();
            receive.read_to_end(usize::MAX).await.unwrap().len()
        });
        let sum: usize = join_all(streams).await.into_iter().sum();
        connection.close(VarInt::from_u32(0), b"");
        server.wait_idle().await;
        sum
    });
    let connection = connect(&client, address).await;
    let writers: Vec<_> = (0..20)
        .map(|_| {
            let connection = connection.clone();
            spawn(async move {
                let mut send = connection.open_uni().await.unwrap();
                send.write_all(&vec![1; 200_000]).await.unwrap();
                send.finish().unwrap();
            })
        })
        .collect();
    // The windows of the streams, and then no more.
    while connection.stats().udp_tx.bytes < 20 * 16 * 1024 {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(writers.iter().all(|writer| !writer.is_finished()));
    assert!(connection.stats().udp_tx.bytes < 20 * 100_000);
    reads.add_permits(20);
    try_join_all(writers).await.unwrap();
    assert_eq!(serve.await.unwrap(), 20 * 200_000);
    drop(connection);
    client.wait_idle().await;
}

#[wakeful::test]
async fn many_connections_share_two_sockets() {
    const CONNECTIONS: usize = 40;
    let both = Both::new();
    let (server, client) = (both.server(), both.client());
    let address = server.local_addr().unwrap();
    let serve = spawn(async move {
        let mut tasks = Vec::new();
        for _ in 0..CONNECTIONS {
            let incoming = server.accept().await.unwrap();
            tasks.push(spawn(async move { echo(incoming.await.unwrap()).await }));
        }
        try_join_all(tasks).await.unwrap();
    });
    let connections = (0..CONNECTIONS).map(|_| async {
        let connection = connect(&client, address).await;
        exchange(&connection, 3_000).await;
        connection
    });
    let connections = join_all(connections).await;
    assert_eq!(client.open_connections(), CONNECTIONS);
    for connection in connections {
        connection.close(VarInt::from_u32(0), b"");
    }
    serve.await.unwrap();
    client.wait_idle().await;
}

/// Runs a future on a runtime of tokio, on a thread of its own.
fn on_tokio<F>(make: impl FnOnce() -> F + Send + 'static) -> thread::JoinHandle<()>
where
    F: Future<Output = ()>,
{
    thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(make())
    })
}

#[wakeful::test]
async fn a_client_of_wakeful_talks_to_a_server_on_tokio() {
    let both = Both::new();
    let config = both.server.clone();
    let socket = std::net::UdpSocket::bind(any()).unwrap();
    let address = socket.local_addr().unwrap();
    let server = on_tokio(move || async move {
        let (settings, runtime) = (EndpointConfig::default(), Arc::new(TokioRuntime));
        let server = Endpoint::new(settings, Some(config), socket, runtime).unwrap();
        let connection = server.accept().await.unwrap().await.unwrap();
        echo(connection).await;
        server.wait_idle().await;
    });
    let client = both.client();
    let connection = connect(&client, address).await;
    exchange(&connection, 200_000).await;
    connection.close(VarInt::from_u32(0), b"");
    client.wait_idle().await;
    server.join().unwrap();
}

#[wakeful::test]
async fn a_client_on_tokio_talks_to_a_server_of_wakeful() {
    let both = Both::new();
    let server = both.server();
    let address = server.local_addr().unwrap();
    let config = both.client.clone();
    let client = on_tokio(move || async move {
        let mut client = Endpoint::client(any()).unwrap();
        client.set_default_client_config(config);
        let connection = connect(&client, address).await;
        exchange(&connection, 200_000).await;
        connection.close(VarInt::from_u32(0), b"");
        client.wait_idle().await;
    });
    let connection = server.accept().await.unwrap().await.unwrap();
    echo(connection).await;
    server.wait_idle().await;
    client.join().unwrap();
}

#[test]
fn endpoints_and_connections_work_on_another_thread() {
    let both = Both::new();
    let runtime = Runtime::new().unwrap();
    let (server, client) = runtime.enter(|| (both.server(), both.client()));
    let address = server.local_addr().unwrap();
    let handle = runtime.handle();
    let other = thread::spawn(move || {
        handle.block_on(async {
            let serve = handle.spawn(async move {
                let refused = server.accept().await.unwrap();
                // This thread is that of the loop.
                refused.refuse();
                echo(server.accept().await.unwrap().await.unwrap()).await;
                server
            });
            let connecting = client.connect(address, "localhost").unwrap();
            assert!(matches!(
                connecting.await.unwrap_err(),
                ConnectionError::ConnectionClosed(_)
            ));
            let connection = connect(&client, address).await;
            exchange(&connection, 10_000).await;
            connection.close(VarInt::from_u32(0), b"");
            client.wait_idle().await;
            // Both sockets are dropped on this thread.
            drop((client, serve.await.unwrap()));
        });
    });
    runtime.block_on(async {
        while !other.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    other.join().unwrap();
}

#[wakeful::test]
async fn a_connection_is_refused_on_another_thread() {
    let both = Both::new();
    let (server, client) = (both.server(), both.client());
    let address = server.local_addr().unwrap();
    let connecting = client.connect(address, "localhost").unwrap();
    let incoming = server.accept().await.unwrap();
    // quinn sends the answer from the thread of the caller.
    thread::spawn(move || incoming.refuse()).join().unwrap();
    assert!(matches!(
        connecting.await.unwrap_err(),
        ConnectionError::ConnectionClosed(_)
    ));
}

#[wakeful::test(start_paused = true)]
async fn a_peer_that_does_not_answer_is_given_up_by_the_clock_of_the_loop() {
    let silent = wakeful::net::UdpSocket::bind(any()).await.unwrap();
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(Duration::from_secs(600).try_into().unwrap()));
    let client = Both::with(transport).client();
    let begun = Instant::now();
    let connecting = client.connect(silent.local_addr().unwrap(), "localhost");
    assert_eq!(
        connecting.unwrap().await.unwrap_err(),
        ConnectionError::TimedOut
    );
    let passed = begun.elapsed();
    assert!(passed >= Duration::from_secs(600), "{passed:?}");
    assert!(passed < Duration::from_secs(700), "{passed:?}");
}

#[wakeful::test]
async fn an_endpoint_at_an_ipv6_address_takes_ipv4_too() {
    let both = Both::new();
    let address = "[::]:0".parse().unwrap();
    let server = match bind(
        address,
        EndpointConfig::default(),
        Some(both.server.clone()),
    ) {
        Ok(server) => server,
        Err(error) => return println!("skipped, as there is no IPv6 here: {error}"),
    };
    let port = server.local_addr().unwrap().port();
    let serve = spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        echo(connection).await;
    });
    let client = both.client();
    let connection = connect(&client, ([127, 0, 0, 1], port).into()).await;
    exchange(&connection, 10).await;
    connection.close(VarInt::from_u32(0), b"");
    serve.await.unwrap();
}

#[wakeful::test]
async fn an_address_that_is_in_use_is_named() {
    let taken = std::net::UdpSocket::bind(any()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address, EndpointConfig::default(), None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
#[should_panic(expected = "there is no Wakeful runtime on this thread")]
fn outside_a_runtime_there_is_no_runtime_for_quinn() {
    WakefulRuntime::new();
}

#[wakeful::test]
async fn an_endpoint_rebinds_to_another_socket() {
    let both = Both::new();
    let (server, client) = (both.server(), both.client());
    let address = server.local_addr().unwrap();
    let serve = spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        echo(connection).await;
    });
    let connection = connect(&client, address).await;
    exchange(&connection, 1_000).await;
    let before = client.local_addr().unwrap();
    client
        .rebind(std::net::UdpSocket::bind(any()).unwrap())
        .unwrap();
    assert_ne!(client.local_addr().unwrap(), before);
    exchange(&connection, 1_000).await;
    connection.close(VarInt::from_u32(0), b"");
    serve.await.unwrap();
    client.wait_idle().await;
}
