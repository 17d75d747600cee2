use wakeful_macros as wakeful;

#[wakeful::test(start_paused)]
async fn paused() {}

fn main() {}
