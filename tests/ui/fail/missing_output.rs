use wakeful_macros as wakeful;

#[path = "../stand_in.rs"]
mod stand_in;

#[wakeful::main(crate = stand_in)]
async fn main() -> Result<(), std::num::ParseIntError> {
    let _: u16 = "8080".parse()?;
}
