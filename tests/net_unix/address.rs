//! Addresses: paths, abstract names and unnamed sockets.

use std::io::{self, ErrorKind};
use std::{env, fs, process};

use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};
use wakeful::net::unix::SocketAddr;
use wakeful::net::{UnixDatagram, UnixListener, UnixStream};

use super::Place;
use super::support::run;

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
fn a_client_with_a_name_has_it_as_its_address() {
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

        // With the family only, the system chooses an abstract name.
        let client = socket();
        client.bind(&SockAddr::unix("").unwrap()).unwrap();
        client.connect(&SockAddr::unix(&place.0).unwrap()).unwrap();
        let (_stream, from) = listener.accept().await.unwrap();
        assert_eq!(from.as_abstract_name().map(<[u8]>::len), Some(5));
    });
}

#[test]
fn a_client_with_the_longest_name_does_not_end_the_server() {
    run(async || {
        let place = Place::new();
        let listener = UnixListener::bind(&place.0).unwrap();
        // 108 bytes: the system accepts it without a final zero.
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

/// An address that is filled by its path, without a final zero.
fn longest(path: &std::path::Path) -> SockAddr {
    use std::os::unix::ffi::OsStrExt;

    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: Linux's `sockaddr_un` is the family in two bytes and the path in 108. Any bytes are
    // valid, and all of them are set.
    unsafe {
        let bytes = storage.view_as::<[u8; 110]>();
        bytes[..2].copy_from_slice(&1_u16.to_ne_bytes());
        bytes[2..].copy_from_slice(path.as_os_str().as_bytes());
        SockAddr::new(storage, 110)
    }
}

/// Checks that std and this crate return errors of the same kind for the path. Returns the kind.
#[track_caller]
fn as_std<A, B>(ours: io::Result<A>, std: io::Result<B>) -> ErrorKind {
    let (ours, std) = (ours.err().unwrap(), std.err().unwrap());
    assert_eq!(ours.kind(), std.kind(), "{ours}; std: {std}");
    ours.kind()
}

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
        // The name that the system chose, not the empty one.
        assert_eq!(names.map(|name| name.len()), [5, 5]);
        let to = one.local_addr().unwrap();
        let _client = UnixStream::connect_addr(&to).await.unwrap();
        one.accept().await.unwrap();

        let datagrams = UnixDatagram::bind("").unwrap();
        assert_eq!(name(datagrams.local_addr().unwrap()).len(), 5);
        let unnamed = SocketAddr::from_pathname("").unwrap();
        let by_addr = UnixListener::bind_addr(&unnamed).unwrap();
        assert_eq!(name(by_addr.local_addr().unwrap()).len(), 5);

        // A socket listens at the empty abstract name, which is not the empty path.
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

#[test]
fn a_path_has_the_same_limit_as_in_std() {
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
