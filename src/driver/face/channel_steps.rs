//! Internal steps of the calls of a `Channel`.

macro_rules! channel_steps {
    ($($async:ident $await:ident)?) => {
        impl Channel {
            /// Sends a frame that was made before.
            pub(super) $($async)? fn send_frame(&self, frame: Result<Vec<u8>, Error>) -> Result<(), Error> {
                $(self.0.turn().$await;)?
                let op = {
                    let mut visit = self.0.visit();
                    let mut op = op::Send::submit(visit.link(), frame?)?;
                    // Most messages are written immediately.
                    if let Some(sent) = op.poll(visit.link()) {
                        return sent;
                    }
                    op
                };
                self.0.call_bounded(op) $(.$await)?
            }

            /// Sends a message of calls. Tells of one whose handle cannot be sent; what cannot be sent
            /// otherwise ends the channel, for somebody would wait for it. If the peer has ended it, what it has
            /// sent before is still received.
            #[cfg(feature = "calls")]
            pub(super) $($async)? fn send_call_frame(&self, core: &crate::driver::calls::Core, frame: crate::driver::calls::Frame) {
                let crate::driver::calls::Frame { bytes, handle, about } = frame;
                let sent = match handle {
                    None => self.send_frame(Ok(bytes)) $(.$await)?,
                    Some(handle) => match self.send_frame_with(Ok(bytes), handle, None) $(.$await)? {
                        Err(unsent) if self.is_connected() => return core.unsent(about, unsent.error),
                        _ => Ok(()),
                    },
                };
                if sent.is_err() && self.is_connected() {
                    self.close();
                }
            }

            $($async)? fn accept(&self, queued: Result<usize, Error>) -> Result<(), Error> {
                if queued? < HIGH_WATER { Ok(()) } else { self.flush() $(.$await)? }
            }

            /// [`send_handle`](Self::send_handle) for a socket of a list, with its share.
            pub(super) $($async)? fn send_share<T: Serialize + ?Sized>(
                &self,
                message: &T,
                outgoing: Outgoing,
                share: Option<Share>,
            ) -> Result<(), Unsent> {
                self.send_frame_with(self.0.encoder.frame(message), outgoing, share) $(.$await)?
            }

            /// Makes the frames of this channel.
            #[cfg(feature = "calls")]
            pub(super) fn encoder(&self) -> Arc<crate::message::encoder::Encoder> {
                self.0.encoder.clone()
            }

            $($async)? fn send_frame_with(
                &self,
                frame: Result<Vec<u8>, Error>,
                outgoing: Outgoing,
                share: Option<Share>,
            ) -> Result<(), Unsent> {
                let wire_type = outgoing.type_name();
                let sent = self.send_frame_untraced(frame, outgoing, share) $(.$await)?;
                // The lock is free: a subscriber is the code of others, and may use the channel.
                sent.inspect_err(|unsent| trace::refused(wire_type, &unsent.error))
            }

            $($async)? fn send_frame_untraced(
                &self,
                frame: Result<Vec<u8>, Error>,
                outgoing: Outgoing,
                share: Option<Share>,
            ) -> Result<(), Unsent> {
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(error) => return Err(outgoing.unsent(error)),
                };
                let op = op::SendHandle::submit(self.0.visit().link(), frame, outgoing, share)?;
                self.0.call_bounded(op) $(.$await)?
            }

            /// Sends the peer a question about its sockets. The returned call waits for the answer.
            pub(super) fn ask(
                &self,
                key: &SocketKey,
                question: Question,
            ) -> Result<Call<'_, op::Ask>, Error> {
                Ok(self.0.begun(op::Ask::submit(self.0.visit().link(), key, question)?))
            }

            /// Waits for an operation.
            pub(super) $($async)? fn call<O: Operation>(&self, op: O) -> O::Output {
                self.0.call(op) $(.$await)?
            }

            /// Acts on the link and wakes the calls that were waiting for this.
            pub(super) fn with_link<T>(&self, action: impl FnOnce(&mut Link) -> T) -> T {
                action(self.0.visit().link())
            }

            pub(super) fn connection_owner(&self) -> Arc<dyn ConnectionOwner> {
                self.0.clone()
            }

            pub(super) fn downgrade(&self) -> WeakChannel {
                WeakChannel(self.socket_owner())
            }

            fn socket_owner(&self) -> Weak<Shared> {
                Arc::downgrade(&self.0)
            }
        }
    };
}
pub(crate) use channel_steps;
