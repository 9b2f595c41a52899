//! Requests in each of the shop's protocols.

use anyhow::{Context, Result, bail, ensure};
use http_body_util::{BodyExt as _, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// The time that a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address of a service, whose scheme says what it speaks.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// HTTP/1.1.
    Http(Uri),
    /// HTTP/2 with prior knowledge.
    Http2(Uri),
    /// gRPC.
    Grpc(Box<Endpoint>),
    /// Lines, after a greeting.
    Tcp(String),
}

impl FromStr for Address {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").context("want SCHEME://HOST")?;
        let http = || format!("http://{rest}");
        Ok(match scheme {
            "http" => Self::Http(http().parse()?),
            "h2c" => Self::Http2(http().parse()?),
            "grpc" => Self::Grpc(Box::new(Endpoint::from_shared(http())?)),
            "tcp" => Self::Tcp(rest.into()),
            other => bail!("{other} is none of http, h2c, grpc and tcp"),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(uri) | Self::Http2(uri) => write!(f, "{uri}"),
            Self::Grpc(endpoint) => write!(f, "{}", endpoint.uri()),
            Self::Tcp(host) => write!(f, "{host}"),
        }
    }
}

/// A client of one address, which keeps its connections where the protocol has more than one request on each.
#[derive(Clone)]
pub(crate) struct Caller {
    address: Address,
    http: Client<HttpConnector, Empty<Bytes>>,
    grpc: Option<HealthClient<Channel>>,
}

impl Caller {
    /// A client without a connection.
    pub(crate) fn new(address: &Address) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http2_only(matches!(address, Address::Http2(_)));
        let grpc = if let Address::Grpc(endpoint) = address {
            Some(HealthClient::new(endpoint.connect_lazy()))
        } else {
            None
        };
        Self { address: address.clone(), http: builder.build_http(), grpc }
    }

    /// Asks once, and returns the answer.
    pub(crate) async fn ask(&mut self) -> Result<String> {
        let late = || format!("no answer within {PATIENCE:?}");
        let answer = tokio::time::timeout(PATIENCE, self.answer()).await.with_context(late);
        answer.flatten().with_context(|| self.address.to_string())
    }

    async fn answer(&mut self) -> Result<String> {
        match (&self.address, &mut self.grpc) {
            (Address::Http(uri) | Address::Http2(uri), _) => {
                let response = self.http.get(uri.clone()).await?;
                let status = response.status();
                let body = response.into_body().collect().await?.to_bytes();
                let body = String::from_utf8_lossy(&body).trim().to_owned();
                ensure!(status == 200, "{} {body}", status.as_u16());
                Ok(body)
            }
            (Address::Grpc(_), Some(client)) => {
                let answer = client.check(HealthCheckRequest::default()).await?.into_inner();
                ensure!(answer.status() == ServingStatus::Serving, "{:?}", answer.status());
                Ok("serving".into())
            }
            (Address::Grpc(_), None) => bail!("no channel"),
            (Address::Tcp(host), _) => {
                let mut stream = BufReader::new(TcpStream::connect(host).await?);
                let (mut greeting, mut echo) = (String::new(), String::new());
                stream.read_line(&mut greeting).await?;
                stream.write_all(b"pay\n").await?;
                stream.read_line(&mut echo).await?;
                ensure!(echo == "pay\n", "{greeting:?}, then {echo:?}");
                Ok(greeting.trim().into())
            }
        }
    }
}
