//! Requests that are unusual, and what becomes of their URLs.

use hyper::{Request, Version};
use wakeful_hyper::{Client, ErrorKind};

use crate::net::run;
use crate::{Server, get, text};

#[wakeful::test]
async fn a_text_that_is_no_url_is_reported_without_its_password() {
    let cases = [
        ("http://ada:secret@a b/c", "GET http://...@a b/c: "),
        ("http://ada:se@cr/et@a b/c", "GET http://...@a b/c: "),
        ("ada:secret@a b", "GET ...@a b: "),
        ("ada:https://secret@a b", "GET ada:https://...@a b: "),
        ("http://a b/c", "GET http://a b/c: "),
    ];
    for (url, text) in cases {
        let error = Client::new().get(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[test]
fn the_name_of_a_user_is_not_sent_to_the_server() {
    run(async || {
        let server = Server::start().await;
        for builder in [Client::builder(), Client::builder().http2_only()] {
            let url = format!("http://ada:secret@{}/host", server.addr);
            assert_eq!(get(&builder.build(), &url).await, server.addr.to_string());
        }
    });
}

#[wakeful::test]
async fn a_port_that_is_none_is_refused() {
    for (host, port) in [
        ("127.0.0.1", "65536"),
        ("[::1]", "99999999999999999999"),
        ("localhost", "-1"),
    ] {
        let url = format!("http://{host}:{port}/");
        let error = Client::new().get(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{error}");
        let text = format!("GET {url}: the port \"{port}\" is not a number up to 65535");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_version_of_a_request_does_not_matter() {
    run(async || {
        let server = Server::start().await;
        let versions = [
            Version::HTTP_09,
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ];
        for version in versions {
            for (builder, sent) in [
                (Client::builder(), "HTTP/1."),
                (Client::builder().http2_only(), "HTTP/2.0"),
            ] {
                let request = Request::get(server.url("/a")).version(version);
                let request = request.body(String::new()).unwrap();
                let response = builder.build().request(request).await.unwrap();
                let answer = text(response).await;
                assert!(answer.starts_with(&format!("/a {sent}")), "{answer}");
            }
        }
    });
}
