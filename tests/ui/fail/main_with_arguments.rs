use wakeful_macros as wakeful;

#[wakeful::main]
async fn main(port: u16) {
    let _ = port + 1;
}
