use wakeful_macros as wakeful;

#[wakeful::main(host = "tokio", start_paused = true)]
async fn main() {}
