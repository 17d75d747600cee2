use wakeful_macros as wakeful;

trait Server {
    #[wakeful::main]
    async fn start();
}

fn main() {}
