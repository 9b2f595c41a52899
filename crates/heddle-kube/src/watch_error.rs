//! Kinds that are not there, or on their way out.

use crate::watches::Cause;
use heddle_model::{Kind, Origin};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::Status;
use kube::runtime::watcher;
use kube::{Api, Client};

/// The status that the API server answered with, if it was one.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of others, which may grow")]
fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    status(error).map(|status| status.code)
}

/// Returns who is to blame for an error.
pub(crate) fn cause(error: &watcher::Error) -> Cause {
    match code(error) {
        Some(401) => Cause::Us,
        Some(408 | 429) | None => Cause::Away,
        Some(400..500) => Cause::Kind,
        Some(_) => Cause::Away,
    }
}

/// An error in one line: the API server's own words where it said anything, else every cause.
pub(crate) fn explain(error: &watcher::Error) -> String {
    if let Some(status) = status(error) {
        return format!("{} ({})", status.message.trim(), status.code);
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// The API server knows no such kind.
pub(crate) fn is_absent(error: &watcher::Error) -> bool {
    code(error) == Some(404)
}

/// The API server has forgotten what came after the last event: not a fault, but the list must be read anew.
pub(crate) fn is_stale(error: &watcher::Error) -> bool {
    code(error) == Some(410)
}

/// The API server does not stream lists (before Kubernetes 1.32, or switched off).
pub(crate) fn streams_no_lists(error: &watcher::Error) -> bool {
    matches!(code(error), Some(400 | 422))
}

/// Returns why the objects of a kind may be vanishing without anybody having deleted them: its definition is going or
/// gone. Then they keep their effect, since a mesh without its AccessPolicies would let everybody in.
///
/// # Errors
/// The API server did not say; ask again. One that does not let us look counts as "no".
pub(crate) async fn going(client: Client, kind: Kind) -> Result<Option<String>, kube::Error> {
    let spec = kind.spec();
    if spec.origin == Origin::Kubernetes {
        return Ok(None);
    }
    let name = format!("{}.{}", spec.plural, spec.group);
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    match definitions.get_metadata_opt(&name).await {
        Ok(Some(definition)) if definition.metadata.deletion_timestamp.is_none() => Ok(None),
        Ok(Some(_)) => {
            Ok(Some(format!("CustomResourceDefinition {name} is being deleted; its objects stay in force")))
        }
        Ok(None) => {
            Ok(Some(format!("CustomResourceDefinition {name} was deleted; its objects stay in force")))
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> watcher::Error {
        let status = Status { code, message: message.to_owned(), ..Default::default() };
        watcher::Error::WatchStartFailed(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn an_error_is_told_in_the_api_servers_words() {
        let check = |error: &watcher::Error, want: &str| assert_eq!(explain(error), want);
        check(&refused(404, "404 page not found\n"), "404 page not found (404)");
        let forbidden = r#"meshes.heddle.dev is forbidden: User "a" cannot list"#;
        check(&refused(403, forbidden), r#"meshes.heddle.dev is forbidden: User "a" cannot list (403)"#);
        let lost = std::io::Error::other("connection reset");
        check(
            &watcher::Error::WatchFailed(kube::Error::ReadEvents(lost)),
            "watch stream failed: Error reading events stream: connection reset",
        );
    }

    #[test]
    fn an_error_is_of_the_api_server_of_the_kind_or_our_own() {
        for (code, want) in
            [(403, Cause::Kind), (404, Cause::Kind), (401, Cause::Us), (429, Cause::Away), (503, Cause::Away)]
        {
            assert_eq!(cause(&refused(code, "")), want, "{code}");
        }
        let lost = kube::Error::ReadEvents(std::io::Error::other("connection reset"));
        assert_eq!(cause(&watcher::Error::WatchFailed(lost)), Cause::Away);
    }

    #[test]
    fn an_error_says_what_is_absent_or_stale() {
        assert!(is_absent(&refused(404, "")) && !is_absent(&refused(403, "")));
        assert!(is_stale(&refused(410, "")) && !is_stale(&refused(500, "")));
        assert!(streams_no_lists(&refused(422, "")) && !streams_no_lists(&refused(404, "")));
    }
}
