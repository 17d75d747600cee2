//! Mail by SMTP. The server is Python's `aiosmtpd`.

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let (host, port) = server.rsplit_once(':').ok_or("no port")?;
    let mailer = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port.parse()?)
        .build();
    let message = Message::builder()
        .from("ada@wakeful.test".parse()?)
        .to("grace@wakeful.test".parse()?)
        .subject("hello")
        .body("hello".to_owned())?;
    Ok(mailer.send(message).await?.code().to_string())
}
