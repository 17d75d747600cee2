use wakeful_macros as wakeful;

#[wakeful::test(max_poll = "5 parsecs")]
async fn stuck() {}

fn main() {}
