//! `wakeful::io`: copies in both directions, streams in memory, lines over packets.

#[path = "support/net.rs"]
mod net;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::{FutureExt, TryStreamExt};
use net::{pattern, run, tcp_pair};
use wakeful::io::{
    self, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    BufWriter, Cursor, ErrorKind, copy_bidirectional, copy_bidirectional_with_sizes, duplex,
};
use wakeful::net::TcpStream;
use wakeful::task::JoinHandle;

/// What a [`Script`] does next.
enum Step {
    Bytes(&'static [u8]),
    Fails(ErrorKind),
    Waits,
}

/// A reader that follows a script, and is then at its end.
struct Script(VecDeque<Step>);

fn script<const N: usize>(steps: [Step; N]) -> Script {
    Script(steps.into())
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.0.pop_front() {
            None => Poll::Ready(Ok(0)),
            Some(Step::Fails(kind)) => Poll::Ready(Err(kind.into())),
            Some(Step::Waits) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Bytes(bytes)) => {
                let n = bytes.len().min(buf.len());
                buf[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    self.0.push_front(Step::Bytes(&bytes[n..]));
                }
                Poll::Ready(Ok(n))
            }
        }
    }
}

/// A writer that records what it gets, and what fails if told so.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    flushed: usize,
    is_closed: bool,
    write_errors: VecDeque<ErrorKind>,
    close_error: Option<ErrorKind>,
    takes_nothing: bool,
}

impl AsyncWrite for Record {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(kind) = self.write_errors.pop_front() {
            return Poll::Ready(Err(kind.into()));
        }
        if self.takes_nothing {
            return Poll::Ready(Ok(0));
        }
        assert!(!self.is_closed, "a write after the end");
        self.bytes.extend(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = self.bytes.len();
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(kind) = self.close_error {
            return Poll::Ready(Err(kind.into()));
        }
        self.is_closed = true;
        Poll::Ready(Ok(()))
    }
}

/// Runs a test with two clients of a proxy, in both orders of its arguments.
async fn through_a_proxy(test: impl AsyncFn(Proxy, TcpStream, TcpStream)) {
    for swapped in [false, true] {
        let (a, mut front) = tcp_pair().await;
        let (b, mut back) = tcp_pair().await;
        let proxy = wakeful::spawn(async move { copy_bidirectional(&mut front, &mut back).await });
        match swapped {
            false => test(Proxy(proxy, swapped), a, b).await,
            true => test(Proxy(proxy, swapped), b, a).await,
        }
    }
}

struct Proxy(JoinHandle<io::Result<(u64, u64)>>, bool);

impl Proxy {
    /// Returns the bytes from the test's first client to its second one, and back.
    async fn end(self) -> (u64, u64) {
        let (there, back) = self.0.await.unwrap().unwrap();
        if self.1 { (back, there) } else { (there, back) }
    }
}

#[test]
fn the_end_of_one_side_shuts_the_other_ones_writes_down_and_the_way_back_stays_open() {
    run(async || {
        through_a_proxy(async |proxy, mut a, mut b| {
            a.write_all(b"test").await.unwrap();
            a.close().await.unwrap();
            let mut seen = Vec::new();
            b.read_to_end(&mut seen).await.unwrap();
            assert_eq!(seen, b"test");
            b.write_all(b"quux!").await.unwrap();
            let mut reply = [0; 5];
            a.read_exact(&mut reply).await.unwrap();
            assert_eq!(&reply, b"quux!");
            drop(b);
            assert_eq!(proxy.end().await, (4, 5));
        })
        .await;
    });
}

