//! One request and its response.

use std::error::Error as _;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Response, Uri, Version};
use wakeful_core::time::{self, Instant};

use super::body::{LocalBody, ResponseBody, empty};
use super::connect::usual_port;
use super::early::is_gone;
use super::error::{Error, ErrorKind, Failure, Subject};
use super::host::{Host, Lease, Leased, give_back};
use super::pool::Pool;
use crate::BoxError;
use crate::sleep::Sleep;

/// Sends a request and returns its response.
pub(super) async fn exchange(
    pool: &Rc<Pool>,
    request: Request<LocalBody>,
) -> Result<Response<ResponseBody>, Error> {
    let subject = Subject {
        method: request.method().clone(),
        uri: request.uri().clone(),
    };
    if let Err(reason) = check(&subject, pool) {
        return Err(Error::new(ErrorKind::Request, &subject, Some(reason)));
    }
    let deadline = pool.options.timeout.map(|limit| Instant::now() + limit);
    let sending = send(pool, &subject, request);
    let answered = match deadline {
        None => sending.await,
        Some(deadline) => time::timeout_at(deadline, sending)
            .await
            .unwrap_or(Err((ErrorKind::Timeout, None))),
    };
    match answered {
        Ok((response, stream)) => {
            let deadline =
                deadline.map(|deadline| Box::pin(Sleep::new(time::sleep_until(deadline))));
            Ok(response.map(|body| ResponseBody::new(body, subject, deadline, stream)))
        }
        Err((kind, source)) => Err(Error::new(kind, &subject, source)),
    }
}

/// The head of the response with its body, and what counts the streams of a connection of HTTP/2.
type Answer = (Response<Incoming>, Option<Arc<()>>);

fn check(subject: &Subject, pool: &Pool) -> Result<(), BoxError> {
    let uri = &subject.uri;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") if pool.options.tls.is_some() => {}
        Some("https") => {
            return Err(
                "https needs certificates to trust: enable the feature `rustls` of `wakeful-hyper`, \
                 and call `Client::builder().tls(config)`"
                    .into(),
            );
        }
        _ => return Err("the URL must begin with http:// or https://".into()),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("the URL has no host".into());
    }
    if let Some(port) = invalid_port(uri) {
        return Err(format!("the port {port:?} is not a number up to 65535").into());
    }
    if subject.method == Method::CONNECT {
        return Err("the client sends no CONNECT: make the tunnel in `connect_with`".into());
    }
    Ok(())
}

/// Returns the text of the port if it is none. `Uri` returns no port then, as if there were none.
fn invalid_port(uri: &Uri) -> Option<&str> {
    let (_, port) = uri.authority()?.as_str().rsplit_once(':')?;
    let is_port = port.is_empty() || uri.port_u16().is_some();
    // A colon may also be within the address of IPv6 or a password.
    (!is_port && !port.contains([']', '@'])).then_some(port)
}

/// Sends the request, again if a connection from the pool turns out to be closed.
async fn send(
    pool: &Rc<Pool>,
    subject: &Subject,
    request: Request<LocalBody>,
) -> Result<Answer, Failure> {
    let host = pool.host(&subject.uri);
    let mut request = request;
    loop {
        let lease = match host.lease(&pool.options, &subject.uri).await {
            Ok(lease) => lease,
            Err(error) => {
                // Forgets the host, if there are no other requests.
                pool.start_janitor();
                return Err(error);
            }
        };
        let is_used = lease.is_used;
        // A body that has been passed on can't be sent again, but none at all can.
        let (head, body) = request.into_parts();
        let again = (is_used && subject.method.is_idempotent() && body.is_end_stream())
            .then(|| head.clone());
        request = Request::from_parts(head, body);
        let failed = match try_send(pool, &host, subject, lease, request).await {
            Ok(answered) => return Ok(answered),
            Err(failed) => failed,
        };
        let again = again.filter(|_| failed.is_closed);
        let again = again.map(|head| Request::from_parts(head, empty()));
        request = match failed.unsent.or(again) {
            Some(next) if is_used => next,
            _ => return Err((ErrorKind::Exchange, Some(failed.error.into()))),
        };
    }
}

struct Failed {
    /// The request, if surely nothing of it was sent.
    unsent: Option<Request<LocalBody>>,
    error: hyper::Error,
    /// Whether the connection was closed before the response began, or takes no more requests.
    is_closed: bool,
}

async fn try_send(
    pool: &Rc<Pool>,
    host: &Rc<Host>,
    subject: &Subject,
    lease: Lease,
    mut request: Request<LocalBody>,
) -> Result<Answer, Failed> {
    match lease.connection {
        Leased::Http1(mut sender, permit) => {
            prepare_http1(&mut request, &subject.uri);
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let pool = pool.clone();
                    give_back(host, sender, permit, move || pool.start_janitor());
                    Ok((response, None))
                }
                Err(mut failed) => Err(Failed {
                    unsent: failed.take_message(),
                    is_closed: is_closed(failed.error()),
                    error: failed.into_error(),
                }),
            }
        }
        Leased::Http2(mut sender, stream) => {
            *request.uri_mut() = without_user(&subject.uri);
            *request.version_mut() = Version::HTTP_2;
            match sender.try_send_request(request).await {
                Ok(response) => {
                    pool.start_janitor();
                    Ok((response, Some(stream)))
                }
                Err(mut failed) => {
                    // A request that waited for a stream gets an error of its own if the server
                    // sends a `GOAWAY`; then the connection shows what happened.
                    let is_closed = is_closed(failed.error()) || sender.is_closed();
                    if is_closed {
                        host.forget(&stream);
                    }
                    Err(Failed {
                        unsent: failed.take_message(),
                        is_closed,
                        error: failed.into_error(),
                    })
                }
            }
        }
    }
}

/// Changes the URL to the form of HTTP/1, which is a path and the header `Host`.
fn prepare_http1(request: &mut Request<LocalBody>, uri: &Uri) {
    // hyper panics with other versions than those of HTTP/1.
    if request.version() != Version::HTTP_10 {
        *request.version_mut() = Version::HTTP_11;
    }
    let path = uri.path_and_query().cloned();
    *request.uri_mut() = path
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
        .into();
    if !request.headers().contains_key(HOST)
        && let Some(host) = host_header(uri)
    {
        request.headers_mut().insert(HOST, host);
    }
}

/// Returns the URL without the name and the password of a user, which must not be sent.
fn without_user(uri: &Uri) -> Uri {
    let authority = uri.authority().map_or("", Authority::as_str);
    let Some((_, host)) = authority.rsplit_once('@') else {
        return uri.clone();
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = host.parse().ok();
    parts.try_into().unwrap_or_else(|_| uri.clone())
}

/// Host and port, without the name of a user.
fn host_header(uri: &Uri) -> Option<HeaderValue> {
    let host = uri.host()?;
    let text = match uri.port_u16().filter(|&port| port != usual_port(uri)) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    text.try_into().ok()
}

/// Whether the connection was closed before the response began, or the server has refused the
/// stream, as it does with those above the last of a `GOAWAY`.
fn is_closed(error: &hyper::Error) -> bool {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return true;
    }
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return is_gone(error);
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.get_io().is_some_and(is_gone)
                || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
                || error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        }
        next = error.source();
    }
    false
}
