//! The cases. In each file the peers' code stands side by side; what is the same for all of them
//! is a macro above it, which takes the peer's own calls.

mod spawn;

use crate::case::Case;

pub fn all() -> Vec<&'static Case> {
    let micro = [spawn::CASES].into_iter().flatten();
    micro.chain(crate::net::CASES).collect()
}
