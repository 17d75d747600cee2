//! Sends requests to other nodes, and answers theirs.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, RaftNetworkFactory, RaftNetworkV2};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wakeful::net::TcpStream;
use wakeful::time::timeout;
use wakeful_examples::close_gently;

use super::frame;
use super::types::{Map, Node, Snapshot, SnapshotMeta, Types, Vote};

/// The time limit for sending entries. openraft's limit is meant for heartbeats, and too short to
/// write a megabyte to a slow disk: the same entries would be sent again and again.
const APPEND_LIMIT: Duration = Duration::from_secs(5);
/// The time limit for sending a snapshot.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(30);

/// A request of one node to another.
#[derive(Serialize, Deserialize)]
pub(crate) enum Question {
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<Types>),
    PreVote(VoteRequest<Types>),
    Snapshot {
        vote: Vote,
        meta: SnapshotMeta,
        map: Map,
    },
    TransferLeader(TransferLeaderRequest<Types>),
}

/// The answer, or the text of an error.
type Reply<T> = Result<T, String>;

/// Creates peers. openraft uses several for each node, one of them for heartbeats.
pub(crate) struct Network;

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, _target: u64, node: &BasicNode) -> Peer {
        Peer {
            address: node.addr.clone(),
            connection: None,
        }
    }
}

/// Another node, as seen by this one.
pub(crate) struct Peer {
    address: String,
    connection: Option<TcpStream>,
}

impl Peer {
    async fn ask<T: DeserializeOwned>(
        &mut self,
        question: &Question,
        limit: Duration,
    ) -> Result<T, RPCError<Types>> {
        let kept = self.connection.is_some();
        match timeout(limit, self.exchange(question)).await {
            Ok(Ok(answer)) => Ok(answer),
            // The peer may have been restarted, so this tries once more.
            Ok(Err(error)) if kept => Err(RPCError::Network(NetworkError::new(&error))),
            Ok(Err(error)) => Err(unreachable_peer(&error)),
            Err(elapsed) => Err(unreachable_peer(&elapsed)),
        }
    }

    /// Sends a request on the connection, which is kept only after an answer: otherwise a late
    /// answer would be taken for the answer to the next request.
    async fn exchange<T: DeserializeOwned>(&mut self, question: &Question) -> io::Result<T> {
        let stream = match self.connection.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&*self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        frame::write(&stream, question).await?;
        let reply: Option<Reply<T>> = frame::read(&stream).await?;
        let reply = reply.ok_or(io::ErrorKind::ConnectionAborted)?;
        self.connection = Some(stream);
        reply.map_err(io::Error::other)
    }
}

fn unreachable_peer<E: Error + 'static>(error: &E) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::new(error))
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = Map;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let limit = match rpc.entries.is_empty() {
            true => option.hard_ttl(),
            false => APPEND_LIMIT,
        };
        self.ask(&Question::Append(rpc), limit).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask(&Question::Vote(rpc), option.hard_ttl()).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask(&Question::PreVote(rpc), option.hard_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let Snapshot {
            meta,
            snapshot: map,
        } = snapshot;
        let question = Question::Snapshot { vote, meta, map };
        let send = pin!(self.ask(&question, SNAPSHOT_LIMIT));
        match select(send, pin!(cancel)).await {
            Either::Left((answer, _)) => Ok(answer?),
            Either::Right((closed, _)) => Err(closed.into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        self.ask(&Question::TransferLeader(request), option.hard_ttl())
            .await
    }
}

/// Answers a peer until it closes the connection. A malformed frame is answered with an error, and
/// the connection ends.
pub(crate) async fn serve(stream: &TcpStream, node: &Node) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        match frame::read(stream).await {
            Ok(Some(question)) => answer(stream, node, question).await?,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                frame::write(stream, &Reply::<()>::Err(error.to_string())).await?;
                return close_gently(stream).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn answer(stream: &TcpStream, node: &Node, question: Question) -> io::Result<()> {
    match question {
        Question::Append(rpc) => send(stream, node.append_entries(rpc).await).await,
        Question::Vote(rpc) => send(stream, node.vote(rpc).await).await,
        Question::PreVote(rpc) => send(stream, node.pre_vote(rpc).await).await,
        Question::Snapshot { vote, meta, map } => {
            let snapshot = Snapshot {
                meta,
                snapshot: map,
            };
            send(stream, node.install_full_snapshot(vote, snapshot).await).await
        }
        Question::TransferLeader(request) => {
            send(stream, node.handle_transfer_leader(request).await).await
        }
    }
}

async fn send<T: Serialize, E: Error>(stream: &TcpStream, result: Result<T, E>) -> io::Result<()> {
    frame::write(stream, &result.map_err(|error| error.to_string())).await
}
