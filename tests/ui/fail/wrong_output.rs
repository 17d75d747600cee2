//! The error is at the user's expression, not at the attribute.
use wakeful_macros as wakeful;

#[path = "../stand_in.rs"]
mod stand_in;

#[wakeful::main(crate = stand_in)]
async fn port() -> u16 {
    let port = true;
    port
}

fn main() {
    port();
}
