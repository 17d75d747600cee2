//! Halves of a TCP connection.

use super::stream::TcpStream;
use crate::halves::halves;

halves!(TcpStream);
