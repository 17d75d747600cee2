//! Unix domain sockets.

// Linux only: abstract names.
#[cfg(target_os = "linux")]
#[path = "net_unix/address.rs"]
mod address;
#[path = "net_unix/datagram.rs"]
mod datagram;

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use futures_util::future::{join, poll_fn};
use futures_util::{AsyncWriteExt, StreamExt};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use wakeful::Runtime;
use wakeful::net::{UnixDatagram, UnixListener, UnixStream};
use wakeful::reactor::{Backend, Interest};

#[path = "support/alone.rs"]
mod alone;
#[path = "support/net.rs"]
mod support;
use support::{all_of, both_ways, is_pending, pattern, run, turn};

/// A path for a socket, which is removed when it is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Place(env::temp_dir().join(format!("wakeful-{}-{n}.sock", process::id())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_pair_exchanges_bytes() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let mut buf = [0; 16];
        {
            let mut read = pin!(there.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            here.write(b"ping").await.unwrap();
            assert_eq!(read.await.unwrap(), 4);
        }
        let out = [&b"po"[..], b"ng"].map(IoSlice::new);
        there.write_vectored(&out).await.unwrap();
        assert_eq!(here.peek(&mut buf).await.unwrap(), 4);
        let (one, two) = buf.split_at_mut(3);
        let mut bufs = [one, two].map(IoSliceMut::new);
        assert_eq!(here.read_vectored(&mut bufs).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"pong");
        here.shutdown(Shutdown::Write).unwrap();
        assert_eq!(there.read(&mut buf).await.unwrap(), 0);
        drop(there);
        let error = here.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn many_bytes_are_sent_both_ways_at_once() {
    run(async || {
        both_ways(UnixStream::pair().unwrap().into(), 4 << 20).await;
    });
}

#[test]
fn write_all_and_read_exact_take_several_operations() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let sent = pattern(1 << 20);
        let mut received = vec![0; sent.len()];
        let (written, read) = join(
            UnixStream::write_all(&here, &sent),
            UnixStream::read_exact(&there, &mut received),
        )
        .await;
        written.unwrap();
        read.unwrap();
        assert!(received == sent, "other bytes arrive");
        drop(here);
        let error = there.read_exact(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let error = UnixStream::write_all(&there, b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_dropped_read_exact_or_write_all_has_transferred_a_part() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        here.write(b"abc").await.unwrap();
        there.readable().await.unwrap();
        let mut buf = [0; 5];
        {
            let mut read = pin!(there.read_exact(&mut buf));
            assert!(is_pending(read.as_mut()).await);
        }
        assert_eq!(&buf, b"abc\0\0");

        let sent = pattern(4 << 20);
        {
            let mut write = pin!(UnixStream::write_all(&here, &sent));
            assert!(is_pending(write.as_mut()).await);
        }
        drop(here);
        let received = all_of(&there).await;
        assert!(!received.is_empty() && received.len() < sent.len());
        assert!(received == sent[..received.len()], "other bytes arrive");
    });
}

#[test]
fn halves_are_split_and_reunited() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let (read, mut write) = here.into_split();
        write.write_all(b"half").await.unwrap();
        let here = read.reunite(write).unwrap();
        here.write(b" whole").await.unwrap();
        let (_read, write) = here.into_split();
        drop(write);
        assert_eq!(all_of(there).await, b"half whole");
    });
}

#[test]
fn more_buffers_than_the_system_accepts_at_once_are_no_error() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let sent = pattern(3000);
        here.write(&sent).await.unwrap();
        let mut received = vec![0; sent.len()];
        let mut done = 0;
        while done < sent.len() {
            let mut bufs: Vec<_> = received[done..]
                .chunks_mut(1)
                .map(IoSliceMut::new)
                .collect();
            done += there.read_vectored(&mut bufs).await.unwrap();
        }
        assert!(received == sent);
    });
}

#[test]
fn attached_descriptors_cut_a_read_short_and_the_rest_is_read() {
    run(async || {
        let (mut theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        let ours = UnixStream::from_std(ours).unwrap();
        let mut buf = [0; 64];
        {
            let mut read = pin!(ours.read(&mut buf));
            assert!(is_pending(read.as_mut()).await);
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let fds = [theirs.as_fd()];
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
            let bytes = [IoSlice::new(b"with")];
            sendmsg(&theirs, &bytes, &mut control, SendFlags::empty()).unwrap();
            theirs.write_all(b"without").unwrap();
            assert_eq!(read.await.unwrap(), 4);
        }
        assert_eq!(ours.read(&mut buf).await.unwrap(), 7);
        assert_eq!(&buf[..7], b"without");
    });
}

#[test]
fn after_a_short_read_no_read_is_tried() {
    let runtime = Runtime::builder().backend(Backend::Raw).build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let mut buf = [0; 16];
        for _ in 0..3 {
            here.write(b"ping").await.unwrap();
            assert_eq!(there.read(&mut buf).await.unwrap(), 4);
            let never = || -> io::Result<()> { panic!("it is tried") };
            let error = there.try_io(Interest::READABLE, never).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        // After a short write into a full buffer the next one is tried.
        here.write(&[7; 16]).await.unwrap();
        assert_eq!(there.read(&mut buf).await.unwrap(), 16);
        there.try_io(Interest::READABLE, || Ok(())).unwrap();
    });
}

