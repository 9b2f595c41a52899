//! A gRPC server.

use crate::ended_or_never;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use tonic::transport::Server;

/// Serves the health service, which says that it serves.
pub(crate) async fn serve(listen: SocketAddr) -> Result<()> {
    let (_, service) = tonic_health::server::health_reporter();
    let served = Server::builder().add_service(service).serve_with_shutdown(listen, ended_or_never());
    served.await.with_context(|| format!("serving at {listen}"))
}
