//! The client: `small-redis-cli ADDRESS COMMAND [ARGUMENT]...`.

use small_redis::client::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(addr), request) = (arguments.next(), arguments.collect::<Vec<_>>()) else {
        eprintln!("usage: small-redis-cli ADDRESS COMMAND [ARGUMENT]...");
        std::process::exit(2);
    };
    let mut client = Client::connect(addr).await?;
    println!("{:?}", client.call(request).await?);
    Ok(())
}