#[wakeful::test]
async fn a_side_that_does_not_read_does_not_block_the_other_direction() {
    for swapped in [false, true] {
        let (mut a, mut front) = duplex(64);
        let (mut back, mut b) = duplex(64);
        let proxy = wakeful::spawn(async move {
            match swapped {
                false => copy_bidirectional_with_sizes(&mut front, &mut back, 64, 64).await,
                true => copy_bidirectional_with_sizes(&mut back, &mut front, 64, 64).await,
            }
        });
        // Until all buffers on the way are full.
        let mut sent = 0;
        let mut turns_without_room = 0;
        while turns_without_room < 10 {
            match a.write(&[7; 16]).now_or_never() {
                Some(n) => {
                    sent += n.unwrap() as u64;
                    turns_without_room = 0;
                }
                None => turns_without_room += 1,
            }
            wakeful::task::yield_now().await;
        }
        assert_eq!(sent, 3 * 64);
        b.write_all(b"quux").await.unwrap();
        let mut reply = [0; 4];
        a.read_exact(&mut reply).await.unwrap();
        assert_eq!(&reply, b"quux");
        a.close().await.unwrap();
        let mut all = Vec::new();
        b.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len() as u64, sent);
        drop(b);
        let expected = if swapped { (4, sent) } else { (sent, 4) };
        assert_eq!(proxy.await.unwrap().unwrap(), expected);
    }
}

#[test]
fn all_bytes_arrive_in_order_through_small_buffers() {
    run(async || {
        let (mut a, mut front) = duplex(7);
        let (mut back, mut b) = duplex(5);
        let proxy = wakeful::spawn(async move {
            copy_bidirectional_with_sizes(&mut front, &mut back, 3, 4).await
        });
        let bytes = pattern(10_000);
        let sent = bytes.clone();
        let sender = wakeful::spawn(async move {
            a.write_all(&sent).await.unwrap();
            a.close().await.unwrap();
            let mut reply = Vec::new();
            a.read_to_end(&mut reply).await.unwrap();
            reply
        });
        let mut seen = Vec::new();
        b.read_to_end(&mut seen).await.unwrap();
        assert!(seen == bytes);
        b.write_all(&seen[..5_000]).await.unwrap();
        drop(b);
        assert!(sender.await.unwrap() == bytes[..5_000]);
        assert_eq!(proxy.await.unwrap().unwrap(), (10_000, 5_000));
    });
}

#[wakeful::test]
async fn each_error_ends_the_copy_at_once() {
    use Step::{Bytes, Fails};
    let kind = async |a: (Script, Record), b: (Script, Record)| {
        let (mut a, mut b) = (io::join(a.0, a.1), io::join(b.0, b.1));
        copy_bidirectional(&mut a, &mut b)
            .await
            .map_err(|e| e.kind())
    };
    let idle = || (script([]), Record::default());
    let reads = |steps| (script([steps]), Record::default());
    let failing = || Record {
        write_errors: [ErrorKind::TimedOut].into(),
        ..Record::default()
    };
    let found = kind(reads(Fails(ErrorKind::ConnectionReset)), idle()).await;
    assert_eq!(found, Err(ErrorKind::ConnectionReset));
    let found = kind(idle(), reads(Fails(ErrorKind::ConnectionReset))).await;
    assert_eq!(found, Err(ErrorKind::ConnectionReset));
    let found = kind(reads(Bytes(b"x")), (script([]), failing())).await;
    assert_eq!(found, Err(ErrorKind::TimedOut));
    let found = kind((script([]), failing()), reads(Bytes(b"x"))).await;
    assert_eq!(found, Err(ErrorKind::TimedOut));
    let unclosable = Record {
        close_error: Some(ErrorKind::NotConnected),
        ..Record::default()
    };
    let found = kind(idle(), (script([]), unclosable)).await;
    assert_eq!(found, Err(ErrorKind::NotConnected));
    let full = Record {
        takes_nothing: true,
        ..Record::default()
    };
    let found = kind(reads(Bytes(b"x")), (script([]), full)).await;
    assert_eq!(found, Err(ErrorKind::WriteZero));
}

