//! I/O traits of tokio, for the types that have those of `futures-io`.

use crate::tcp::{self, TcpStream};
use crate::unix::pipe::{Receiver, Sender};
use crate::unix::{self, UnixStream};

wakeful_core::__tokio_read! {
    TcpStream, ();
    &TcpStream, ();
    UnixStream, ();
    &UnixStream, ();
    tcp::ReadHalf<'_>, ();
    tcp::OwnedReadHalf, ();
    unix::ReadHalf<'_>, ();
    unix::OwnedReadHalf, ();
    Receiver, ();
    &Receiver, ();
}

wakeful_core::__tokio_write! {
    TcpStream, (), true;
    &TcpStream, (), true;
    UnixStream, (), true;
    &UnixStream, (), true;
    tcp::WriteHalf<'_>, (), true;
    tcp::OwnedWriteHalf, (), true;
    unix::WriteHalf<'_>, (), true;
    unix::OwnedWriteHalf, (), true;
    Sender, (), true;
    &Sender, (), true;
}
