//! `reqwest`, `tonic` and `sqlx` in local tasks of Wakeful, on one thread: a tokio runtime drives
//! Wakeful's loop. The servers of the first two are in the same thread, too.
//!
//! `cargo run --example guest_clients -- postgres://user@127.0.0.1:5432/postgres`

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use wakeful::net::TcpListener;
use wakeful_guests::{serve, threads};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[wakeful::main(host = "tokio")]
async fn main() -> Result<()> {
    let database = std::env::args()
        .nth(1)
        .ok_or("give the URL of a PostgreSQL server")?;
    // It is not `Send`, and needs no lock.
    let replies = Rc::new(RefCell::new(Vec::new()));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    drop(wakeful::spawn(serve(listener)));
    let http = wakeful::spawn({
        let replies = replies.clone();
        async move {
            let client = reqwest::Client::new();
            for _ in 0..3 {
                let reply = client.get(&url).send().await?.text().await?;
                replies
                    .borrow_mut()
                    .push(format!("reqwest: {}", reply.trim()));
            }
            reqwest::Result::Ok(())
        }
    });

    let url = format!("http://{}", health_server().await?);
    let grpc = wakeful::spawn({
        let replies = replies.clone();
        async move {
            let channel = Endpoint::new(url)?.connect().await?;
            let mut client = HealthClient::new(channel);
            let service = String::new();
            let reply = client.check(HealthCheckRequest { service }).await?;
            replies
                .borrow_mut()
                .push(format!("tonic: {:?}", reply.into_inner().status()));
            Result::Ok(())
        }
    });

    let sql = wakeful::spawn({
        let replies = replies.clone();
        async move {
            let mut connection = PgConnection::connect(&database).await?;
            let (sum,): (i64,) = sqlx::query_as("SELECT sum(n) FROM generate_series(1, 10) AS n")
                .fetch_one(&mut connection)
                .await?;
            replies.borrow_mut().push(format!("sqlx: {sum}"));
            connection.close().await
        }
    });

    http.await??;
    grpc.await??;
    sql.await??;
    for reply in replies.borrow().iter() {
        println!("{reply}");
    }
    println!("threads: {}", threads()?);
    Ok(())
}

/// Starts the health service of `tonic`, as a task of tokio. Returns its address.
async fn health_server() -> Result<std::net::SocketAddr> {
    let (_, service) = tonic_health::server::health_reporter();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tonic::transport::Server::builder().add_service(service);
    drop(tokio::spawn(
        server.serve_with_incoming(TcpListenerStream::new(listener)),
    ));
    Ok(address)
}
