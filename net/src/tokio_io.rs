//! I/O traits of tokio, for the types that have those of `futures-io`.

use crate::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::tcp::TcpStream;
use crate::unix::UnixStream;
use crate::unix::pipe::{Receiver, Sender};

wakeful_core::__tokio_read! {
    TcpStream, ();
    &TcpStream, ();
    UnixStream, ();
    &UnixStream, ();
    ReadHalf<'_, S>, (S);
    OwnedReadHalf<S>, (S);
    Receiver, ();
    &Receiver, ();
}

wakeful_core::__tokio_write! {
    TcpStream, (), true;
    &TcpStream, (), true;
    UnixStream, (), true;
    &UnixStream, (), true;
    WriteHalf<'_, S>, (S), true;
    OwnedWriteHalf<S>, (S), true;
    Sender, (), true;
    &Sender, (), true;
}
