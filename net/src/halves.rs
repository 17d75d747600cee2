//! Halves of a stream: one reads, the other writes.

/// The halves of the stream `$stream`, and the error of `reunite`.
macro_rules! halves {
    ($stream:ident) => {
        /// Reading half of a borrowed stream. It has the methods of the stream through `Deref`.
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        /// Writing half of a borrowed stream. It has the methods of the stream through `Deref`.
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        /// Owned reading half of a stream, for use in another task. It has the methods of the
        /// stream through `Deref`.
        #[derive(Debug)]
        pub struct OwnedReadHalf(Rc<$stream>);

        /// Owned writing half of a stream, for use in another task. Dropping it shuts that
        /// direction down, so that the peer reads the end of the stream; [`forget`](Self::forget)
        /// leaves it open. It has the methods of the stream through `Deref`.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Rc<$stream>,
            shutdown_on_drop: bool,
        }

        impl ReadHalf<'_> {
            fn split(stream: &mut $stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
                let stream = &*stream;
                (ReadHalf(stream), WriteHalf(stream))
            }
        }

        impl OwnedReadHalf {
            fn split(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
                let stream = Rc::new(stream);
                let write = OwnedWriteHalf {
                    stream: stream.clone(),
                    shutdown_on_drop: true,
                };
                (OwnedReadHalf(stream), write)
            }

            /// Reunites the two halves of a stream.
            ///
            /// # Errors
            ///
            /// Returns both halves if they belong to different streams.
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }
        }

        impl OwnedWriteHalf {
            /// Reunites the two halves of a stream.
            ///
            /// # Errors
            ///
            /// Returns both halves if they belong to different streams.
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops the half without shutting its direction down.
            pub fn forget(mut self) {
                self.shutdown_on_drop = false;
            }
        }

        fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
            if !Rc::ptr_eq(&read.0, &write.stream) {
                return Err(ReuniteError(read, write));
            }
            write.forget();
            match Rc::try_unwrap(read.0) {
                Ok(stream) => Ok(stream),
                Err(_) => unreachable!("a stream has two halves, and both were here"),
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shutdown_on_drop {
                    // An error means that the connection is closed already.
                    let _ = self.stream.shutdown(Shutdown::Write);
                }
            }
        }

        /// Error of `reunite`: two halves of different streams, returned to the caller.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl std::fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("these two halves are of different streams")
            }
        }

        impl std::error::Error for ReuniteError {}

        crate::halves::half_traits! { $stream:
            read ReadHalf<'_>: |this| this.0;
            write WriteHalf<'_>: |this| this.0;
            read OwnedReadHalf: |this| &this.0;
            write OwnedWriteHalf: |this| &this.stream;
        }
    };
}

/// I/O traits of the halves, and their way to the stream.
macro_rules! half_traits {
    ($stream:ident: $($direction:ident $type:ty: |$this:ident| $inner:expr;)*) => {$(
        impl Deref for $type {
            type Target = $stream;

            fn deref(&self) -> &$stream {
                let $this = self;
                $inner
            }
        }

        impl AsRef<$stream> for $type {
            fn as_ref(&self) -> &$stream {
                self
            }
        }

        crate::halves::half_traits!(@$direction $type);
    )*};
    (@read $type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_read_vectored(cx, bufs)
            }
        }
    };
    (@write $type:ty) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &**self).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &**self).poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &**self).poll_close(cx)
            }
        }
    };
}

pub(crate) use {half_traits, halves};
