//! Every public type of `wakeful-net` can be used after a caught panic.

use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::task::{Context, RawWakerVTable, Waker};

use futures_util::StreamExt;
use wakeful::net::shard::{Acceptor, Balance, Connection, Open, TcpListeners};
use wakeful::net::unix::{UCred, pipe};
use wakeful::net::{
    Interest, Ready, TcpKeepalive, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram,
    UnixListener, UnixSocket, UnixStream, shard, tcp, unix,
};

#[path = "support/net.rs"]
mod support;
use support::run;

const fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

// The compiler checks these.
const _: () = {
    is_unwind_safe::<TcpSocket>();
    is_unwind_safe::<TcpKeepalive>();
    is_unwind_safe::<TcpListener>();
    is_unwind_safe::<tcp::Incoming<'_>>();
    is_unwind_safe::<TcpStream>();
    is_unwind_safe::<tcp::OwnedReadHalf>();
    is_unwind_safe::<tcp::OwnedWriteHalf>();
    is_unwind_safe::<tcp::ReadHalf<'_>>();
    is_unwind_safe::<tcp::WriteHalf<'_>>();
    is_unwind_safe::<tcp::ReuniteError>();
    is_unwind_safe::<UdpSocket>();
    is_unwind_safe::<UnixListener>();
    is_unwind_safe::<unix::Incoming<'_>>();
    is_unwind_safe::<UnixStream>();
    is_unwind_safe::<unix::OwnedReadHalf>();
    is_unwind_safe::<unix::OwnedWriteHalf>();
    is_unwind_safe::<unix::ReadHalf<'_>>();
    is_unwind_safe::<unix::WriteHalf<'_>>();
    is_unwind_safe::<unix::ReuniteError>();
    is_unwind_safe::<UnixSocket>();
    is_unwind_safe::<unix::SocketAddr>();
    is_unwind_safe::<UCred>();
    is_unwind_safe::<UnixDatagram>();
    is_unwind_safe::<pipe::Sender>();
    is_unwind_safe::<pipe::Receiver>();
    is_unwind_safe::<pipe::OpenOptions>();
    is_unwind_safe::<Interest>();
    is_unwind_safe::<Ready>();
    is_unwind_safe::<TcpListeners>();
    is_unwind_safe::<Acceptor>();
    is_unwind_safe::<shard::Incoming>();
    is_unwind_safe::<Connection>();
    is_unwind_safe::<Open>();
    is_unwind_safe::<Balance>();
};

/// A waker whose clone panics.
fn panicking() -> Waker {
    const TABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a foreign waker panics"), |_| {}, |_| {}, |_| {});
    // SAFETY: there is no data, and the functions that don't panic do nothing.
    unsafe { Waker::new(std::ptr::null(), &TABLE) }
}

#[track_caller]
fn panics<R>(f: impl FnOnce() -> R + UnwindSafe) {
    assert!(catch_unwind(|| _ = f()).is_err());
}

#[test]
fn a_listener_accepts_after_a_waker_panicked() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connect = || std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut incoming = listener.incoming();
        panics(|| listener.poll_accept(&mut Context::from_waker(&panicking())));
        let stream = &mut incoming;
        panics(AssertUnwindSafe(|| {
            stream.poll_next_unpin(&mut Context::from_waker(&panicking()))
        }));
        let _clients = [connect(), connect()];
        incoming.next().await.unwrap().unwrap();
        listener.accept().await.unwrap();
    });
}
