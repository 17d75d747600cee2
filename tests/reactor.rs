//! Descriptors, wakers and waiting, tested with both backends.

#[path = "reactor/borrowed.rs"]
mod borrowed;
// Linux only: these tests refuse system calls of Linux.
#[cfg(target_os = "linux")]
#[path = "reactor/old_kernel.rs"]
mod old_kernel;
#[path = "reactor/readiness.rs"]
mod readiness;
#[path = "reactor/turns.rs"]
mod turns;
#[path = "reactor/wakers.rs"]
mod wakers;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use wakeful::Runtime;
use wakeful::reactor::{Async, Backend};

/// Calls `f` with a runtime of each backend.
fn each(f: impl Fn(&Runtime)) {
    for backend in [Backend::Raw, Backend::Portable] {
        match Runtime::builder().backend(backend).build() {
            Ok(runtime) => {
                println!("{backend:?}");
                f(&runtime);
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                assert_ne!(backend, Backend::Portable, "{error}");
                println!("{backend:?} skipped: {error}");
            }
            Err(error) => panic!("{backend:?}: {error}"),
        }
    }
}

/// Runs an async test on each backend.
fn run(f: impl AsyncFn(&Runtime)) {
    each(|runtime| runtime.block_on(f(runtime)));
}

type Socket = Async<UnixStream>;

fn pair() -> (Socket, Socket) {
    let (here, there) = UnixStream::pair().expect("descriptors");
    (
        Async::new(here).expect("a socket can be registered"),
        Async::new(there).expect("a socket can be registered"),
    )
}

async fn read(socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
    socket.read_with(|mut io| io.read(buf)).await
}

async fn write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    socket.write_with(|mut io| io.write(bytes)).await
}

/// A waker that counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
