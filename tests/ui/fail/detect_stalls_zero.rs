use wakeful_macros as wakeful;

#[wakeful::test(detect_stalls = "0ms")]
async fn stuck() {}

fn main() {}
