//! What the adapters change: methods that resolve to tokio's traits, and types of tokio.

extern crate wakeful_tokio as tokio;

use std::future::{pending, poll_fn};
use std::io::{ErrorKind, Read, Seek, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Duration, Instant, sleep};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    let (one, other) = tokio::join!(socket.connect(addr), listener.accept());
    (one.unwrap(), other.unwrap().0)
}

#[tokio::test]
async fn methods_of_a_stream_are_those_of_tokios_traits() {
    let (mut one, mut other) = pair().await;
    one.write_all(b"hello").await.unwrap();
    one.shutdown().await.unwrap();
    let mut buf = [0; 4];
    let length: usize = other.read_exact(&mut buf).await.unwrap();
    assert_eq!((length, &buf), (4, b"hell"));
    let mut rest = Vec::new();
    assert_eq!(other.read_to_end(&mut rest).await.unwrap(), 1);
    // Its own methods are those of Wakeful's stream.
    other.set_nodelay(true).unwrap();
    other.writable().await.unwrap();
    assert_eq!(other.try_write(b"bye").unwrap(), 3);
    let mut peeked = [0; 8];
    let mut peeked = ReadBuf::new(&mut peeked);
    assert_eq!(
        poll_fn(|cx| one.poll_peek(cx, &mut peeked)).await.unwrap(),
        3
    );
    assert_eq!(peeked.filled(), b"bye");
    let std = one.into_std().unwrap();
    assert_eq!(
        TcpStream::from_std(std)
            .unwrap()
            .peek(&mut [0; 8])
            .await
            .unwrap(),
        3
    );
}

