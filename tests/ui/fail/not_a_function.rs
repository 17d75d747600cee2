use wakeful_macros as wakeful;

#[wakeful::main]
struct Server;

fn main() {}
