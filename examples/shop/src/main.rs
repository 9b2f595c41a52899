//! The workloads of the example shop: one program, whose arguments say which it is.

mod caller;
mod catalogue;
mod load;
mod payments;
mod web;

use anyhow::Result;
use caller::{Address, Caller};
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A workload of the example shop.
///
/// Addresses are http://HOST/PATH, h2c://HOST/PATH (HTTP/2 in plain text), grpc://HOST:PORT (the health service) and tcp://HOST:PORT
/// (a server that speaks first).
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Answer HTTP requests with who answers and who, as its proxy says, has called
    Serve {
        /// The name in the answers
        #[arg(long)]
        name: String,
        /// The address to listen at
        #[arg(long, default_value = "[::]:8080")]
        listen: SocketAddr,
        /// The address of a service that is asked for each answer; may be given several times
        #[arg(long)]
        next: Vec<Address>,
    },
    /// Answer gRPC health checks
    Catalogue {
        /// The address to listen at
        #[arg(long, default_value = "[::]:9090")]
        listen: SocketAddr,
    },
    /// Greet every TCP connection, and send back its lines
    Payments {
        /// The name in the greeting
        #[arg(long)]
        name: String,
        /// The address to listen at
        #[arg(long, default_value = "[::]:7000")]
        listen: SocketAddr,
    },
    /// Ask an address once, print the answer, and fail unless it is a good one
    Get {
        /// The address
        address: Address,
    },
    /// Ask an address over and over, then print how many requests were sent and how each failure reads, as JSON
    Load {
        /// The address
        address: Address,
        /// The time after which to stop
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// The number of requests that are under way at one time
        #[arg(long, default_value_t = 4)]
        callers: u64,
    },
    /// Wait for SIGTERM or SIGINT: the container that holds a Pod's namespaces
    Pause,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse().role {
        Role::Serve { name, listen, next } => web::serve(listen, name, &next).await,
        Role::Catalogue { listen } => catalogue::serve(listen).await,
        Role::Payments { name, listen } => payments::serve(listen, &name).await,
        Role::Get { address } => {
            println!("{}", Caller::new(&address).ask().await?);
            Ok(())
        }
        Role::Load { address, seconds, callers } => {
            println!("{}", load::run(&address, Duration::from_secs(seconds), callers).await?);
            Ok(())
        }
        Role::Pause => ended().await,
    }
}

/// Waits until the process is asked to end.
async fn ended() -> Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

/// As [`ended`]; whoever cannot hear signals serves until it is killed.
async fn ended_or_never() {
    if ended().await.is_err() {
        std::future::pending().await
    }
}
