//! A pool of connections to PostgreSQL. The feature `runtime-tokio` of `sqlx` is enabled.

use sqlx::postgres::PgPoolOptions;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let url = format!("postgres://postgres@{server}/postgres");
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect(&url)
        .await?;
    let (sum,): (i64,) = sqlx::query_as("SELECT sum(n) FROM generate_series(1, 10) AS n")
        .fetch_one(&pool)
        .await?;
    pool.close().await;
    Ok(sum.to_string())
}
