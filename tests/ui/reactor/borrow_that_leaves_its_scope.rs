//! The owner of the descriptor is dropped before the `Async` that borrows it, at the end of their scope.

use std::os::unix::net::UnixStream;

use wakeful::reactor::Async;

fn main() {
    wakeful::block_on(async {
        let _watched;
        let (socket, _other) = UnixStream::pair().unwrap();
        _watched = Async::new(&socket).unwrap();
    });
}
