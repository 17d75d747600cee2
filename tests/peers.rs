//! Behaviour that users of other runtimes expect and that no other test checks: see
//! docs/src/testing.md.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use wakeful::Runtime;
use wakeful::net::{TcpListener, TcpStream, UnixDatagram, UnixListener, UnixStream};
use wakeful::reactor::Async;
use wakeful::task::{JoinSet, yield_now};
use wakeful::time::{interval, sleep, timeout};

#[path = "support/net.rs"]
mod net;
#[path = "support/mod.rs"]
mod support;

use net::{run, tcp_and_std, tcp_pair};
use support::{Counting, poll_once};

/// Returns the place in the panic message of `f`.
fn place_of_panic(name: &str, f: impl FnOnce()) -> String {
    /// The panic hook belongs to the process.
    static HOOK: Mutex<()> = Mutex::new(());
    let _mine = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Arc::new(Mutex::new(String::new()));
    let noted = place.clone();
    let me = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == me {
            let location = info.location().expect("panics have a location");
            *noted.lock().unwrap() = location.file().to_owned();
        }
    }));
    let panicked = catch_unwind(AssertUnwindSafe(f)).is_err();
    std::panic::set_hook(before);
    assert!(panicked, "{name} did not panic");
    let place = place.lock().unwrap();
    place.clone()
}

/// One call that panics.
type Misuse = (&'static str, Box<dyn FnOnce()>);

#[test]
fn a_panic_of_a_misused_function_names_the_place_of_the_call() {
    let listener = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let std_tcp = {
        let listener = listener();
        std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    };
    let (unix, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (plain, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (datagram, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = listener();
    let path = std::env::temp_dir().join(format!("wakeful-peers-{}", std::process::id()));
    let name = std::os::unix::net::SocketAddr::from_pathname(&path).unwrap();
    let cases: Vec<Misuse> = vec![
        ("spawn", Box::new(|| drop(wakeful::spawn(async {})))),
        (
            "spawn_blocking",
            Box::new(|| drop(wakeful::spawn_blocking(|| {}))),
        ),
        (
            "JoinSet::spawn",
            Box::new(|| drop(JoinSet::new().spawn(async {}))),
        ),
        ("sleep", Box::new(|| drop(sleep(Duration::ZERO)))),
        (
            "interval",
            Box::new(|| drop(interval(Duration::from_secs(1)))),
        ),
        (
            "interval of zero",
            Box::new(|| wakeful::block_on(async { drop(interval(Duration::ZERO)) })),
        ),
        (
            "pause twice",
            Box::new(|| {
                wakeful::block_on(async {
                    wakeful::time::pause();
                    wakeful::time::pause();
                })
            }),
        ),
        (
            "block_on inside",
            Box::new(|| wakeful::block_on(async { wakeful::block_on(async {}) })),
        ),
        ("Async::new", Box::new(move || drop(Async::new(plain)))),
        (
            "TcpListener::from_std",
            Box::new(move || drop(TcpListener::from_std(tcp))),
        ),
        (
            "TcpStream::from_std",
            Box::new(move || drop(TcpStream::from_std(std_tcp))),
        ),
        (
            "UdpSocket::from_std",
            Box::new(move || drop(wakeful::net::UdpSocket::from_std(udp))),
        ),
        (
            "UnixStream::from_std",
            Box::new(move || drop(UnixStream::from_std(unix))),
        ),
        (
            "UnixDatagram::from_std",
            Box::new(move || drop(UnixDatagram::from_std(datagram))),
        ),
        (
            "UnixListener::bind_addr",
            Box::new(move || drop(UnixListener::bind_addr(&name))),
        ),
        ("UnixStream::pair", Box::new(|| drop(UnixStream::pair()))),
    ];
    for (name, misuse) in cases {
        let place = place_of_panic(name, misuse);
        assert!(place.ends_with("peers.rs"), "{name} panics at {place}");
    }
    let _ = std::fs::remove_file(path);
}

#[test]
fn shutting_a_direction_down_twice_or_after_a_reset_is_no_error() {
    run(async || {
        let (ours, theirs) = tcp_and_std().await;
        for _ in 0..2 {
            ours.shutdown(Shutdown::Write).unwrap();
            (&ours).close().await.unwrap();
        }
        let socket = socket2::SockRef::from(&theirs);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        assert!(ours.read(&mut [0]).await.is_err(), "a reset");
        ours.shutdown(Shutdown::Write).unwrap();
    });
}

#[test]
fn a_task_that_waits_for_a_connection_is_polled_once_for_it() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (counting, waker) = Counting::new();
        let mut accept = Box::pin(listener.accept());
        assert!(poll_once(&mut accept, &waker).is_pending());
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(counting.wakes(), 0);
        let client = TcpStream::connect(addr).await.unwrap();
        support::yield_until(|| counting.wakes() > 0).await;
        let Poll::Ready(accepted) = poll_once(&mut accept, &waker) else {
            panic!("polled without a reason");
        };
        assert_eq!(accepted.unwrap().1, client.local_addr().unwrap());
        assert_eq!(counting.wakes(), 1);
    });
}

#[test]
fn new_streams_can_be_written_to_at_once() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        assert_eq!(here.try_write(b"x").unwrap(), 1);
        there.readable().await.unwrap();
        assert_eq!(there.try_read(&mut [0; 8]).unwrap(), 1);
        let (client, server) = tcp_pair().await;
        assert_eq!(client.try_write(b"x").unwrap(), 1);
        assert_eq!(server.try_write(b"x").unwrap(), 1);
        let (here, _there) = UnixDatagram::pair().unwrap();
        assert_eq!(here.try_send(b"x").unwrap(), 1);
    });
}

