//! The descriptor is closed while an `Async` that borrows it is alive.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use wakeful::reactor::Async;

fn main() {
    wakeful::block_on(async {
        let (socket, _other) = UnixStream::pair().unwrap();
        let _watched = Async::new(socket.as_fd()).unwrap();
        drop(socket);
    });
}
