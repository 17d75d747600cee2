//! Datagrams.

use std::cell::Cell;
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;

use rustix::io::Errno;
use wakeful::net::UnixDatagram;

use super::Place;
use super::support::{is_pending, run};

#[test]
fn a_loop_of_datagrams_to_an_address_lets_other_tasks_run() {
    run(async || {
        let place = Place::new();
        let sent = Rc::new(Cell::new(0));
        let (count, nowhere) = (sent.clone(), place.0.clone());
        let task = wakeful::spawn(async move {
            let socket = UnixDatagram::unbound().unwrap();
            for _ in 0..1_000 {
                socket.send_to(b"x", &nowhere).await.unwrap_err();
                count.set(count.get() + 1);
            }
        });
        wakeful::task::yield_now().await;
        assert!((1..=128).contains(&sent.get()), "{} in a row", sent.get());
        task.await.unwrap();
    });
}

#[test]
fn datagrams_arrive_whole_and_in_order() {
    run(async || {
        let (here, there) = UnixDatagram::pair().unwrap();
        let mut buf = [0; 16];
        assert!(is_pending(pin!(there.recv(&mut buf))).await);
        for datagram in [&b"first"[..], b"", b"third one"] {
            here.send(datagram).await.unwrap();
        }
        for len in [5, 0, 9] {
            assert_eq!(there.recv(&mut buf).await.unwrap(), len);
        }
        // A full queue makes the sender wait, and space wakes it.
        let mut queued = 0;
        while here.try_send(b"x").is_ok() {
            queued += 1;
        }
        let mut send = pin!(here.send(b"last"));
        assert!(is_pending(send.as_mut()).await);
        for _ in 0..queued {
            assert_eq!(there.recv(&mut buf).await.unwrap(), 1);
        }
        assert_eq!(send.await.unwrap(), 4);
        assert_eq!(there.recv_from(&mut buf).await.unwrap().0, 4);
    });
}

#[test]
fn datagrams_are_sent_to_a_path() {
    run(async || {
        let (here, there) = (Place::new(), Place::new());
        let receiver = UnixDatagram::bind(&there.0).unwrap();
        let sender = UnixDatagram::bind(&here.0).unwrap();
        let mut buf = [0; 16];
        sender.send_to(b"hello", &there.0).await.unwrap();
        let (n, from) = receiver.recv_from(&mut buf).await.unwrap();
        assert_eq!((n, from.as_pathname()), (5, Some(&*here.0)));
        sender.connect(&there.0).unwrap();
        assert_eq!(sender.peer_addr().unwrap().as_pathname(), Some(&*there.0));
        sender.send(b"again").await.unwrap();
        assert_eq!(receiver.recv(&mut buf).await.unwrap(), 5);

        let unbound = UnixDatagram::unbound().unwrap();
        unbound.send_to(b"who", &there.0).await.unwrap();
        assert!(receiver.recv_from(&mut buf).await.unwrap().1.is_unnamed());
        // The queue is full: sending waits for space, though no event can report it.
        let mut queued = 0;
        while unbound.try_send_to(b"x", &there.0).is_ok() {
            queued += 1;
        }
        let mut send = pin!(unbound.send_to(b"last", &there.0));
        assert!(is_pending(send.as_mut()).await);
        for _ in 0..queued {
            assert_eq!(receiver.recv(&mut buf).await.unwrap(), 1);
        }
        assert_eq!(send.await.unwrap(), 4);

        drop(receiver);
        // A child of another test may have a copy of the descriptor until it runs its program.
        while unbound.try_send_to(b"lost", &there.0).is_ok_and(|n| n == 6) {
            wakeful::task::yield_now().await;
        }
        let error = unbound.send_to(b"lost", &there.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with("send to /"), "{error}");
        let error = UnixDatagram::bind(&there.0).unwrap_err();
        assert!(error.to_string().starts_with("bind to /"), "{error}");
    });
}

#[test]
fn the_error_of_an_oversized_datagram_has_its_size() {
    run(async || {
        let (here, _there) = UnixDatagram::pair().unwrap();
        let error = here.send(&vec![0; 16 << 20]).await.unwrap_err();
        assert!(error.to_string().contains("16777216 bytes"), "{error}");
        assert_eq!(
            wakeful::raw_os_error(&error),
            Some(Errno::MSGSIZE.raw_os_error())
        );
    });
}
