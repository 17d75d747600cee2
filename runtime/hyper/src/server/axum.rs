//! The extractor for handlers of axum.

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::http::request::Parts;

use super::ConnectInfo;

impl<S, A> FromRequestParts<S> for ConnectInfo<A>
where
    S: Send + Sync,
    A: Clone + Send + Sync + 'static,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let info = parts.extensions.get::<ConnectInfo<A>>();
        info.cloned().ok_or_else(|| {
            let text = format!(
                "the request has no `ConnectInfo<{}>`: serve it with `wakeful_hyper::serve`, and \
                 name the type of the listener's addresses\n",
                std::any::type_name::<A>()
            );
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        })
    }
}
