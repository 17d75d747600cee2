//! One call before the load, as its program does not look at the bodies of the answers.

use std::io;
use std::net::SocketAddr;

use tonic::transport::Channel;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::What;
use crate::net::peers;

/// Returns an error unless the server answers a call over HTTP/2 as it should.
pub fn check(what: What, address: SocketAddr) -> io::Result<()> {
    let result = peers::tokio(async {
        match what {
            What::Hyper | What::Axum => get(what, address).await,
            What::Tonic => call(address).await,
        }
    });
    result.map_err(|error| {
        let path = what.page().path;
        io::Error::other(format!("a call of http://{address}{path}: {error}"))
    })
}

async fn get(what: What, address: SocketAddr) -> io::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .map_err(io::Error::other)?;
    let url = format!("http://{address}{}", what.page().path);
    let response = client.get(url).send().await.map_err(io::Error::other)?;
    let body = response.text().await.map_err(io::Error::other)?;
    match body == what.page().body {
        true => Ok(()),
        false => Err(io::Error::other(format!("the body is {body:?}"))),
    }
}

async fn call(address: SocketAddr) -> io::Result<()> {
    let channel = Channel::from_shared(format!("http://{address}"))
        .map_err(io::Error::other)?
        .connect()
        .await
        .map_err(io::Error::other)?;
    let request = HealthCheckRequest::default();
    let answer = HealthClient::new(channel).check(request).await;
    let status = answer.map_err(io::Error::other)?.into_inner().status;
    match status == ServingStatus::Serving as i32 {
        true => Ok(()),
        false => Err(io::Error::other(format!("the status is {status}"))),
    }
}
