//! Unix domain sockets.

use std::io::{ErrorKind, IoSlice};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs, process};

use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::spawn;
use wakeful_net::{UnixDatagram, UnixListener, UnixStream};

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("wakeful-{}-{name}", process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[wakeful::test]
async fn streams_by_path() {
    let folder = Folder::new("stream");
    let path = folder.0.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(
        UnixListener::bind(&path).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
    let client = UnixStream::connect(&path).await.unwrap();
    let (mut server, addr) = listener.accept().await.unwrap();
    assert!(addr.is_unnamed());
    assert_eq!(
        client.peer_addr().unwrap().as_pathname(),
        Some(path.as_path())
    );
    let cred = client.peer_cred().unwrap();
    assert_eq!(cred.pid(), Some(process::id().cast_signed()));
    assert_eq!(cred.uid(), rustix::process::getuid().as_raw());
    client
        .write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")])
        .await
        .unwrap();
    (&client).close().await.unwrap();
    let mut text = String::new();
    server.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "ab");

    let error = UnixStream::connect(folder.0.join("nobody"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nobody"), "{error}");
    let error = UnixListener::bind("x".repeat(200)).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[wakeful::test]
async fn names_without_a_file() {
    let name = format!("wakeful-{}-abstract", process::id());
    let addr = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let listener = UnixListener::bind_addr(&addr).unwrap();
    let client = UnixStream::connect_addr(&addr).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.write(b"x").await.unwrap();
    assert_eq!(client.read(&mut [0; 4]).await.unwrap(), 1);
}

#[wakeful::test]
async fn a_full_queue_is_waited_out() {
    let name = format!("wakeful-{}-queue", process::id());
    let addr = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let listener = UnixListener::bind_addr(&addr).unwrap();
    let clients: Vec<_> = (0..1100)
        .map(|_| {
            let addr = addr.clone();
            spawn(async move { UnixStream::connect_addr(&addr).await.map(drop) })
        })
        .collect();
    for _ in 0..1100 {
        listener.accept().await.unwrap();
    }
    for client in clients {
        client.await.unwrap().unwrap();
    }
}

#[wakeful::test]
async fn halves_in_two_tasks() {
    let (a, b) = UnixStream::pair().unwrap();
    let (mut read, mut write) = a.into_split();
    let writer = spawn(async move { write.write_all(&[5; 300_000]).await });
    let echo = spawn(async move {
        let (mut read, mut write) = b.into_split();
        futures_util::io::copy(&mut read, &mut write).await
    });
    let mut data = Vec::new();
    read.read_to_end(&mut data).await.unwrap();
    writer.await.unwrap().unwrap();
    assert_eq!(echo.await.unwrap().unwrap(), 300_000);
    assert_eq!(data, vec![5; 300_000]);
}

#[wakeful::test]
async fn datagrams() {
    let folder = Folder::new("datagram");
    let (here, there) = (folder.0.join("here"), folder.0.join("there"));
    let a = UnixDatagram::bind(&here).unwrap();
    let b = UnixDatagram::bind(&there).unwrap();
    a.send_to(b"one", &there).await.unwrap();
    let mut buf = [0; 16];
    let (n, from) = b.recv_from(&mut buf).await.unwrap();
    assert_eq!((n, from.as_pathname()), (3, Some(here.as_path())));
    b.connect(&here).unwrap();
    b.send(b"back").await.unwrap();
    assert_eq!(a.recv(&mut buf).await.unwrap(), 4);
    let unnamed = UnixDatagram::unbound().unwrap();
    unnamed.send_to(b"x", &here).await.unwrap();
    assert_eq!(a.recv(&mut buf).await.unwrap(), 1);
    let error = a.send_to(b"x", folder.0.join("nobody")).await.unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");

    // Sending waits while the queue is full; nothing is lost, and the order stays.
    let (a, b) = UnixDatagram::pair().unwrap();
    let sender = spawn(async move {
        for n in 0..5_000_u32 {
            a.send(&n.to_ne_bytes()).await.unwrap();
        }
    });
    for n in 0..5_000_u32 {
        let mut buf = [0; 8];
        assert_eq!(b.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(buf[..4], n.to_ne_bytes());
    }
    sender.await.unwrap();
}
