//! gRPC by tonic over `wakeful_hyper`: both ends of ours, and each end with tonic's own transport on
//! tokio as the other.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::Uri;
use hyper::http;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::StdError;
use tonic::server::{NamedService, StreamingService};
use tonic::service::Routes;
use tonic::transport::{Channel, Server, server::TcpIncoming};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest as Message;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_prost::ProstCodec;
use tower::Service;
use wakeful::ThreadBound;
use wakeful::net::TcpListener;
use wakeful::sync::CancellationToken;
use wakeful_hyper::{Client, serve, serve_make_service};

/// A service that sends each message back, as generated code does it.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl<B> Service<http::Request<B>> for Echo
where
    B: hyper::body::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        Box::pin(async {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Message, Message>::default());
            Ok(grpc.streaming(Echo, request).await)
        })
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

impl StreamingService<Message> for Echo {
    type Response = Message;
    type ResponseStream = Messages;
    type Future = Ready<Result<Response<Messages>, Status>>;

    fn call(&mut self, request: Request<Streaming<Message>>) -> Self::Future {
        ready(Ok(Response::new(Box::pin(request.into_inner()))))
    }
}

async fn routes() -> (HealthReporter, Routes) {
    let reporter = HealthReporter::new();
    reporter
        .set_service_status("shop", ServingStatus::Serving)
        .await;
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    (reporter, Routes::new(health).add_service(Echo))
}

/// Starts a server of ours, and returns a client's service for it and its URL.
async fn ours() -> (HealthReporter, Uri, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (reporter, routes) = routes().await;
    let stop = CancellationToken::new();
    let server = serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    wakeful::spawn(server.into_future());
    (reporter, url.parse().unwrap(), stop)
}

fn client() -> Client {
    Client::builder().http2_only().build()
}

fn message(service: impl Into<String>) -> Message {
    Message {
        service: service.into(),
    }
}

/// What a client of any transport sees of a server of any transport.
macro_rules! talk {
    ($service:expr, $url:expr) => {{
        let mut health = HealthClient::with_origin($service, $url.clone());
        let answer = health.check(message("shop")).await.unwrap();
        assert_eq!(answer.into_inner().status, 1);
        let error = health.check(message("nothing")).await.unwrap_err();
        assert_eq!(error.code(), Code::NotFound, "{error}");

        let mut grpc = Grpc::with_origin($service, $url.clone());
        let path = http::uri::PathAndQuery::from_static("/test.Echo/Echo");
        grpc.ready().await.unwrap();
        // More than the windows hold.
        let long = "x".repeat(100_000);
        let messages = stream::iter(0..50).map(move |n| message(format!("{n} {long}")));
        let codec = ProstCodec::<Message, Message>::default();
        let answer = grpc
            .streaming(Request::new(messages), path, codec)
            .await
            .unwrap();
        let mut answers = answer.into_inner();
        let mut next = 0;
        while let Some(answer) = answers.message().await.unwrap() {
            assert!(answer.service.starts_with(&format!("{next} x")));
            next += 1;
        }
        assert_eq!(next, 50);
    }};
}

#[wakeful::test]
async fn a_client_and_a_server_of_ours() {
    let (_reporter, url, _stop) = ours().await;
    talk!(client(), url);
}

#[wakeful::test]
async fn each_message_is_answered_before_the_next_is_sent() {
    let (_reporter, url, _stop) = ours().await;
    let (sender, receiver) = wakeful::sync::mpsc::channel(1);
    // tonic requires streams that are `Send`.
    let messages = ThreadBound::new(stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|message| (message, receiver))
    }));
    let mut grpc = Grpc::with_origin(client(), url);
    let path = http::uri::PathAndQuery::from_static("/test.Echo/Echo");
    grpc.ready().await.unwrap();
    let codec = ProstCodec::<Message, Message>::default();
    let answer = grpc.streaming(Request::new(Box::pin(messages)), path, codec);
    let mut answers = answer.await.unwrap().into_inner();
    for n in 0..100 {
        sender.send(message(n.to_string())).await.unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.service, n.to_string());
    }
    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
}

