//! The crate's drivers, used as its documentation says.

use std::net::TcpListener;

use crossfork::{Outgoing, blocking, tokio as tasks};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Contestant, Item, Result};

macro_rules! contestant {
    ($channel:ty $(, $wait:tt)?) => {
        impl Contestant for $channel {
            async fn receive<R>(&mut self, look: impl FnOnce(Item<'_>) -> R) -> Result<Option<R>> {
                Ok(match self.recv()$(.$wait)?? {
                    Some(message) => Some(look(message.decode()?)),
                    None => None,
                })
            }

            async fn decode<T: DeserializeOwned>(&mut self) -> Result<T> {
                let message = self.recv()$(.$wait)??.ok_or("the channel ended too early")?;
                Ok(message.decode()?)
            }

            async fn echo(&mut self) -> Result<bool> {
                let Some(message) = self.recv()$(.$wait)?? else {
                    return Ok(false);
                };
                <$channel>::send(self, &message.decode::<Item>()?)$(.$wait)??;
                Ok(true)
            }

            async fn send<T: Serialize>(&mut self, message: &T) -> Result<()> {
                Ok(<$channel>::send(self, message)$(.$wait)??)
            }

            async fn feed<T: Serialize>(&mut self, message: &T) -> Result<()> {
                Ok(<$channel>::feed(self, message)$(.$wait)??)
            }

            async fn flush(&mut self) -> Result<()> {
                Ok(<$channel>::flush(self)$(.$wait)??)
            }

            async fn take_handle(&mut self) -> Result<()> {
                let mut message = self.recv()$(.$wait)??.ok_or("the channel ended too early")?;
                message.decode::<Item>()?;
                message.take_handle().ok_or("a message without its handle")?;
                Ok(())
            }

            async fn give_handle(&mut self, item: &Item<'_>, listener: &TcpListener) -> Result<()> {
                Ok(self.send_handle(item, Outgoing::keep_open(listener)?)$(.$wait)??)
            }
        }
    };
}

contestant!(blocking::Channel);
contestant!(tasks::Channel, await);