#[test]
fn the_future_of_a_read_borrows_its_buffer() {
    wakeful::block_on(async {
        let (client, server) = tcp_pair().await;
        let mut buf = [0; 60_000];
        let reading = client.read(&mut buf);
        assert!(
            size_of_val(&reading) < 300,
            "{} bytes",
            size_of_val(&reading)
        );
        let writing = server.write(&[0; 60_000]);
        assert!(
            size_of_val(&writing) < 300,
            "{} bytes",
            size_of_val(&writing)
        );
    });
}

#[test]
fn a_dropped_connection_attempt_leaves_no_descriptor() {
    fn descriptors() -> usize {
        std::fs::read_dir("/dev/fd").map_or(0, Iterator::count)
    }
    // A listener whose queue is full answers no connection request.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(addr).unwrap();
    let runtime = Runtime::new().unwrap();
    let sources = || runtime.metrics().sources;
    runtime.block_on(async {
        for _ in 0..100 {
            let mut connecting = pin!(TcpStream::connect(addr));
            let pending = poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx).is_pending()));
            assert!(pending.await, "the connection is not established");
            assert_eq!(sources(), 1);
        }
    });
    assert_eq!(sources(), 0);
    // Other tests of this program have some descriptors, but not hundreds.
    assert!(descriptors() < 100, "{} descriptors", descriptors());
}

#[test]
fn a_closed_listener_ends_the_connections_in_its_queue() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let queued = TcpStream::connect(addr).await.unwrap();
        drop(listener);
        let error = queued.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let error = TcpStream::connect(addr)
            .await
            .expect_err("no socket listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_timeout_of_zero_still_polls_once() {
    wakeful::block_on(async {
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await.unwrap(), 7);
        let longest = timeout(Duration::MAX, async { 7 });
        assert_eq!(longest.await.unwrap(), 7);
    });
}

#[test]
fn handles_and_sockets_are_unwind_safe() {
    fn may<T: UnwindSafe>() {}
    may::<wakeful::task::AbortHandle>();
    may::<wakeful::task::JoinHandle<()>>();
    may::<wakeful::Handle>();
    may::<TcpStream>();
    may::<UnixStream>();
    may::<wakeful::net::UdpSocket>();
}
