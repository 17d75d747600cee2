use wakeful_macros as wakeful;

#[wakeful::test(name = " ")]
async fn named() {}

fn main() {}
