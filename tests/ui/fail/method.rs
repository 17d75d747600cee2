use wakeful_macros as wakeful;

struct Server;

impl Server {
    #[wakeful::main]
    async fn start(&self) {}
}

fn main() {}
