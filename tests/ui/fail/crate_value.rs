use wakeful_macros as wakeful;

#[wakeful::main(crate = "not a path")]
async fn main() {}