#[tokio::test]
async fn crates_that_take_tokios_traits_take_the_sockets() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_util::codec::{Framed, FramedRead, LinesCodec};

    let (one, other) = pair().await;
    let mut sender = Framed::new(one, LinesCodec::new());
    let (read, _write) = other.into_split();
    let mut lines = FramedRead::new(read, LinesCodec::new());
    sender.send("hello").await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap(), "hello");
    SinkExt::<&str>::close(&mut sender).await.unwrap();
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn owned_halves_shut_down_when_they_are_dropped_and_can_be_reunited() {
    let (one, mut other) = pair().await;
    let (read, mut write) = one.into_split();
    let peer = read.peer_addr().unwrap();
    write.write_all(b"ab").await.unwrap();
    drop(write);
    let mut text = String::new();
    other.read_to_string(&mut text).await.unwrap();
    assert_eq!((&text[..], peer), ("ab", other.local_addr().unwrap()));

    let (one, two) = UnixStream::pair().unwrap();
    let (read, write) = one.into_split();
    let (other_read, mut other_write) = two.into_split();
    let error = read.reunite(other_write).unwrap_err();
    assert_eq!(
        error.to_string(),
        "these two halves are of different streams"
    );
    let read = error.0;
    other_write = error.1;
    let mut one = read.reunite(write).unwrap();
    other_write.shutdown().await.unwrap();
    assert_eq!(one.read(&mut [0; 1]).await.unwrap(), 0);
    // The half that was reunited has not shut anything down.
    one.write_all(b"c").await.unwrap();
    other_write.forget();
    let mut reader = BufReader::new(other_read);
    assert_eq!(reader.fill_buf().await.unwrap(), b"c");
    let (mut read, mut write) = one.split();
    assert!(write.write(b"d").await.is_ok());
    assert_eq!(read.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_unix_listener_accepts_streams() {
    let path = std::env::temp_dir().join(format!("wakeful-tokio-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let (one, other) = tokio::try_join!(UnixStream::connect(&path), async {
        poll_fn(|cx| listener.poll_accept(cx)).await
    })
    .unwrap();
    let (mut one, (mut other, _)) = (one, other);
    one.write_all(b"x").await.unwrap();
    assert_eq!(other.read_u8().await.unwrap(), b'x');
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn datagrams_are_received_into_a_read_buf() {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    one.connect(other.local_addr().unwrap()).await.unwrap();
    one.send(b"hello").await.unwrap();
    let mut bytes = [0; 16];
    let mut buf = ReadBuf::new(&mut bytes);
    buf.put_slice(b"> ");
    let from = poll_fn(|cx| other.poll_peek_from(cx, &mut buf))
        .await
        .unwrap();
    assert_eq!(
        (buf.filled(), from),
        (&b"> hello"[..], one.local_addr().unwrap())
    );
    buf.clear();
    let from = poll_fn(|cx| other.poll_recv_from(cx, &mut buf))
        .await
        .unwrap();
    assert_eq!(
        (buf.filled(), from),
        (&b"hello"[..], one.local_addr().unwrap())
    );

    let (one, other) = UnixDatagram::pair().unwrap();
    one.send(b"hi").await.unwrap();
    buf.clear();
    poll_fn(|cx| other.poll_recv(cx, &mut buf)).await.unwrap();
    assert_eq!(buf.filled(), b"hi");
}

#[tokio::test]
async fn into_std_returns_the_file_also_after_a_failed_write() {
    let path = std::env::temp_dir().join(format!("wakeful-tokio-file-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .open(&path)
        .await
        .unwrap();
    file.write_all(b"hello").await.unwrap();
    file.rewind().await.unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'h');
    // The cursor is after the byte that was read, although more was buffered.
    let mut std: std::fs::File = file.into_std().await;
    assert_eq!(std.stream_position().unwrap(), 1);
    std.write_all(b"E").unwrap();

    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"not open for writing").await.unwrap();
    let mut text = String::new();
    file.into_std().await.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hEllo");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn into_std_returns_a_pipe_whose_bytes_were_read_ahead() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut file = File::from_std(std::os::fd::OwnedFd::from(reader).into());
    // The pipe is empty, so the read waits on the pool; it goes on when its future is dropped.
    let mut buf = [0; 1];
    tokio::select! {
        biased;
        _ = file.read(&mut buf) => panic!("there is nothing to read"),
        () = std::future::ready(()) => {}
    }
    writer.write_all(b"abc").unwrap();
    let mut rest = [0; 2];
    file.into_std().await.read_exact(&mut rest).unwrap();
    // The byte that was read ahead is lost, as in tokio.
    assert_eq!(&rest, b"bc");
}

#[tokio::test]
async fn a_blocking_closure_has_the_handle_of_its_runtime() {
    let id = Handle::current().id();
    let nested = spawn_blocking(move || {
        assert_eq!(Handle::current().id(), id);
        let inner = spawn_blocking(|| Handle::current().id());
        Handle::current().block_on(inner).unwrap()
    });
    assert_eq!(nested.await.unwrap(), id);
    let mut set = JoinSet::new();
    set.spawn_blocking(|| Handle::current().id());
    assert_eq!(set.join_next().await.unwrap().unwrap(), id);
    assert!(
        spawn_blocking(|| panic!("on purpose"))
            .await
            .unwrap_err()
            .is_panic()
    );
}

#[test]
fn the_handle_of_a_blocking_closure_is_gone_when_it_has_ended() {
    // One thread, which both closures use.
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let other = Runtime::new().unwrap();
    for panics in [false, true] {
        let entered = runtime.spawn_blocking(move || {
            assert!(Handle::try_current().is_ok());
            assert!(!panics, "on purpose");
        });
        assert_eq!(runtime.block_on(entered).is_err(), panics);
        let bare = runtime.block_on(async { wakeful::spawn_blocking(Handle::try_current).await });
        assert!(bare.unwrap().is_err());
    }
    assert!(Handle::try_current().unwrap_err().is_missing_context());
    let _guard = other.enter();
    assert_eq!(Handle::current().id(), other.handle().id());
}

#[tokio::test]
async fn tasks_that_were_spawned_through_a_handle_can_be_aborted() {
    let handle = Handle::current();
    let spawned = spawn_blocking(move || {
        let endless = handle.spawn(pending::<()>());
        let abort = endless.abort_handle();
        assert!(!abort.is_finished());
        assert_eq!(
            (abort.id(), handle.runtime_flavor()),
            (endless.id(), RuntimeFlavor::CurrentThread,)
        );
        abort.abort();
        let (sender, receiver) = mpsc::channel();
        let mut answer = handle.spawn(async move { sender.send(6 * 7).unwrap() });
        assert_eq!(receiver.recv().unwrap(), 42);
        handle.block_on(&mut answer).unwrap();
        assert!(answer.is_finished());
        handle.block_on(endless).unwrap_err()
    });
    assert!(spawned.await.unwrap().is_cancelled());
    let local = tokio::spawn(pending::<()>());
    local.abort_handle().abort();
    assert!(local.await.unwrap_err().is_cancelled());
}

#[test]
fn a_builder_accepts_tokios_methods_and_builds_more_than_once() {
    let parks = Arc::new(Mutex::new(0));
    let parked = parks.clone();
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(8)
        .enable_io()
        .enable_time()
        .enable_all()
        .thread_name("pool")
        .thread_stack_size(1 << 20)
        .global_queue_interval(31)
        .event_interval(61)
        .max_blocking_threads(2)
        .thread_keep_alive(Duration::from_secs(1))
        .on_thread_park(move || *parked.lock().unwrap() += 1)
        .on_thread_unpark(|| ())
        .start_paused(true);
    for _ in 0..2 {
        let runtime = builder.build().unwrap();
        let local = Rc::new(6);
        let task = runtime.spawn(async move {
            let start = Instant::now();
            sleep(Duration::from_secs(3600)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(3600));
            *local * 7
        });
        assert_eq!(runtime.block_on(task).unwrap(), 42);
        let name = runtime.spawn_blocking(|| std::thread::current().name().map(str::to_owned));
        assert_eq!(runtime.block_on(name).unwrap().unwrap(), "pool-0");
        runtime.shutdown_timeout(Duration::from_secs(10));
    }
    assert!(*parks.lock().unwrap() >= 2);
    builder
        .build_local(Default::default())
        .unwrap()
        .shutdown_background();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2, start_paused = true)]
#[should_panic(expected = "deadlock")]
async fn a_test_whose_tasks_can_never_be_woken_fails() {
    pending::<()>().await;
}

#[tokio::main(flavor = "current_thread", crate = "tokio")]
async fn double(number: u32) -> u32 {
    tokio::spawn(async move { number * 2 }).await.unwrap()
}

#[test]
fn the_attribute_main_makes_a_function_that_blocks() {
    assert_eq!(double(21), 42);
}

tokio::task_local! {
    static NAME: &'static str;
}

#[tokio::test]
async fn the_other_paths_of_tokio_are_there() {
    use tokio::io::unix::AsyncFd;
    use tokio::signal::unix::{SignalKind, signal};

    NAME.scope("name", async { assert_eq!(NAME.get(), "name") })
        .await;
    tokio::task::yield_now().await;
    let (reader, writer) = tokio::net::unix::pipe::pipe().unwrap();
    drop(writer);
    let fd = AsyncFd::new(reader.into_blocking_fd().unwrap()).unwrap();
    assert!(fd.readable().await.is_ok());
    let mut hangups = signal(SignalKind::hangup()).unwrap();
    assert!(
        tokio::time::timeout(Duration::ZERO, hangups.recv())
            .await
            .is_err()
    );
    let output = tokio::process::Command::new("echo")
        .arg("hi")
        .output()
        .await
        .unwrap();
    assert_eq!(output.stdout, b"hi\n");
    let error = UnixStream::connect("/nowhere/at/all").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    tokio::io::stderr().flush().await.unwrap();
    let mut set: JoinSet<_> = (0..3).map(|number| async move { number }).collect();
    assert_eq!(set.len(), 3);
    set.abort_all();
    set.shutdown().await;
}
