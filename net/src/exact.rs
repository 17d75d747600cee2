//! Reads and writes of a whole buffer, in as many operations as necessary.

use std::io;

use wakeful_core::reactor::{Interest, Source};

/// Calls `read` until `buf` is full.
///
/// An empty buffer is passed to [`Source::transfer`] too, so that a loop of such reads consumes the
/// cooperative budget.
pub(crate) async fn read_exact(
    source: &Source,
    buf: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let mut done = 0;
    loop {
        let rest = &mut buf[done..];
        let n = source
            .transfer(Interest::READABLE, rest.is_empty(), || read(rest))
            .await?;
        done += n;
        if done == buf.len() {
            return Ok(());
        }
        if n == 0 {
            let text = format!("the input ends after {done} of {} bytes", buf.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
    }
}

/// Calls `write` until all of `buf` is written.
///
/// An empty buffer is passed to [`Source::transfer`] too, so that a loop of such writes consumes
/// the cooperative budget.
pub(crate) async fn write_all(
    source: &Source,
    buf: &[u8],
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    let mut done = 0;
    loop {
        let rest = &buf[done..];
        let n = source
            .transfer(Interest::WRITABLE, rest.is_empty(), || write(rest))
            .await?;
        done += n;
        if done == buf.len() {
            return Ok(());
        }
        if n == 0 {
            let text = format!("a write returned 0 after {done} of {} bytes", buf.len());
            return Err(io::Error::new(io::ErrorKind::WriteZero, text));
        }
    }
}
