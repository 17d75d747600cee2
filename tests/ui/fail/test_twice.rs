use wakeful_macros as wakeful;

#[wakeful::test]
#[test]
async fn twice() {}

fn main() {}
