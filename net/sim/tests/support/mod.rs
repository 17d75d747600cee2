//! Hosts that the tests share.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::any::Any;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use wakeful::net::TcpListener;

/// Any address, and a port that the system chooses.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The address with a port. Simulated ports collide with no others.
pub(crate) fn port(port: u16) -> SocketAddr {
    SocketAddr::new(ANY.ip(), port)
}

/// Sends back what it receives, on port 7.
pub(crate) async fn echo() -> io::Result<()> {
    let listener = TcpListener::bind(port(7)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        wakeful::spawn(async move {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..n]).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Returns the message of a panic.
pub(crate) fn message_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}
