use wakeful_macros as wakeful;

#[wakeful::test(start_paused = "true")]
async fn paused() {}

fn main() {}
