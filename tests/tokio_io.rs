//! tokio's I/O traits on Wakeful's sockets, files and pipes, used by tokio's helpers, without a
//! runtime of tokio.

#[path = "support/net.rs"]
mod net;

use std::io::{IoSlice, SeekFrom};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::process::Stdio;
use std::task::Poll;

use net::{pattern, run, tcp_pair};
use tokio::io::{
    self, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt,
    BufReader, ReadBuf,
};
use wakeful::fs::File;
use wakeful::net::unix::pipe;
use wakeful::net::{TcpStream, UnixStream};

/// Sends a megabyte both ways at once through a proxy with tokio's `copy_bidirectional`.
async fn through_a_proxy<S>(pairs: [(S, S); 2])
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let [(client, mut front), (mut back, server)] = pairs;
    let proxy = wakeful::spawn(async move { io::copy_bidirectional(&mut front, &mut back).await });
    let sent = pattern(1 << 20);
    let echo = wakeful::spawn(async move {
        let (mut read, mut write) = io::split(server);
        let n = io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
        n
    });
    let (mut read, mut write) = io::split(client);
    let to_send = sent.clone();
    wakeful::spawn(async move {
        write.write_all(&to_send).await.unwrap();
        // Half of the connection ends; the answer still arrives.
        write.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    read.read_to_end(&mut back).await.unwrap();
    assert!(back == sent, "other bytes come back");
    assert_eq!(echo.await.unwrap(), 1 << 20);
    assert_eq!(proxy.await.unwrap().unwrap(), (1 << 20, 1 << 20));
}

#[test]
fn tokio_copies_both_ways_between_tcp_streams() {
    run(async || through_a_proxy([tcp_pair().await, tcp_pair().await]).await);
}

#[test]
fn tokio_copies_both_ways_between_unix_streams() {
    run(async || {
        let pairs = [UnixStream::pair().unwrap(), UnixStream::pair().unwrap()];
        through_a_proxy(pairs).await;
    });
}

/// Reads once into the free part of a buffer.
async fn read_into(mut reader: impl AsyncRead + Unpin, buf: &mut ReadBuf<'_>) {
    std::future::poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, buf))
        .await
        .unwrap();
}

#[test]
fn a_read_fills_only_the_free_part_of_a_buffer() {
    run(async || {
        let (here, there) = tcp_pair().await;
        there.write(b"abcdefgh").await.unwrap();
        let mut room = [b'-'; 10];
        let mut buf = ReadBuf::new(&mut room[..6]);
        buf.put_slice(b"123");
        read_into(&here, &mut buf).await;
        assert_eq!(buf.filled(), b"123abc");
        // An empty buffer is not the end, and nothing is read.
        read_into(&here, &mut buf).await;
        assert_eq!(buf.filled(), b"123abc");
        assert_eq!(&room[6..], b"----");

        let mut rest = [MaybeUninit::uninit(); 10];
        let mut buf = ReadBuf::uninit(&mut rest);
        read_into(&here, &mut buf).await;
        assert_eq!(buf.filled(), b"defgh");
        drop(there);
        read_into(&here, &mut buf).await;
        assert_eq!(buf.filled(), b"defgh");
    });
}

#[test]
fn a_short_read_does_not_zero_a_large_buffer() {
    run(async || {
        let (here, there) = tcp_pair().await;
        there.write(b"few").await.unwrap();
        let mut room = vec![MaybeUninit::uninit(); 1 << 20];
        let mut buf = ReadBuf::uninit(&mut room);
        read_into(&here, &mut buf).await;
        assert_eq!(buf.filled(), b"few");
        assert!(buf.initialized().len() < 1 << 20);
        // The part that was initialized before is read into directly.
        let mut room = vec![0; 1 << 20];
        there.write(b"more").await.unwrap();
        let mut buf = ReadBuf::new(&mut room);
        read_into(&here, &mut buf).await;
        assert_eq!(buf.filled(), b"more");
    });
}

/// Sends a line from one to the other, and then the end.
async fn one_way(mut write: impl AsyncWrite + Unpin, mut read: impl AsyncRead + Unpin) {
    assert!(write.is_write_vectored());
    let bufs = [b"one ", b"line"].map(|part| std::io::IoSlice::new(part));
    assert_eq!(write.write_vectored(&bufs).await.unwrap(), 8);
    write.flush().await.unwrap();
    write.shutdown().await.unwrap();
    drop(write);
    let mut text = String::new();
    read.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "one line");
}

#[test]
fn halves_references_and_pipes_have_the_traits() {
    run(async || {
        let (here, there) = tcp_pair().await;
        one_way(&here, &there).await;

        let (here, there) = tcp_pair().await;
        let (_read, write) = here.into_split();
        let (read, _write) = there.into_split();
        one_way(write, read).await;

        let (mut here, mut there) = UnixStream::pair().unwrap();
        let (_read, write) = UnixStream::split(&mut here);
        let (read, _write) = UnixStream::split(&mut there);
        one_way(write, read).await;

        let (sender, receiver) = pipe::pipe().unwrap();
        one_way(sender, receiver).await;
    });
}

