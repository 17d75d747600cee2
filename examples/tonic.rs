//! gRPC with tonic on Wakeful, a server and a client: `cargo run --example tonic --features tonic`,
//! then `cargo run --example tonic --features tonic -- --check http://127.0.0.1:7000`.
//!
//! Both use tonic without its feature `transport`, which needs tokio. The service is tonic's own
//! for health checks. One that is generated from a file of yours is used in the same way.

use std::process::ExitCode;
use std::time::Duration;

use hyper::Uri;
use tonic::Status;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use wakeful::signal::unix::{SignalKind, signal};
use wakeful::time::sleep;
use wakeful_examples::{Args, BoxError, listen, raise_descriptor_limit, with_causes};
use wakeful_hyper::{Client, serve};

const USAGE: &str = "\
usage: tonic [ADDRESS]
       tonic --check URL [--service NAME] [--updates N]

The first form serves gRPC's health checks at ADDRESS (127.0.0.1:7000): the whole server and the
service `shop` are up, and `lamp` goes on and off every 100 ms. On SIGTERM it answers the requests
that it has received, and ends. The second form asks the server at URL for the status of a service
(the whole server), and with `--updates` for N changes of it.";

#[wakeful::main]
async fn main() -> ExitCode {
    let mut args = Args::from_env(USAGE);
    let url = args.option("--check", Uri::default());
    let service = args.option("--service", String::new());
    let updates: usize = args.option("--updates", 0);
    let done = match url.host() {
        Some(_) => {
            args.finish();
            check(url, service, updates).await
        }
        None => {
            let address = args.address("ADDRESS", "127.0.0.1:7000");
            args.finish();
            run(&address).await.map_err(BoxError::from)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM.
async fn run(address: &str) -> std::io::Result<()> {
    raise_descriptor_limit();
    let mut terminate = signal(SignalKind::terminate())?;
    let reporter = HealthReporter::new();
    reporter
        .set_service_status("shop", ServingStatus::Serving)
        .await;
    reporter
        .set_service_status("lamp", ServingStatus::Serving)
        .await;
    let service = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    wakeful::spawn(blink(reporter));
    serve(listen(address).await, Routes::new(service))
        .on_error(|peer, error| eprintln!("{peer}: {}", with_causes(&*error)))
        .with_graceful_shutdown(async move { _ = terminate.recv().await })
        // A client that watches a service does not end by itself.
        .shutdown_timeout(Duration::from_secs(2))
        .await
}

async fn blink(reporter: HealthReporter) {
    for status in [ServingStatus::NotServing, ServingStatus::Serving]
        .into_iter()
        .cycle()
    {
        sleep(Duration::from_millis(100)).await;
        reporter.set_service_status("lamp", status).await;
    }
}

/// Prints the status of a service, and its changes.
async fn check(url: Uri, service: String, updates: usize) -> Result<(), BoxError> {
    // gRPC is HTTP/2, here without TLS.
    let client = Client::builder().http2_only().build();
    let mut client = HealthClient::with_origin(client, url);
    let request = HealthCheckRequest { service };
    let answer = client.check(request.clone()).await?.into_inner();
    println!("{:?}", answer.status());
    if updates > 0 {
        let mut watched = client.watch(request).await?.into_inner();
        for _ in 0..updates {
            let ended = || Status::aborted("the server has ended the stream");
            let update = watched.message().await?.ok_or_else(ended)?;
            println!("{:?}", update.status());
        }
    }
    Ok(())
}