#[test]
fn a_listener_at_a_path_accepts_connections() {
    run(async || {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_pathname(), Some(&*place.0));
        let client = UnixStream::connect(&place.0).await.unwrap();
        let (server, from) = listener.accept().await.unwrap();
        assert!(from.is_unnamed(), "{from:?}");
        assert!(client.local_addr().unwrap().is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*place.0));
        client.write(b"hello").await.unwrap();
        drop(client);
        assert_eq!(all_of(server).await, b"hello");

        let error = listener.try_accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let _client = UnixStream::connect(&place.0).await.unwrap();
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        let _client = UnixStream::connect(&place.0).await.unwrap();
        listener.incoming().next().await.unwrap().unwrap();
    });
}

#[test]
fn errors_name_the_path() {
    run(async || {
        let place = Place::new();
        let path = place.0.display().to_string();
        let error = UnixStream::connect(&place.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error
                .to_string()
                .starts_with(&format!("connect to {path}: ")),
            "{error}"
        );
        let listener = UnixListener::bind(&place.0).unwrap();
        let error = UnixListener::bind(&place.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error
                .to_string()
                .starts_with(&format!("listen on {path}: ")),
            "{error}"
        );
        drop(listener);
        let error = UnixStream::connect(&place.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = UnixStream::connect("/x".repeat(100)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("too long"), "{error}");
    });
}

#[test]
fn a_full_queue_makes_connecting_wait() {
    run(async || {
        let place = Place::new();
        let std = std::os::unix::net::UnixListener::bind(&place.0).unwrap();
        // At most one connection waits to be accepted.
        rustix::net::listen(&std, 0).unwrap();
        let listener = UnixListener::from_std(std).unwrap();
        let first = UnixStream::connect(&place.0).await.unwrap();
        let mut second = pin!(UnixStream::connect(&place.0));
        assert!(is_pending(second.as_mut()).await);
        listener.accept().await.unwrap();
        let (second, accepted) = join(second, listener.accept()).await;
        second.unwrap();
        accepted.unwrap();
        drop(first);
    });
}

#[test]
fn more_clients_than_the_queue_holds_are_all_served() {
    run(async || {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).unwrap();
        let path = Rc::new(place.0.clone());
        let clients: Vec<_> = (0..1100)
            .map(|_| {
                let path = path.clone();
                wakeful::spawn(async move { UnixStream::connect(&*path).await.map(drop) })
            })
            .collect();
        for _ in 0..clients.len() {
            listener.accept().await.unwrap();
        }
        for client in clients {
            client.await.unwrap().unwrap();
        }
    });
}

/// Each in its own task; the first waiter is not forgotten.
#[test]
fn several_incoming_streams_wait_at_the_same_time() {
    run(async || {
        let place = Place::new();
        let listener = Rc::new(UnixListener::bind(&place.0).unwrap());
        let tasks = [(); 3].map(|()| {
            let listener = listener.clone();
            wakeful::spawn(async move { listener.incoming().next().await.unwrap().map(drop) })
        });
        turn().await;
        let _clients = [(); 3].map(|()| std::os::unix::net::UnixStream::connect(&place.0).unwrap());
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
}

/// A process in another namespace has no number here.
// Linux only: namespaces of processes.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_in_another_namespace_has_no_number() {
    const PLACE: &str = "WAKEFUL_TEST_PLACE";
    if let Some(place) = env::var_os(PLACE) {
        return wakeful::block_on(async {
            let cred = UnixStream::connect(&place)
                .await
                .unwrap()
                .peer_cred()
                .unwrap();
            assert_eq!(cred.pid(), None);
            assert_eq!(cred.uid(), rustix::process::getuid().as_raw());
        });
    }
    let apart = || {
        let mut command = process::Command::new("unshare");
        command.args(["--pid", "--fork"]);
        command
    };
    if !apart()
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return println!("skipped: this process may not have a namespace of its own");
    }
    let place = Place::new();
    let _listener = std::os::unix::net::UnixListener::bind(&place.0).unwrap();
    let mut there = apart();
    let program = alone::this_program();
    there.arg(program.get_program()).args(program.get_args());
    there.env(PLACE, &place.0).args([
        "--exact",
        "a_peer_in_another_namespace_has_no_number",
        "--nocapture",
    ]);
    let output = there.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_credentials_of_the_peer_are_known() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let cred = here.peer_cred().unwrap();
        assert_eq!(cred, there.peer_cred().unwrap());
        // Not every system knows the process.
        let known = cfg!(any(target_os = "linux", target_vendor = "apple"));
        assert!(cred.pid().is_some() || !known);
        assert!(cred.pid().is_none_or(|pid| pid == process::id() as i32));
        assert_eq!(cred.uid(), rustix::process::getuid().as_raw());
        assert_eq!(cred.gid(), rustix::process::getgid().as_raw());
    });
}

#[test]
fn sockets_are_converted_to_std_and_back() {
    run(async || {
        let (here, there) = UnixDatagram::pair().unwrap();
        let std = there.into_std().unwrap();
        std.set_nonblocking(false).unwrap();
        here.send(b"std").await.unwrap();
        assert_eq!(std.recv(&mut [0; 16]).unwrap(), 3);
        let there = UnixDatagram::from_std(std).unwrap();
        assert!(is_pending(pin!(there.recv(&mut [0; 16]))).await);
        let sent = poll_fn(|cx| here.poll_send(cx, b"polled")).await;
        assert_eq!(sent.unwrap(), 6);
        let mut buf = [0; 16];
        let received = poll_fn(|cx| there.poll_recv(cx, &mut buf)).await;
        assert_eq!(received.unwrap(), 6);
        assert!(here.take_error().unwrap().is_none());
        here.shutdown(Shutdown::Write).unwrap();
        let error = here.send(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}
