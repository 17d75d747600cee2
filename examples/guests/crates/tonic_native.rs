//! The same without tonic's feature `transport`, over sockets of Wakeful.

use tonic::service::Routes;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use wakeful::net::TcpListener;
use wakeful_hyper::{Client, serve};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (_, service) = tonic_health::server::health_reporter();
    let server = wakeful::spawn(async { serve(listener, Routes::new(service)).await });
    let client = Client::builder().http2_only().build();
    let mut health = HealthClient::with_origin(client, url.parse()?);
    let service = String::new();
    let reply = health.check(HealthCheckRequest { service }).await?;
    server.abort();
    Ok(format!("{:?}", reply.into_inner().status()))
}
