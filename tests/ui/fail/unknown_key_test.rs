use wakeful_macros as wakeful;

#[wakeful::test(max_poll = 10)]
async fn slow() {}

fn main() {}
