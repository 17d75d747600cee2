use wakeful_macros as wakeful;

#[wakeful::test(retries = 10)]
async fn slow() {}

fn main() {}
