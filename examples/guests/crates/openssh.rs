//! Commands over SSH. The crate runs the program `ssh` by `tokio::process`.

use openssh::{KnownHosts, SessionBuilder};

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let (destination, key) = server.split_once(' ').ok_or("no key")?;
    let mut builder = SessionBuilder::default();
    builder.keyfile(key).known_hosts_check(KnownHosts::Accept);
    builder.user_known_hosts_file("/dev/null"); // its key is new
    let session = builder.connect(format!("ssh://{destination}")).await?;
    let output = session.command("echo").arg("hello").output().await?;
    session.close().await?;
    Ok(String::from_utf8(output.stdout)?)
}