#[wakeful::test]
async fn interrupted_operations_are_repeated() {
    let interrupted = || Record {
        write_errors: [ErrorKind::Interrupted; 2].into(),
        ..Record::default()
    };
    let reader = |bytes| script([Step::Fails(ErrorKind::Interrupted), Step::Bytes(bytes)]);
    let mut a = io::join(reader(b"ab"), interrupted());
    let mut b = io::join(reader(b"cde"), interrupted());
    let copied = copy_bidirectional(&mut a, &mut b).await.unwrap();
    assert_eq!(copied, (2, 3));
    assert_eq!(
        (a.writer().bytes.as_slice(), b.writer().bytes.as_slice()),
        (&b"cde"[..], &b"ab"[..])
    );
    assert!(a.writer().is_closed && b.writer().is_closed);
}

#[test]
fn a_writer_is_flushed_when_its_reader_has_nothing_more() {
    let mut a = io::join(
        script([Step::Bytes(b"ab"), Step::Waits, Step::Waits]),
        Record::default(),
    );
    let mut b = io::join(script([]), Record::default());
    {
        let mut copy = pin!(copy_bidirectional(&mut a, &mut b));
        assert!(
            copy.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    }
    assert_eq!(b.writer().flushed, 2);
    assert!(!b.writer().is_closed);
}

#[test]
fn a_copy_that_is_dropped_leaves_the_streams_open() {
    run(async || {
        let (client, mut front) = tcp_pair().await;
        let (mut back, server) = tcp_pair().await;
        client.write_all(b"one").await.unwrap();
        let mut seen = [0; 3];
        {
            let mut copy = pin!(copy_bidirectional(&mut front, &mut back).fuse());
            wakeful::select! {
                _ = &mut copy => unreachable!(),
                result = server.read_exact(&mut seen) => result.unwrap(),
            }
        }
        assert_eq!(&seen, b"one");
        back.write_all(b"two").await.unwrap();
        server.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"two");
    });
}

#[cfg(panic = "unwind")]
#[test]
fn a_buffer_of_nothing_is_a_panic_that_names_it() {
    let text = |sizes: (usize, usize)| {
        let copy = move || {
            let (mut a, mut b) = duplex(1);
            let copy = copy_bidirectional_with_sizes(&mut a, &mut b, sizes.0, sizes.1);
            copy.now_or_never();
        };
        let panic = std::panic::catch_unwind(copy).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert!(text((0, 1)).starts_with("`a_to_b` is 0"));
    assert!(text((1, 0)).starts_with("`b_to_a` is 0"));
}

#[test]
fn copy_returns_the_count_and_flushes() {
    run(async || {
        let (mut client, server) = tcp_pair().await;
        let bytes = pattern(100_000);
        let mut reader = Cursor::new(bytes.clone());
        let sender = wakeful::spawn(async move {
            let mut writer = BufWriter::new(&mut client);
            let n = io::copy(&mut reader, &mut writer).await.unwrap();
            client.close().await.unwrap();
            n
        });
        let mut seen = Vec::new();
        let n = io::copy_buf(BufReader::new(server), &mut seen)
            .await
            .unwrap();
        assert_eq!((n, sender.await.unwrap()), (100_000, 100_000));
        assert!(seen == bytes);
    });
}

#[test]
fn lines_are_put_together_from_packets() {
    run(async || {
        let (mut client, server) = duplex(64);
        let lines = wakeful::spawn(async move {
            let lines = BufReader::new(server).lines();
            lines.try_collect::<Vec<String>>().await.unwrap()
        });
        for packet in ["fir", "st\r", "\nsecond\n\nth", "i", "rd"] {
            client.write_all(packet.as_bytes()).await.unwrap();
            // The reader takes each packet by itself.
            wakeful::task::yield_now().await;
        }
        drop(client);
        assert_eq!(lines.await.unwrap(), ["first", "second", "", "third"]);
    });
}

#[wakeful::test]
async fn a_line_that_was_begun_is_not_lost_when_the_wait_is_dropped() {
    let (mut client, server) = duplex(64);
    let mut lines = BufReader::new(server).lines();
    client.write_all(b"hel").await.unwrap();
    assert!(lines.try_next().now_or_never().is_none());
    client.write_all(b"lo\nworld").await.unwrap();
    assert_eq!(lines.try_next().await.unwrap().unwrap(), "hello");
    drop(client);
    assert_eq!(lines.try_next().await.unwrap().unwrap(), "world");
    assert_eq!(lines.try_next().await.unwrap(), None);
}

#[wakeful::test]
async fn the_methods_of_the_traits_need_no_other_crate() {
    let (mut client, server) = duplex(64);
    client.write_all(b"12345678|rest|end").await.unwrap();
    drop(client);
    let mut server = BufReader::new(server);
    let mut head = [0; 4];
    server.read_exact(&mut head).await.unwrap();
    let mut part = String::new();
    (&mut server)
        .take(4)
        .read_to_string(&mut part)
        .await
        .unwrap();
    let mut until = Vec::new();
    assert_eq!(server.read_until(b'|', &mut until).await.unwrap(), 1);
    server.read_until(b'|', &mut until).await.unwrap();
    let mut tail = String::new();
    server
        .chain(&b"!"[..])
        .read_to_string(&mut tail)
        .await
        .unwrap();
    assert_eq!(
        (&head, part.as_str(), until.as_slice(), tail.as_str()),
        (b"1234", "5678", &b"|rest|"[..], "end!")
    );
}

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn wakes() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), wakes.into())
}

