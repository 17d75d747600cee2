use wakeful_macros as wakeful;

#[wakeful::main]
fn main() {
    std::future::ready(()).await;
}
