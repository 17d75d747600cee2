//! A program: attributes and visibility stay, `?` works, the output is the program's.
#[path = "../stand_in.rs"]
mod stand_in;

/// Documented.
#[wakeful_macros::main(crate = stand_in)]
#[allow(clippy::unnecessary_wraps)]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let answer: u8 = "42".parse()?;
    assert_eq!(answer, 42);
    Ok(())
}
