//! A TCP server that speaks first.

use crate::ended_or_never;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Serves until the process is asked to end; connections that stand then are cut.
pub(crate) async fn serve(listen: SocketAddr, name: &str) -> Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening at {listen}"))?;
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await?;
            let greeting = format!("{name} is ready\n");
            tokio::spawn(async move { echo(stream, &greeting).await });
        }
    };
    tokio::select! {
        ended = accept => ended,
        () = ended_or_never() => Ok(()),
    }
}

async fn echo(stream: TcpStream, greeting: &str) -> Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(greeting.as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        stream.write_all(line.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
