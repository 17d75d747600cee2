//! Halves of a Unix domain connection.

use super::stream::UnixStream;
use crate::halves::halves;

halves!(UnixStream);
