//! The owner of the descriptor is dropped at the end of its scope, before the `Async` on it.

use std::os::fd::OwnedFd;

use wakeful::reactor::Async;

fn main() {
    wakeful::block_on(async {
        let _watched;
        let socket = OwnedFd::from(std::io::pipe().unwrap().0);
        _watched = Async::new(&socket).unwrap();
    });
}
