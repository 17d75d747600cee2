//! gRPC: a client and the health service, in one thread.

use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (_, service) = tonic_health::server::health_reporter();
    let server = Server::builder().add_service(service);
    let server = server.serve_with_incoming(TcpListenerStream::new(listener));
    let client = async {
        let channel = Endpoint::new(url)?.connect().await?;
        let service = String::new();
        let request = HealthCheckRequest { service };
        let reply = HealthClient::new(channel).check(request).await?;
        Ok(format!("{:?}", reply.into_inner().status()))
    };
    wakeful::select! {
        ended = server => Err(format!("the server has ended: {ended:?}").into()),
        reply = client => reply,
    }
}