#[wakeful::test]
async fn a_stream_of_the_server_ends_with_its_shutdown_or_goes_on_to_its_end() {
    let (reporter, url, stop) = ours().await;
    let mut health = HealthClient::with_origin(client(), url.clone());
    let mut updates = health.watch(message("shop")).await.unwrap().into_inner();
    assert_eq!(updates.message().await.unwrap().unwrap().status, 1);
    stop.cancel();
    // The stream has begun, so it goes on, and new calls are refused.
    reporter
        .set_service_status("shop", ServingStatus::NotServing)
        .await;
    assert_eq!(updates.message().await.unwrap().unwrap().status, 2);
    let error = loop {
        match health.check(message("shop")).await {
            Ok(_) => wakeful::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("cannot connect"), "{error}");
}

#[wakeful::test]
async fn a_timeout_of_the_client_is_the_error_of_the_call() {
    let (_reporter, url, _stop) = ours().await;
    let limit = Duration::from_millis(50);
    let client = Client::builder().http2_only().timeout(limit).build();
    let mut health = HealthClient::with_origin(client, url);
    let mut updates = health.watch(message("shop")).await.unwrap().into_inner();
    updates.message().await.unwrap().unwrap();
    let error = updates.message().await.unwrap_err();
    assert!(
        error.to_string().contains("did not end within the timeout"),
        "{error}"
    );
}

/// axum's own extractor is there if axum is compiled for tokio, as here for tonic's transport.
#[wakeful::test]
async fn axums_own_connect_info_works_with_serve_make_service() {
    use axum::extract::ConnectInfo;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
    let router = axum::Router::new().route("/", axum::routing::get(peer));
    let make = router.into_make_service_with_connect_info::<SocketAddr>();
    wakeful::spawn(serve_make_service(listener, make).into_future());
    let response = Client::new().get(url).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "127.0.0.1");
}

/// Runs a future on a thread with a runtime of tokio.
fn on_tokio<F: Future<Output: Send + 'static>>(
    future: impl FnOnce() -> F + Send + 'static,
) -> thread::JoinHandle<F::Output> {
    thread::spawn(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(future())
    })
}

#[wakeful::test]
async fn tonics_client_on_tokio_and_a_server_of_ours() {
    let (_reporter, url, _stop) = ours().await;
    let (sender, done) = wakeful::sync::oneshot::channel();
    let done_here = ThreadBound::new(sender);
    let handle = wakeful::Handle::current();
    let theirs = on_tokio(move || async move {
        let channel = Channel::builder(url.clone()).connect().await.unwrap();
        talk!(channel.clone(), url);
        handle.spawn_with(move || {
            let _ = done_here.into_inner().send(());
            async {}
        });
    });
    // An error: the thread has panicked.
    let done = done.await;
    theirs.join().unwrap();
    done.unwrap();
}

#[wakeful::test]
async fn a_client_of_ours_and_tonics_server_on_tokio() {
    let (sender, address) = std::sync::mpsc::channel::<SocketAddr>();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let theirs = on_tokio(move || async move {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        sender.send(incoming.local_addr().unwrap()).unwrap();
        let (_reporter, routes) = routes().await;
        let server = Server::builder().add_routes(routes);
        let stopped = async { _ = stopped.await };
        server
            .serve_with_incoming_shutdown(incoming, stopped)
            .await
            .unwrap();
    });
    let url: Uri = format!("http://{}", address.recv().unwrap())
        .parse()
        .unwrap();
    let client = client();
    talk!(client.clone(), url);
    // The server waits for its connections.
    drop(client);
    stop.send(()).unwrap();
    let joined = wakeful::spawn_blocking(|| theirs.join());
    joined.await.unwrap().unwrap();
}
