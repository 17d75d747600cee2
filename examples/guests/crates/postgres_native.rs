//! `connect_raw` over a socket of Wakeful, with the feature `tokio-io`.

use tokio_postgres::{Config, NoTls};
use wakeful::net::TcpStream;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let mut config = Config::new();
    config.user("postgres").dbname("postgres");
    let stream = TcpStream::connect(server).await?;
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    let connection = wakeful::spawn(connection);
    let row = client.query_one("SELECT 6 * 7", &[]).await?;
    drop(client);
    connection.await??;
    Ok(row.get::<_, i32>(0).to_string())
}
