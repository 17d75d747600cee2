//! MQTT: a client of Mosquitto, whose event loop runs in the task that receives.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let (host, port) = server.rsplit_once(':').ok_or("no port")?;
    let options = MqttOptions::new("wakeful", host, port.parse()?);
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("greetings", QoS::AtLeastOnce).await?;
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => {
                let (topic, quality) = ("greetings", QoS::AtLeastOnce);
                client.publish(topic, quality, false, "hello").await?;
            }
            Event::Incoming(Packet::Publish(message)) => {
                return Ok(String::from_utf8(message.payload.to_vec())?);
            }
            _ => {}
        }
    }
}
