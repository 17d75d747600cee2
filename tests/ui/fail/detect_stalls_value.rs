use wakeful_macros as wakeful;

#[wakeful::test(detect_stalls = true)]
async fn stuck() {}

fn main() {}