impl Wakes {
    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_duplex_stores_as_many_bytes_as_it_may_and_a_read_makes_room() {
    let (mut a, mut b) = duplex(4);
    let (wakes, waker) = wakes();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 3];
    let write = Pin::new(&mut a).poll_write(&mut cx, b"abcdef");
    assert!(matches!(write, Poll::Ready(Ok(4))), "{write:?}");
    assert!(Pin::new(&mut a).poll_write(&mut cx, b"ef").is_pending());
    assert!(matches!(
        Pin::new(&mut a).poll_write(&mut cx, b""),
        Poll::Ready(Ok(0))
    ));
    assert_eq!(wakes.count(), 0);
    let read = b.read(&mut buf).now_or_never().unwrap().unwrap();
    assert_eq!((read, &buf), (3, b"abc"));
    assert_eq!(wakes.count(), 1);
    let write = Pin::new(&mut a).poll_write(&mut cx, b"efgh");
    assert!(matches!(write, Poll::Ready(Ok(3))), "{write:?}");
    // The directions have nothing to do with each other.
    assert!(a.read(&mut buf).now_or_never().is_none());
}

#[test]
fn a_reader_of_a_duplex_is_woken_by_bytes_by_the_end_and_by_a_drop() {
    let mut buf = [0; 8];
    let (wakes, waker) = wakes();
    let mut cx = Context::from_waker(&waker);
    let (mut a, mut b) = duplex(8);
    assert!(Pin::new(&mut b).poll_read(&mut cx, &mut buf).is_pending());
    assert!(matches!(
        Pin::new(&mut b).poll_read(&mut cx, &mut []),
        Poll::Ready(Ok(0))
    ));
    a.write_all(b"x").now_or_never().unwrap().unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(b.read(&mut buf).now_or_never().unwrap().unwrap(), 1);
    assert!(Pin::new(&mut b).poll_read(&mut cx, &mut buf).is_pending());
    a.close().now_or_never().unwrap().unwrap();
    assert_eq!(wakes.count(), 2);
    assert_eq!(b.read(&mut buf).now_or_never().unwrap().unwrap(), 0);

    let (mut a, mut b) = duplex(8);
    assert!(Pin::new(&mut b).poll_read(&mut cx, &mut buf).is_pending());
    a.write_all(b"rest").now_or_never().unwrap().unwrap();
    drop(a);
    assert_eq!(wakes.count(), 3);
    assert_eq!(
        b.read(&mut buf).now_or_never().unwrap().unwrap(),
        4,
        "bytes before the end"
    );
    assert_eq!(b.read(&mut buf).now_or_never().unwrap().unwrap(), 0);
}

