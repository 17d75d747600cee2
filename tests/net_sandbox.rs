//! Accepting in a sandbox that refuses calls. Not on 32-bit x86: there glibc accepts by
//! `socketcall`, which a filter can't tell from the other calls for sockets.

// Linux only: seccomp.
#![cfg(all(target_os = "linux", not(target_arch = "x86")))]

#[path = "support/alone.rs"]
mod alone;
#[path = "support/seccomp.rs"]
mod seccomp;
#[path = "support/net.rs"]
mod support;

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::AsFd;

use futures_util::StreamExt;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use wakeful::Shards;
use wakeful::net::shard::{Acceptor, Balance};
use wakeful::net::{TcpListener, UnixListener, UnixStream};

use alone::alone;
use seccomp::refusing;
use support::run;

#[test]
fn without_accept4_connections_are_accepted_by_accept() {
    alone("without_accept4_connections_are_accepted_by_accept", || {
        refusing(&[libc::SYS_accept4], |_| run(accept_in_every_way));
    });
}

async fn accept_in_every_way() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let connect = || StdStream::connect(addr).unwrap();
    let mut clients = [connect(), connect(), connect(), connect()];
    let streams = [
        listener.accept().await.unwrap().0,
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap().0,
        listener.try_accept().unwrap().0,
        listener.incoming().next().await.unwrap().unwrap(),
    ];
    let none = listener.try_accept().unwrap_err();
    assert_eq!(none.kind(), ErrorKind::WouldBlock);
    for (client, stream) in clients.iter_mut().zip(&streams) {
        let (flags, fd_flags) = (fcntl_getfl(stream), fcntl_getfd(stream.as_fd()));
        assert!(flags.unwrap().contains(OFlags::NONBLOCK));
        assert!(fd_flags.unwrap().contains(FdFlags::CLOEXEC));
        client.write_all(b"ping").unwrap();
        let mut buf = [0; 8];
        assert_eq!(stream.read(&mut buf).await.unwrap(), 4);
    }

    let listener = UnixListener::bind("").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = UnixStream::connect_addr(&addr).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    stream.write(b"x").await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 1);
}

/// Refuses both calls, which nothing replaces.
#[cfg(not(target_arch = "s390x"))]
const BOTH: [libc::c_long; 2] = [libc::SYS_accept4, libc::SYS_accept];
// There `accept` is `accept4` without flags.
#[cfg(target_arch = "s390x")]
const BOTH: [libc::c_long; 1] = [libc::SYS_accept4];

#[track_caller]
fn assert_names_the_calls(error: &io::Error, number: libc::c_int) {
    let text = error.to_string();
    assert!(text.contains("`accept4` and `accept`"), "{text}");
    assert!(text.contains("sandbox"), "{text}");
    assert_eq!(wakeful::raw_os_error(error), Some(number), "{text}");
}

#[test]
fn a_refused_accept_is_an_error_each_time() {
    alone("a_refused_accept_is_an_error_each_time", || {
        refusing(&BOTH, |number| {
            run(async || {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let _client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
                for _ in 0..2 {
                    assert_names_the_calls(&listener.accept().await.unwrap_err(), number);
                    let polled = poll_fn(|cx| listener.poll_accept(cx)).await;
                    assert_names_the_calls(&polled.unwrap_err(), number);
                    assert_names_the_calls(&listener.try_accept().unwrap_err(), number);
                    let next = listener.incoming().next().await.unwrap();
                    assert_names_the_calls(&next.unwrap_err(), number);
                }
            });
        });
    });
}

#[test]
fn a_refused_accept_ends_the_acceptor_of_shards_with_its_error() {
    let test = "a_refused_accept_ends_the_acceptor_of_shards_with_its_error";
    alone(test, || {
        refusing(&BOTH, |_| {
            let acceptor = Acceptor::bind("127.0.0.1:0", 2, Balance::RoundRobin).unwrap();
            let mut client = StdStream::connect(acceptor.local_addr()).unwrap();
            let shards = Shards::builder().shards(2).build().unwrap();
            shards.try_on_each(move |shard| {
                let incoming = acceptor.join(&shard);
                async move {
                    let error = incoming?.accept().await.unwrap().unwrap_err();
                    assert!(error.to_string().contains("sandbox"), "{error}");
                    io::Result::Ok(())
                }
            });
            shards.join().unwrap();
            // The listener is closed, and its queue with it.
            assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
        });
    });
}