#[test]
fn a_read_that_waits_is_pending_and_loses_nothing() {
    run(async || {
        let (mut here, there) = tcp_pair().await;
        let mut room = [0; 4];
        {
            let mut buf = ReadBuf::new(&mut room);
            let polled = std::future::poll_fn(|cx| {
                // Twice: the first poll finds that there is nothing.
                let _ = Pin::new(&mut here).poll_read(cx, &mut buf);
                Poll::Ready(AsyncRead::poll_read(Pin::new(&mut here), cx, &mut buf))
            });
            assert!(polled.await.is_pending());
            assert!(buf.filled().is_empty());
        }
        there.write(b"here").await.unwrap();
        let mut line = [0; 4];
        AsyncReadExt::read_exact(&mut here, &mut line)
            .await
            .unwrap();
        assert_eq!(&line, b"here");
    });
}

/// Reads into an empty buffer and writes no bytes, with nothing to read and no space to write.
async fn empty_transfers(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut stream = Pin::new(&mut stream);
    let polled = std::future::poll_fn(|cx| {
        let fill = [7; 4096];
        while let Poll::Ready(wrote) = stream.as_mut().poll_write(cx, &fill) {
            wrote.unwrap();
        }
        Poll::Ready(())
    });
    // Without the cooperative budget, which would end the loop as well.
    wakeful::task::unconstrained(polled).await;
    std::future::poll_fn(|cx| {
        let mut no_room = ReadBuf::new(&mut []);
        assert!(stream.as_mut().poll_read(cx, &mut no_room).is_ready());
        assert!(stream.as_mut().poll_write(cx, &[]).is_ready());
        let empty = [IoSlice::new(&[]); 3];
        assert!(stream.as_mut().poll_write_vectored(cx, &empty).is_ready());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn an_empty_transfer_is_ready_at_once() {
    run(async || {
        let (tcp, _other) = tcp_pair().await;
        empty_transfers(&tcp).await;
        empty_transfers(tcp).await;
        let (unix, _other) = UnixStream::pair().unwrap();
        empty_transfers(unix).await;
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        empty_transfers(wakeful::reactor::Async::new(socket).unwrap()).await;
    });
}

#[test]
fn libraries_on_top_of_the_traits_split_lines() {
    async fn lines(stream: TcpStream) -> Vec<String> {
        use tokio::io::AsyncBufReadExt;
        let mut lines = tokio::io::BufReader::new(stream).lines();
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push(line);
        }
        all
    }
    run(async || {
        let (here, mut there) = tcp_pair().await;
        let writer = wakeful::spawn(async move {
            let mut buffered = tokio::io::BufWriter::new(&mut there);
            buffered.write_all(b"one\ntwo\nthree").await.unwrap();
            buffered.shutdown().await.unwrap();
        });
        assert_eq!(lines(here).await, ["one", "two", "three"]);
        writer.await.unwrap();
    });
}

#[test]
fn tokio_reads_writes_and_seeks_in_a_file() {
    run(async || {
        let path = std::env::temp_dir().join(format!("wakeful-tokio-io-{}", std::process::id()));
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let mut file = options.open(&path).await.unwrap();
        wakeful::fs::remove_file(&path).await.unwrap();
        file.write_all(b"one\ntwo\nthree\n").await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 14);
        assert_eq!(file.seek(SeekFrom::Start(4)).await.unwrap(), 4);
        let mut lines = BufReader::new(file).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "two");
        let mut file = lines.into_inner();
        // Bytes in the reader's buffer are read again.
        assert_eq!(file.seek(SeekFrom::Current(-4)).await.unwrap(), 4);
        let mut rest = String::new();
        file.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "two\nthree\n");
        file.shutdown().await.unwrap();
    });
}

#[test]
fn tokio_exchanges_bytes_with_a_child() {
    run(async || {
        let mut command = wakeful::process::Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        stdin.write_all(b"a line\nand another").await.unwrap();
        stdin.shutdown().await.unwrap();
        let mut lines = BufReader::new(stdout).lines();
        for line in ["a line", "and another"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(line));
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn the_helpers_of_wakeful_io_are_those_of_tokio_also_for_a_duplex() {
    use wakeful::io::tokio::{AsyncReadExt, AsyncWriteExt, BufReader, copy};
    wakeful::block_on(async {
        let (mut client, server) = wakeful::io::duplex(4);
        let echo = wakeful::spawn(async move {
            let (mut read, mut write) = wakeful::io::tokio::split(server);
            let n = copy(&mut read, &mut write).await.unwrap();
            write.shutdown().await.unwrap();
            n
        });
        client.write_all(b"ab\n").await.unwrap();
        // tokio's `shutdown` is the end for the reader.
        client.shutdown().await.unwrap();
        let mut text = String::new();
        BufReader::new(client)
            .read_to_string(&mut text)
            .await
            .unwrap();
        assert_eq!((text.as_str(), echo.await.unwrap()), ("ab\n", 3));
    });
}
