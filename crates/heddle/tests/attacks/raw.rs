//! HTTP/2 frames, written by hand: no library would.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

/// The method to which callers may send a message before they have proved who they are.
pub(crate) const CERTIFY: &str = "/io.linkerd.proxy.identity.Identity/Certify";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;

/// An entry of the dynamic table, and a reference to it of one byte.
const ENTRY: &[u8] = &[0x40, 1, b'a', 1, b'b'];
const REFERENCE: u8 = 0xbe;

/// A connection whose other end reads and forgets all that comes.
pub(crate) struct Raw<S> {
    write: WriteHalf<S>,
    _read: JoinHandle<()>,
}

impl<S: AsyncRead + AsyncWrite + Send + 'static> Raw<S> {
    /// Begins to speak HTTP/2.
    pub(crate) async fn begin(stream: S) -> std::io::Result<Self> {
        let (read, mut write) = tokio::io::split(stream);
        write.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        let read = tokio::spawn(forget(read));
        let mut raw = Self { write, _read: read };
        raw.frame(SETTINGS, 0, 0, &[]).await?;
        Ok(raw)
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.write.write_all(&frame).await?;
        self.write.flush().await
    }

    /// Opens a stream with a call of `path`, and `references` more headers of one byte each.
    pub(crate) async fn call(&mut self, stream: u32, path: &str, references: usize) -> std::io::Result<()> {
        let mut block = head(path);
        // Each stream brings the entry again: it is the newest of the table then.
        block.extend_from_slice(ENTRY);
        block.resize(block.len() + references, REFERENCE);
        self.frame(HEADERS, END_HEADERS, stream, &block).await
    }

    /// Opens a stream whose headers do not end.
    pub(crate) async fn endless_headers(&mut self, stream: u32, bytes: usize) -> std::io::Result<()> {
        let mut block = head(CERTIFY);
        while block.len() < bytes {
            // A literal that no table keeps.
            block.extend_from_slice(&[0x00, 1, b'x', 1, b'y']);
        }
        self.frame(HEADERS, 0, stream, &block).await
    }

    /// Sends a part of a body.
    pub(crate) async fn data(&mut self, stream: u32, bytes: &[u8]) -> std::io::Result<()> {
        self.frame(DATA, 0, stream, bytes).await
    }
}

/// The headers that every call has.
fn head(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(&[0x01, 9]);
    block.extend_from_slice(b"localhost");
    block
}

async fn forget<S: AsyncRead>(mut read: ReadHalf<S>) {
    let mut bytes = [0; 4096];
    while read.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}
