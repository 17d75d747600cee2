use wakeful_macros as wakeful;

#[wakeful::test(start_paused = true, crate = wakeful, start_paused = true)]
async fn twice() {}

fn main() {}
