//! The keys that ServiceAccount tokens are signed with.

use kube::Client;
use serde_json::Value;

/// The issuer of the cluster's ServiceAccount tokens, and its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The value of `iss` in a token.
    pub issuer: String,
    /// The JSON Web Key Set (RFC 7517).
    pub jwks: Value,
}

/// The API server's own issuer and keys, from its discovery endpoints.
///
/// # Errors
/// The API server does not let us, or cannot be reached: try again, and keep what was known.
pub async fn keys(client: &Client) -> Result<Keys, kube::Error> {
    let configuration: Value = get(client, "/.well-known/openid-configuration").await?;
    let jwks = get(client, "/openid/v1/jwks").await?;
    let issuer = configuration["issuer"].as_str().unwrap_or_default().to_owned();
    Ok(Keys { issuer, jwks })
}

async fn get(client: &Client, path: &str) -> Result<Value, kube::Error> {
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request(request).await
}
