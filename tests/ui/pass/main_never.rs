//! A program that ends by `exit`.
#[path = "../stand_in.rs"]
mod stand_in;

#[wakeful_macros::main(crate = stand_in)]
async fn main() -> ! {
    std::process::exit(0)
}
