//! The module without the feature `web`: the same names, and an error that says what is missing.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::What;
use crate::case::{Peer as Runtime, Took};
use crate::net::peers::Peer;

pub const PACKAGES: &[&str] = &[];
pub const OPTIONS: &str = "";

fn missing() -> io::Error {
    io::Error::other(
        "this program was built without the feature `web`: build it with `--features web`",
    )
}

pub fn serve(_: Peer, _: TcpListener, _: What) -> io::Result<()> {
    Err(missing())
}

pub fn check(_: What, _: SocketAddr) -> io::Result<()> {
    Err(missing())
}

pub fn reqwest(_: Runtime, _: SocketAddr, _: usize, _: Duration) -> io::Result<(Took, u64)> {
    Err(missing())
}
