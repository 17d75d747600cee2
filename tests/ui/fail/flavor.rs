use wakeful_macros as wakeful;

#[wakeful::main(flavor = "current_thread")]
async fn main() {}
