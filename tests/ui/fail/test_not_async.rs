use wakeful_macros as wakeful;

#[wakeful::test]
fn plain() {}

fn main() {}
