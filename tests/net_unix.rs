//! Unix domain sockets.

use std::cell::Cell;
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
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};
use wakeful::Runtime;
use wakeful::net::unix::SocketAddr;
use wakeful::net::{UnixDatagram, UnixListener, UnixStream};
use wakeful::reactor::{Backend, Interest};

#[path = "support/net.rs"]
mod support;
use support::{all_of, both_ways, is_pending, pattern, run, turn};

/// A path for a socket, which is removed at the end.
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
fn a_pair_talks_both_ways() {
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
fn much_goes_both_ways_at_once() {
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
fn a_dropped_read_exact_or_write_all_has_moved_a_part() {
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
fn halves_part_and_meet_again() {
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
fn more_buffers_than_the_system_takes_at_once_are_no_error() {
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
fn descriptors_sent_along_cut_a_read_short_and_stall_nothing() {
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
fn after_a_short_read_the_system_is_not_asked_in_vain() {
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
        // A full buffer says nothing: it is asked.
        here.write(&[7; 16]).await.unwrap();
        assert_eq!(there.read(&mut buf).await.unwrap(), 16);
        there.try_io(Interest::READABLE, || Ok(())).unwrap();
    });
}

#[test]
fn a_listener_at_a_path_takes_connections() {
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
        // No more than one waits to be accepted.
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

/// Each from a task of its own; who waited first is not forgotten.
#[test]
fn several_streams_of_connections_wait_at_a_time() {
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

#[test]
fn a_loop_of_datagrams_to_an_address_lets_others_run() {
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

/// A process in another namespace has no number here.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_that_cannot_be_seen_has_no_number() {
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
    there.arg(env::current_exe().unwrap()).env(PLACE, &place.0);
    there.args([
        "--exact",
        "a_peer_that_cannot_be_seen_has_no_number",
        "--nocapture",
    ]);
    let output = there.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_other_side_is_known() {
    run(async || {
        let (here, there) = UnixStream::pair().unwrap();
        let cred = here.peer_cred().unwrap();
        assert_eq!(cred, there.peer_cred().unwrap());
        assert_eq!(cred.pid(), Some(process::id() as i32));
        assert_eq!(cred.uid(), rustix::process::getuid().as_raw());
        assert_eq!(cred.gid(), rustix::process::getgid().as_raw());
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
        // A full queue makes the sender wait, and room wakes it.
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
fn datagrams_find_their_path() {
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
        // The queue fills up: sending waits for room, though no event can tell of it.
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
        // A child of another test may keep a copy of the descriptor until it runs its program.
        while unbound
            .try_send_to(b"anyone", &there.0)
            .is_ok_and(|n| n == 6)
        {
            wakeful::task::yield_now().await;
        }
        let error = unbound.send_to(b"anyone", &there.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with("send to /"), "{error}");
        let error = UnixDatagram::bind(&there.0).unwrap_err();
        assert!(error.to_string().starts_with("bind to /"), "{error}");
    });
}

#[test]
fn an_oversized_datagram_says_its_size() {
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

#[cfg(target_os = "linux")]
#[test]
fn abstract_addresses_need_no_file() {
    use std::os::linux::net::SocketAddrExt;

    run(async || {
        let name = |what| {
            let name = format!(
                "wakeful-{}-{what}-{:?}",
                process::id(),
                std::thread::current().id()
            );
            SocketAddr::from_abstract_name(name).unwrap()
        };
        let (addr, from) = (name("stream"), name("from"));
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let client = UnixStream::connect_addr(&addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(
            client.peer_addr().unwrap().as_abstract_name(),
            addr.as_abstract_name()
        );
        server.write(b"hi").await.unwrap();
        assert_eq!(client.read(&mut [0; 16]).await.unwrap(), 2);

        let addr = name("datagram");
        let receiver = UnixDatagram::bind_addr(&addr).unwrap();
        let sender = UnixDatagram::bind_addr(&from).unwrap();
        sender.send_to_addr(b"hello", &addr).await.unwrap();
        let (n, got) = receiver.recv_from(&mut [0; 16]).await.unwrap();
        assert_eq!((n, got.as_abstract_name()), (5, from.as_abstract_name()));
        sender.connect_addr(&addr).unwrap();
        sender.send(b"again!").await.unwrap();
        assert_eq!(receiver.recv(&mut [0; 16]).await.unwrap(), 6);
    });
}

#[test]
fn sockets_go_to_std_and_back() {
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

#[cfg(target_os = "linux")]
#[test]
fn a_client_with_a_name_is_known_by_it() {
    use std::os::linux::net::SocketAddrExt;

    run(async || {
        let (place, name) = (Place::new(), Place::new());
        let listener = UnixListener::bind(&place.0).unwrap();
        let socket = || Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let client = socket();
        client.bind(&SockAddr::unix(&name.0).unwrap()).unwrap();
        client.connect(&SockAddr::unix(&place.0).unwrap()).unwrap();
        let (_stream, from) = listener.accept().await.unwrap();
        assert_eq!(from.as_pathname(), Some(&*name.0));

        // The family alone as an address lets the system choose an abstract name.
        let client = socket();
        client.bind(&SockAddr::unix("").unwrap()).unwrap();
        client.connect(&SockAddr::unix(&place.0).unwrap()).unwrap();
        let (_stream, from) = listener.accept().await.unwrap();
        assert_eq!(from.as_abstract_name().map(<[u8]>::len), Some(5));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_with_the_longest_name_does_not_end_the_server() {
    run(async || {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).unwrap();
        // 108 bytes: the system takes it without a zero behind it.
        let dir = env::temp_dir().join(format!("wakeful-{}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        let start = dir.join("").display().to_string();
        let name = Place((start.clone() + &"x".repeat(108 - start.len())).into());
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.bind(&longest(&name.0)).unwrap();
        client.connect(&SockAddr::unix(&place.0).unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.send(b"hello").unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 5);
    });
}

/// An address that is filled by its path, without a zero at the end.
#[cfg(target_os = "linux")]
fn longest(path: &std::path::Path) -> SockAddr {
    use std::os::unix::ffi::OsStrExt;

    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: Linux's `sockaddr_un` is the family in two bytes and the path in 108. Any bytes will do,
    // and all of them are set.
    unsafe {
        let bytes = storage.view_as::<[u8; 110]>();
        bytes[..2].copy_from_slice(&1_u16.to_ne_bytes());
        bytes[2..].copy_from_slice(path.as_os_str().as_bytes());
        SockAddr::new(storage, 110)
    }
}

/// What std says of that path, and what we say, are of one kind; the kind is returned.
#[track_caller]
fn as_std<A, B>(ours: io::Result<A>, std: io::Result<B>) -> ErrorKind {
    let (ours, std) = (ours.err().unwrap(), std.err().unwrap());
    assert_eq!(ours.kind(), std.kind(), "{ours}; std: {std}");
    ours.kind()
}

#[cfg(target_os = "linux")]
#[test]
fn an_empty_path_binds_a_unique_name_and_connects_to_nothing() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net;

    run(async || {
        let name = |addr: SocketAddr| addr.as_abstract_name().unwrap().to_owned();
        let (one, two) = (
            UnixListener::bind("").unwrap(),
            UnixListener::bind("").unwrap(),
        );
        let names = [&one, &two].map(|listener| name(listener.local_addr().unwrap()));
        assert_ne!(names[0], names[1]);
        // The system's choice, not the empty name.
        assert_eq!(names.map(|name| name.len()), [5, 5]);
        let to = one.local_addr().unwrap();
        let _client = UnixStream::connect_addr(&to).await.unwrap();
        one.accept().await.unwrap();

        let datagrams = UnixDatagram::bind("").unwrap();
        assert_eq!(name(datagrams.local_addr().unwrap()).len(), 5);
        let unnamed = SocketAddr::from_pathname("").unwrap();
        let by_addr = UnixListener::bind_addr(&unnamed).unwrap();
        assert_eq!(name(by_addr.local_addr().unwrap()).len(), 5);

        // Somebody listens at the empty abstract name: the empty path is not that.
        let _everyones = UnixListener::bind("\0").ok();
        let invalid = ErrorKind::InvalidInput;
        let ours = UnixStream::connect("").await;
        assert_eq!(as_std(ours, net::UnixStream::connect("")), invalid);
        let ours = UnixStream::connect_addr(&unnamed).await;
        assert_eq!(
            as_std(ours, net::UnixStream::connect_addr(&unnamed)),
            invalid
        );
        let std = net::UnixDatagram::unbound().unwrap();
        let socket = UnixDatagram::unbound().unwrap();
        assert_eq!(as_std(socket.connect(""), std.connect("")), invalid);
        let sent = socket.send_to(b"x", "").await;
        assert_eq!(as_std(sent, std.send_to(b"x", "")), invalid);
        assert_eq!(
            as_std(socket.try_send_to(b"x", ""), std.send_to(b"x", "")),
            invalid
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_is_as_long_as_in_std() {
    use std::os::unix::net;

    run(async || {
        let place = Place::new();
        let path = |len: usize| {
            let mut path = place.0.clone().into_os_string().into_string().unwrap();
            path.extend(std::iter::repeat_n('p', len - path.len()));
            Place(path.into())
        };
        let (longest, too_long) = (path(107), path(108));
        let listener = UnixListener::bind(&longest.0).unwrap();
        net::UnixStream::connect(&longest.0).unwrap();
        UnixStream::connect(&longest.0).await.unwrap();
        listener.accept().await.unwrap();

        let invalid = ErrorKind::InvalidInput;
        let ours = UnixListener::bind(&too_long.0);
        assert!(ours.as_ref().unwrap_err().to_string().contains("too long"));
        assert_eq!(as_std(ours, net::UnixListener::bind(&too_long.0)), invalid);
        assert!(!too_long.0.exists());
        let ours = UnixStream::connect(&too_long.0).await;
        assert_eq!(as_std(ours, net::UnixStream::connect(&too_long.0)), invalid);
        let ours = UnixDatagram::bind(&too_long.0);
        assert!(ours.as_ref().unwrap_err().to_string().contains("too long"));
        assert_eq!(as_std(ours, net::UnixDatagram::bind(&too_long.0)), invalid);
        let socket = UnixDatagram::unbound().unwrap();
        for error in [
            socket.connect(&too_long.0).unwrap_err(),
            socket.send_to(b"x", &too_long.0).await.unwrap_err(),
            socket.try_send_to(b"x", &too_long.0).unwrap_err(),
            UnixStream::connect("a\0b").await.unwrap_err(),
            UnixListener::bind("\0".repeat(110)).unwrap_err(),
        ] {
            assert_eq!(error.kind(), invalid);
            let text = error.to_string();
            assert!(text.contains("can't be the path of a socket"), "{text}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_begins_with_a_zero_byte_is_an_abstract_name() {
    use std::os::linux::net::SocketAddrExt;

    run(async || {
        let name = |what: &str| {
            let place = Place::new().0.clone();
            format!("\0{what}{}", place.display())
        };
        let stream = name("stream");
        let listener = UnixListener::bind(&stream).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_abstract_name(), Some(&stream.as_bytes()[1..]));
        let client = UnixStream::connect(&stream).await.unwrap();
        assert_eq!(
            client.peer_addr().unwrap().as_abstract_name(),
            addr.as_abstract_name()
        );
        listener.accept().await.unwrap();

        let datagram = name("datagram");
        let receiver = UnixDatagram::bind(&datagram).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"one", &datagram).await.unwrap();
        sender.try_send_to(b"two", &datagram).unwrap();
        sender.connect(&datagram).unwrap();
        sender.send(b"three").await.unwrap();
        let mut buf = [0; 8];
        for len in [3, 3, 5] {
            assert_eq!(receiver.recv(&mut buf).await.unwrap(), len);
        }
    });
}