#[test]
fn a_write_without_a_reader_is_a_broken_pipe_and_wakes_a_waiting_one() {
    let (wakes, waker) = wakes();
    let mut cx = Context::from_waker(&waker);
    let (mut a, b) = duplex(1);
    a.write_all(b"x").now_or_never().unwrap().unwrap();
    assert!(Pin::new(&mut a).poll_write(&mut cx, b"y").is_pending());
    drop(b);
    assert_eq!(wakes.count(), 1);
    let error = a.write(b"y").now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(
        error.to_string(),
        "the other end of the duplex has been dropped"
    );

    let (mut a, mut b) = duplex(1);
    a.close().now_or_never().unwrap().unwrap();
    let error = a.write(b"y").now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(error.to_string().contains("has been closed"));
    b.write_all(b"z").now_or_never().unwrap().unwrap();
    let mut buf = [0; 2];
    assert_eq!(
        a.read(&mut buf).now_or_never().unwrap().unwrap(),
        1,
        "the other direction is open"
    );
}

#[test]
fn a_dropped_end_keeps_no_waker_and_wakes_none_of_its_own() {
    let (wakes, waker) = wakes();
    let mut cx = Context::from_waker(&waker);
    let (mut a, mut b) = duplex(1);
    let mut buf = [0; 1];
    assert!(Pin::new(&mut a).poll_read(&mut cx, &mut buf).is_pending());
    a.write_all(b"x").now_or_never().unwrap().unwrap();
    assert!(Pin::new(&mut a).poll_write(&mut cx, b"y").is_pending());
    drop(a);
    assert_eq!(wakes.count(), 0);
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1);
    b.close().now_or_never().unwrap().unwrap();
}

#[test]
fn a_loop_over_a_duplex_that_is_always_ready_yields() {
    wakeful::block_on(async {
        let (mut a, mut b) = duplex(8);
        let busy = async {
            let mut buf = [0; 1];
            loop {
                a.write_all(b"x").await.unwrap();
                b.read_exact(&mut buf).await.unwrap();
            }
        };
        wakeful::select! {
            biased;
            () = busy => unreachable!(),
            () = wakeful::task::yield_now() => {}
        }
    });
}

#[cfg(panic = "unwind")]
#[test]
fn a_duplex_that_stores_nothing_is_refused() {
    let panic = std::panic::catch_unwind(|| drop(duplex(0))).unwrap_err();
    assert!(
        panic
            .downcast_ref::<&str>()
            .unwrap()
            .starts_with("duplex(0)")
    );
}

#[test]
fn a_waker_that_uses_the_other_end_while_it_is_cloned_loses_no_wake() {
    use std::cell::RefCell;
    use std::task::{RawWaker, RawWakerVTable};
    thread_local! {
        static OTHER: RefCell<Option<io::DuplexStream>> = const { RefCell::new(None) };
    }
    fn clone(_: *const ()) -> RawWaker {
        if let Some(mut other) = OTHER.take() {
            other.write_all(b"x").now_or_never().unwrap().unwrap();
            OTHER.set(Some(other));
        }
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, |_| {}, |_| {}, |_| {});
    let (mut a, b) = duplex(8);
    OTHER.set(Some(b));
    // SAFETY: the functions of the table use no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let mut buf = [0; 8];
    let read = Pin::new(&mut a).poll_read(&mut Context::from_waker(&waker), &mut buf);
    assert!(matches!(read, Poll::Ready(Ok(1))), "{read:?}");
    OTHER.set(None);
}
