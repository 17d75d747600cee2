use wakeful_macros as wakeful;

#[wakeful::test]
async fn port(_: u16) {}

fn main() {}
