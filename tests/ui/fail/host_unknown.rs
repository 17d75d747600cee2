use wakeful_macros as wakeful;

#[wakeful::main(host = "glib")]
async fn main() {}
