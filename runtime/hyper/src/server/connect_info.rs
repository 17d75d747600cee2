//! The address of a client.

/// The address of the client, in the extensions of each request that [`serve`](super::serve)
/// passes on.
///
/// With the feature `axum` it is an extractor, as axum's type of that name; without it,
/// `axum::Extension<ConnectInfo<SocketAddr>>` does the same. axum's own type belongs to its feature
/// `tokio`, see [`serve_make_service`](super::serve_make_service).
///
/// The type of the address is [`Listener::Addr`](super::Listener::Addr).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectInfo<A>(pub A);
