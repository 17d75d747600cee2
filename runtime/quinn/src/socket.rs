//! The socket of an endpoint.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, UdpPoller};
use wakeful_core::ThreadBound;
use wakeful_core::reactor::Async;

/// Socket whose waits belong to the loop of its thread. What needs no wait works on each thread:
/// quinn refuses connections on that of the caller.
pub(crate) struct Socket {
    socket: Arc<UdpSocket>,
    state: UdpSocketState,
    /// The registration with the reactor. It owns the socket as well, so that the descriptor is
    /// still open when it is deregistered.
    waits: ThreadBound<Async<Arc<UdpSocket>>>,
}

impl Socket {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Socket> {
        // Sets the socket's options, and makes it nonblocking.
        let state = UdpSocketState::new((&socket).into())?;
        let socket = Arc::new(socket);
        let waits = ThreadBound::new(Async::new(socket.clone())?);
        Ok(Socket {
            socket,
            state,
            waits,
        })
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller {
            socket: self,
            wait: None,
        })
    }

    /// Sends the datagrams of `transmit`, several in one call. As in quinn's own sockets, an error
    /// other than `WouldBlock` is logged by `quinn-udp` and counts as a lost datagram.
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let send = |socket: &Arc<UdpSocket>| self.state.send((&**socket).into(), transmit);
        match self.waits.try_get() {
            Some(waits) => waits.try_write_with(send),
            None => send(&self.socket),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.waits
            .poll_read_with(cx, |socket| self.state.recv((&**socket).into(), bufs, meta))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

type Wait = ThreadBound<Pin<Box<dyn Future<Output = io::Result<()>>>>>;

/// The wait of one connection until the socket is writable. Each has a waker of its own.
struct Poller {
    socket: Arc<Socket>,
    wait: Option<Wait>,
}

impl UdpPoller for Poller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Usually it is writable, and then nothing is allocated.
        if self.wait.is_none() {
            match self.socket.waits.try_write_with(|_| Ok(())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            let socket = self.socket.clone();
            let wait: Pin<Box<dyn Future<Output = _>>> =
                Box::pin(async move { socket.waits.writable().await });
            self.wait = Some(ThreadBound::new(wait));
        }
        let wait = self.wait.as_mut().expect("it was just made");
        let result = Pin::new(wait).poll(cx);
        if result.is_ready() {
            self.wait = None;
        }
        result
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::task::Waker;

    fn socket() -> Arc<Socket> {
        Arc::new(Socket::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap())
    }

    #[test]
    fn several_datagrams_go_into_one_call() {
        wakeful_core::block_on(async {
            let socket = socket();
            let bare = UdpSocket::bind("127.0.0.1:0").unwrap();
            let bare = UdpSocketState::new((&bare).into()).unwrap();
            assert_eq!(socket.max_transmit_segments(), bare.max_gso_segments());
            assert_eq!(socket.max_receive_segments(), bare.gro_segments());
            assert_eq!(socket.may_fragment(), bare.may_fragment());
            assert!(bare.max_gso_segments() > 1, "this kernel has no GSO");
        });
    }

    #[test]
    fn each_poller_is_woken_when_the_socket_becomes_writable() {
        wakeful_core::block_on(async {
            let socket = socket();
            let mut pollers = [(); 2].map(|()| socket.clone().create_io_poller());
            let mut cx = Context::from_waker(Waker::noop());
            let full = |_: &Arc<UdpSocket>| Err::<(), _>(io::ErrorKind::WouldBlock.into());
            // Until the first turn of the reactor the socket counts as not writable.
            socket.waits.writable().await.unwrap();
            assert!(pollers[0].as_mut().poll_writable(&mut cx).is_ready());
            socket.waits.try_write_with(full).unwrap_err();
            let waits = pollers.map(|mut poller| {
                wakeful_core::spawn(async move {
                    std::future::poll_fn(|cx| poller.as_mut().poll_writable(cx)).await
                })
            });
            wakeful_core::task::yield_now().await;
            assert!(waits.iter().all(|wait| !wait.is_finished()));
            // The kernel reports the space of a datagram that was sent.
            let to = socket.local_addr().unwrap();
            socket.socket.send_to(b"a datagram", to).unwrap();
            for wait in waits {
                wait.await.unwrap().unwrap();
            }
        });
    }
}
