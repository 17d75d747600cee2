use wakeful_macros as wakeful;

#[wakeful::main(crate = 7)]
async fn main() {}
