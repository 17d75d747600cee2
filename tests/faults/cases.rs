//! Single kinds of faults, as often as possible.

use std::time::Duration;

use futures_util::AsyncReadExt;
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};
use wakeful::Builder;
use wakeful::faults::{Kind, Plan};
use wakeful::net::unix::pipe;
use wakeful::net::{TcpListener, TcpStream, UdpSocket};
use wakeful::process::Command;
use wakeful::reactor::Backend;
use wakeful::signal::unix::{SignalKind, signal};
use wakeful::time::{sleep, timeout};

/// The time after which a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test with each backend and these faults, and checks that the faults happened.
#[track_caller]
fn under(rates: &[(Kind, u16)], test: impl AsyncFn()) {
    for backend in [Backend::Auto, Backend::Portable] {
        let plan = rates
            .iter()
            .fold(Plan::quiet(1), |plan, (kind, rate)| plan.with(*kind, *rate));
        let builder = Builder::new().backend(backend).faults(plan.clone());
        let runtime = builder.build().unwrap();
        let done = runtime.block_on(async { timeout(PATIENCE, test()).await });
        assert!(done.is_ok(), "the test did not end, with {backend:?}");
        for (kind, _) in rates {
            assert!(plan.count(*kind) > 0, "{kind:?} never happened");
        }
    }
}

/// Lets the loop wait a few times.
async fn some_waits() {
    for _ in 0..20 {
        sleep(Duration::from_micros(200)).await;
    }
}

#[test]
fn an_event_without_a_reason_is_not_a_connection() {
    // A listener whose queue is full answers no connection request.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(addr).unwrap();
    under(&[(Kind::Spurious, 900)], async || {
        let connecting = wakeful::spawn(async move { TcpStream::connect(addr).await });
        some_waits().await;
        assert!(
            !connecting.is_finished(),
            "the connection is not established"
        );
    });
}

#[test]
fn an_event_without_a_reason_is_not_the_end_of_a_child() {
    under(&[(Kind::Spurious, 900)], async || {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let early = timeout(Duration::from_millis(5), child.wait()).await;
        assert!(early.is_err(), "it has not ended");
        child.kill().await.unwrap();
    });
}

#[test]
fn a_signal_is_received_once_under_spurious_and_late_events() {
    let rates = [
        (Kind::Spurious, 500),
        (Kind::LateEvent, 500),
        (Kind::Twice, 300),
        (Kind::WouldBlock, 300),
    ];
    under(&rates, async || {
        let mut listener = signal(SignalKind::user_defined2()).unwrap();
        for _ in 0..20 {
            kill_process(
                Pid::from_raw(std::process::id() as i32).unwrap(),
                Signal::USR2,
            )
            .unwrap();
            listener.recv().await.unwrap();
            let more = timeout(Duration::from_millis(1), listener.recv()).await;
            assert!(more.is_err(), "one signal was received twice");
        }
    });
}

#[test]
fn a_pipe_delivers_all_bytes_and_its_end() {
    let rates = [
        (Kind::Short, 500),
        (Kind::WouldBlock, 500),
        (Kind::LateEvent, 500),
    ];
    under(&rates, async || {
        let (sender, mut receiver) = pipe::pipe().unwrap();
        let bytes: Vec<u8> = (0..200_000).map(|n| (n % 251) as u8).collect();
        let sent = bytes.clone();
        let writer = wakeful::spawn(async move { sender.write_all(&sent).await });
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        assert!(got == bytes);
        writer.await.unwrap().unwrap();
    });
}

#[test]
fn datagrams_are_not_split() {
    let rates = [(Kind::WouldBlock, 500), (Kind::Interrupted, 500)];
    under(&rates, async || {
        let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = there.local_addr().unwrap();
        for len in 1..200 {
            here.send_to(&vec![7; len], addr).await.unwrap();
            let mut buf = [0; 300];
            let (n, from) = there.recv_from(&mut buf).await.unwrap();
            assert_eq!((n, from), (len, here.local_addr().unwrap()));
        }
    });
}

#[test]
fn accept_waits_out_broken_connections_and_missing_descriptors() {
    let rates = [(Kind::Aborted, 700), (Kind::NoDescriptors, 300)];
    under(&rates, async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for _ in 0..10 {
            let client = wakeful::spawn(async move { TcpStream::connect(addr).await });
            let (server, _) = listener.accept().await.unwrap();
            let client = client.await.unwrap().unwrap();
            assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
        }
    });
}

#[test]
fn a_late_notification_is_received() {
    let rates = [(Kind::LateNotify, 900), (Kind::Early, 300)];
    under(&rates, async || {
        for number in 0..50 {
            let task = wakeful::spawn_blocking(move || number);
            assert_eq!(task.await.unwrap(), number);
        }
    });
}

#[test]
fn a_clock_that_does_not_advance_fires_no_timer_early() {
    let rates = [(Kind::ClockStands, 500)];
    under(&rates, async || {
        for micros in 0..50 {
            let began = wakeful::time::Instant::now();
            sleep(Duration::from_micros(micros * 10)).await;
            assert!(began.elapsed() >= Duration::from_micros(micros * 10));
        }
    });
}
