//! A server over TLS.

use std::convert::Infallible;
use std::sync::Arc;

use futures_rustls::TlsConnector;
use futures_util::AsyncReadExt;
use hyper::Request;
use hyper::body::Incoming;
use tower::service_fn;
use wakeful::net::TcpStream;
use wakeful_hyper::{TlsListener, serve};

use crate::certificates::configs;
use crate::common::{Way, body_of, client, get, text};
use crate::net::run;
use crate::{BOTH, tcp};

#[test]
fn alpn_chooses_the_protocol_and_a_silent_client_delays_no_other() {
    run(async || {
        let (listener, addr) = tcp().await;
        let (server, config) = configs();
        let service = service_fn(async |request: Request<Incoming>| {
            Ok::<_, Infallible>(text(&format!("{:?}", request.version())))
        });
        let server = serve(TlsListener::new(listener, server), service);
        wakeful::spawn(server.into_future());
        let _silent = TcpStream::connect(addr).await.unwrap();
        for (way, alpn) in BOTH.into_iter().zip(["http/1.1", "h2"]) {
            let mut config = config.clone();
            config.alpn_protocols = vec![alpn.into()];
            let stream = TcpStream::connect(addr).await.unwrap();
            let name = "localhost".try_into().unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            let stream = connector.connect(name, stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn.as_bytes()));
            let (send, _connection) = client(way, stream).await;
            let answer = body_of(send(get(way, "/")).await.unwrap()).await;
            let expected = if way == Way::Http1 {
                "HTTP/1.1"
            } else {
                "HTTP/2.0"
            };
            assert_eq!(answer, expected);
        }
    });
}

#[test]
fn a_client_without_tls_is_refused_and_reported() {
    run(async || {
        let (listener, addr) = tcp().await;
        let (server, _) = configs();
        let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(text("")));
        let (sender, mut receiver) = wakeful::sync::mpsc::channel(1);
        let server = serve(TlsListener::new(listener, server), service)
            .on_error(move |_, error| sender.try_send(error.to_string()).unwrap());
        wakeful::spawn(server.into_future());
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let error = receiver.recv().await.unwrap();
        assert!(error.contains("corrupt message"), "{error}");
    });
}
