//! What a signal handler pulls and the reactor hears: an eventfd, or a pipe where there is none.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::reactor::Async;

/// The end that the loop hears.
pub(super) struct Bell(Async<Arc<OwnedFd>>);

/// The end in the handler.
pub(super) struct Rope(Arc<OwnedFd>);

impl Bell {
    #[track_caller]
    pub(super) fn new() -> io::Result<(Bell, Rope)> {
        let (read, write) = ends()?;
        Ok((Bell(Async::new_nonblocking(read)?), Rope(write)))
    }

    /// Waits until it has been rung since it was last asked.
    pub(super) async fn rung(&self) -> io::Result<()> {
        self.0.read_with(silence).await
    }

    pub(super) fn poll_rung(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_with(cx, silence)
    }
}

/// Takes all that has been rung. A pipe may hold more than one read gives; then it has rung twice.
fn silence(fd: &Arc<OwnedFd>) -> io::Result<()> {
    let mut rings = [0; 64];
    rustix::io::read(fd, &mut rings)?;
    Ok(())
}

impl Rope {
    /// Runs in a signal handler. It can only fail when the bell is full, and then it rings anyway.
    pub(super) fn pull(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

#[cfg(target_os = "linux")]
fn ends() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
    use rustix::event::{EventfdFlags, eventfd};
    let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
    let both = Arc::new(eventfd(0, flags)?);
    Ok((both.clone(), both))
}

#[cfg(not(target_os = "linux"))]
fn ends() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
    let (read, write) = io::pipe()?;
    let (read, write) = (OwnedFd::from(read), OwnedFd::from(write));
    rustix::io::ioctl_fionbio(&read, true)?;
    rustix::io::ioctl_fionbio(&write, true)?;
    Ok((Arc::new(read), Arc::new(write)))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_is_rung_before_someone_listens_is_heard_once() {
        crate::block_on(async {
            let (bell, rope) = Bell::new().unwrap();
            for _ in 0..3 {
                (0..3).for_each(|_| rope.pull());
                bell.rung().await.unwrap();
                assert!(pin!(bell.rung()).now_or_never().is_none());
            }
        });
    }
}
