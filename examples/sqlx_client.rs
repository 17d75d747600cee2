//! A pool of connections to PostgreSQL with the crate `sqlx`: `cargo run --example sqlx_client
//! --features databases -- postgres://postgres@127.0.0.1/postgres`.
//!
//! With its feature `runtime-smol` sqlx opens the sockets, on a thread of `async-io`, and its own
//! tasks run on another thread. Its futures are woken from there, so they run in any task.

use std::rc::Rc;

use futures_util::future::try_join_all;
use sqlx::Row;
use sqlx::postgres::PgPoolOptions;
use wakeful_examples::{Args, BoxError};

const USAGE: &str = "\
usage: sqlx_client [URL]

Asks the PostgreSQL server at URL (postgres://postgres@127.0.0.1/postgres) in several tasks.";

#[wakeful::main]
async fn main() -> Result<(), BoxError> {
    let mut args = Args::from_env(USAGE);
    let url = args.next("URL", "postgres://postgres@127.0.0.1/postgres".to_string());
    args.finish();
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .connect(&url)
        .await?;

    let squares = (1..=20).map(|number: i64| {
        // A local task: it holds an `Rc`.
        let (pool, number) = (pool.clone(), Rc::new(number));
        wakeful::spawn(async move {
            let query = sqlx::query("SELECT $1 * $1").bind(*number);
            let row = query.fetch_one(&pool).await?;
            assert_eq!(row.try_get::<i64, _>(0)?, *number * *number);
            Ok::<_, sqlx::Error>(())
        })
    });
    for square in try_join_all(squares).await? {
        square?;
    }
    println!("20 queries in 20 tasks over {} connections", pool.size());

    let error = sqlx::query("SELECT 1 / 0")
        .execute(&pool)
        .await
        .unwrap_err();
    println!("an error of the server: {error}");
    pool.close().await;
    Ok(())
}
