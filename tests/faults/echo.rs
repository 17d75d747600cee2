//! Echo: all bytes that a client sends are returned, up to the end of the stream.

use std::future::Future;
use std::io::{IoSlice, IoSliceMut};
use std::pin::Pin;
use std::rc::Rc;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wakeful::net::{TcpListener, TcpStream, UnixStream};
use wakeful::task::JoinSet;

use crate::campaign::Dice;

pub fn run(mut dice: Dice) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        if dice.below(3) == 0 {
            unix(&mut dice).await;
        } else {
            tcp(&mut dice).await;
        }
    })
}

async fn tcp(dice: &mut Dice) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let clients = 1 + dice.below(3);
    let mut set = JoinSet::new();
    for _ in 0..clients {
        let dice = dice.fork();
        set.spawn(async move { client(TcpStream::connect(addr).await.unwrap(), dice).await });
    }
    for _ in 0..clients {
        let (stream, _) = listener.accept().await.unwrap();
        let dice = dice.fork();
        set.spawn(server(stream, dice));
    }
    set.join_all().await;
}

async fn unix(dice: &mut Dice) {
    let (here, there) = UnixStream::pair().unwrap();
    let mut set = JoinSet::new();
    set.spawn(server(there, dice.fork()));
    set.spawn(client(here, dice.fork()));
    set.join_all().await;
}

async fn server<S>(stream: S, mut dice: Dice)
where
    for<'a> &'a S: AsyncRead + AsyncWrite,
{
    let mut buf = vec![0; 1 + dice.below(2000)];
    loop {
        let n = (&stream).read(&mut buf).await.unwrap();
        if n == 0 {
            break;
        }
        (&stream).write_all(&buf[..n]).await.unwrap();
    }
    (&stream).close().await.unwrap();
}

async fn client<S: 'static>(stream: S, mut dice: Dice)
where
    for<'a> &'a S: AsyncRead + AsyncWrite,
{
    let len = match dice.below(8) {
        // More than the buffers of the kernel hold, so that writes wait for space.
        0 => 400_000 + dice.below(400_000),
        _ => dice.below(6000),
    };
    let sent: Rc<[u8]> = dice.bytes(len).into();
    let stream = Rc::new(stream);
    let writer = wakeful::spawn(write(stream.clone(), sent.clone(), dice.fork()));
    let mut got = Vec::new();
    let mut buf = vec![0; 1 + dice.below(40_000)];
    loop {
        let n = if dice.below(2) == 0 {
            (&*stream).read(&mut buf).await.unwrap()
        } else {
            let middle = buf.len() / 2;
            let (a, b) = buf.split_at_mut(middle);
            let mut parts = [IoSliceMut::new(a), IoSliceMut::new(b)];
            let first = usize::from(middle == 0);
            (&*stream).read_vectored(&mut parts[first..]).await.unwrap()
        };
        if n == 0 {
            break;
        }
        got.extend_from_slice(&buf[..n]);
    }
    assert!(got == *sent, "{} of {} bytes came back", got.len(), len);
    writer.await.unwrap();
}

async fn write<S>(stream: Rc<S>, bytes: Rc<[u8]>, mut dice: Dice)
where
    for<'a> &'a S: AsyncWrite,
{
    let most = 1 + dice.below(100_000);
    let mut left = &bytes[..];
    while !left.is_empty() {
        let piece = &left[..left.len().min(1 + dice.below(most))];
        let n = if dice.below(2) == 0 {
            (&*stream).write(piece).await.unwrap()
        } else {
            let (a, b) = piece.split_at(piece.len().div_ceil(2));
            let parts = [IoSlice::new(a), IoSlice::new(b)];
            (&*stream).write_vectored(&parts).await.unwrap()
        };
        assert!(0 < n && n <= piece.len());
        left = &left[n..];
    }
    (&*stream).close().await.unwrap();
}
