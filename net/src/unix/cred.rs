//! Who is at the other end.

/// The process and the user at the other end, as they were when the connection was made.
///
/// ```
/// use wakeful_net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, _there) = UnixStream::pair()?;
///     assert_eq!(here.peer_cred()?.pid(), Some(std::process::id() as i32));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UCred {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) pid: Option<i32>,
}

impl UCred {
    /// The user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The process; `None` if this one can't see it, as from within a container.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}
