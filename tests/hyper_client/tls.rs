//! A client over TLS.

use futures_util::future::join_all;
use wakeful_hyper::{Client, ErrorKind};

use crate::certificates::configs;
use crate::net::run;
use crate::{Server, get};

#[test]
fn alpn_chooses_http2_and_requests_at_once_share_its_first_connection() {
    run(async || {
        let (server, client) = configs();
        let server = Server::start_with(Some(server)).await;
        let client = Client::builder().tls(client).build();
        let url = format!("https://localhost:{}/a", server.addr.port());
        let answers = join_all((0..20).map(|_| get(&client, &url))).await;
        assert!(
            answers.iter().all(|answer| answer == "/a HTTP/2.0"),
            "{answers:?}"
        );
        assert_eq!(server.connections.get(), 1);
    });
}

#[test]
fn a_server_without_http2_is_asked_over_http1() {
    run(async || {
        let (mut server, client) = configs();
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server = Server::start_with(Some(server)).await;
        let client = Client::builder()
            .tls(client)
            .max_connections_per_host(4)
            .build();
        let url = format!("https://localhost:{}/a", server.addr.port());
        let answers = join_all((0..20).map(|_| get(&client, &url))).await;
        assert!(
            answers.iter().all(|answer| answer == "/a HTTP/1.1"),
            "{answers:?}"
        );
        assert!(
            server.connections.get() <= 4,
            "{}",
            server.connections.get()
        );
    });
}

#[test]
fn a_server_without_http2_is_refused_by_a_client_for_http2_only() {
    run(async || {
        for (offered, text) in [
            (
                &["h2", "http/1.1"][..],
                "the server has chosen \"http/1.1\",",
            ),
            (&[], "NoApplicationProtocol"),
        ] {
            let (mut server, mut client) = configs();
            server.alpn_protocols = vec![b"http/1.1".to_vec()];
            client.alpn_protocols = offered.iter().map(|&name| name.into()).collect();
            let server = Server::start_with(Some(server)).await;
            let client = Client::builder().tls(client).http2_only().build();
            let url = format!("https://localhost:{}/", server.addr.port());
            let error = client.get(&url).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    });
}

#[test]
fn a_certificate_that_is_not_trusted_is_an_error_of_the_connect() {
    run(async || {
        let (server, _) = configs();
        let (_, other) = configs();
        let server = Server::start_with(Some(server)).await;
        let client = Client::builder().tls(other).build();
        let url = format!("https://localhost:{}/", server.addr.port());
        let error = client.get(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("GET {url}: cannot connect: ")),
            "{text}"
        );
        assert!(text.contains("invalid peer certificate"), "{text}");
        // By its address the name does not fit either.
        let client = Client::builder().tls(configs().1).build();
        let url = format!("https://{}/", server.addr);
        assert_eq!(
            client.get(&url).await.unwrap_err().kind(),
            ErrorKind::Connect
        );
    });
}
