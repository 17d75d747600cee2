//! The owner of the descriptor is dropped at the end of its scope, before the `Async` on it.

use std::os::unix::net::UnixStream;

use wakeful::reactor::Async;

fn main() {
    wakeful::block_on(async {
        let _watched;
        let (socket, _other) = UnixStream::pair().unwrap();
        _watched = Async::new(&socket).unwrap();
    });
}
