use wakeful_macros as wakeful;

#[wakeful::main(start_paused = true)]
async fn main() {}
