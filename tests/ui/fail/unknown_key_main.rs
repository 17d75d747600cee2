use wakeful_macros as wakeful;

#[wakeful::main(max_poll = "5ms")]
async fn main() {}
