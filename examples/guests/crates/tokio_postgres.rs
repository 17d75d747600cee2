//! `tokio_postgres::connect` connects a socket of tokio. The connection is a local task.

use tokio_postgres::NoTls;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let url = format!("postgres://postgres@{server}/postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    let connection = wakeful::spawn(connection);
    let row = client.query_one("SELECT 6 * 7", &[]).await?;
    drop(client);
    connection.await??;
    Ok(row.get::<_, i32>(0).to_string())
}
