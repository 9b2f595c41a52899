//! The routes that govern a request, as metadata of Envoy's routes.

use crate::xds;
use heddle_model::access::{AccessEntry, RouteAccess};
use std::collections::BTreeMap;

/// The place of the metadata.
const FILTER: &str = "heddle.access";
/// The one field of it.
const FIELD: &str = "group";

/// The tag of requests that no route matches, where those are refused.
pub(crate) const UNMATCHED: &str = "unmatched";

/// Requests that the same routes govern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The proof by which they are told.
    pub(crate) tag: String,
    /// The routes, by their places.
    pub(crate) governors: Vec<usize>,
    /// Routes that only look on.
    pub(crate) audits: Vec<usize>,
}

impl Group {
    fn is_of(&self, entry: &AccessEntry) -> bool {
        self.governors == entry.governors && self.audits == entry.audits
    }
}

/// Returns the groups of a port, each once.
pub(crate) fn groups(routes: &RouteAccess) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in &routes.entries {
        if !groups.iter().any(|group| group.is_of(entry)) {
            let AccessEntry { matcher: _, governors, audits } = entry.clone();
            groups.push(Group { tag: groups.len().to_string(), governors, audits });
        }
    }
    groups
}

/// Returns the metadata of a route whose requests are of the group of an entry.
pub(crate) fn metadata(groups: &[Group], entry: &AccessEntry) -> Option<xds::Metadata> {
    groups.iter().find(|group| group.is_of(entry)).map(|group| tagged(&group.tag))
}

/// Returns the metadata of a route with a tag.
pub(crate) fn tagged(tag: &str) -> xds::Metadata {
    let value = xds::Value { kind: Some(xds::value::Kind::StringValue(tag.into())) };
    let fields = xds::Struct { fields: BTreeMap::from([(FIELD.to_string(), value)]) };
    let filter_metadata = BTreeMap::from([(FILTER.to_string(), fields)]);
    xds::Metadata { filter_metadata, ..xds::Metadata::default() }
}

/// Returns what asks whether the route of a request has one of these tags.
pub(crate) fn has_tag(tags: &[&str]) -> xds::SourcedMetadata {
    use xds::value_matcher::MatchPattern;
    let exact =
        |tag: &&str| xds::ValueMatcher { match_pattern: Some(MatchPattern::StringMatch(xds::exact(tag))) };
    let mut values: Vec<xds::ValueMatcher> = tags.iter().map(exact).collect();
    let value = match values.len() {
        1 => values.remove(0),
        _ => xds::ValueMatcher {
            match_pattern: Some(MatchPattern::OrMatch(xds::OrMatcher { value_matchers: values })),
        },
    };
    let key = xds::metadata_matcher::path_segment::Segment::Key(FIELD.into());
    xds::SourcedMetadata {
        metadata_matcher: Some(xds::MetadataMatcher {
            filter: FILTER.into(),
            path: vec![xds::metadata_matcher::PathSegment { segment: Some(key) }],
            value: Some(value),
            ..xds::MetadataMatcher::default()
        }),
        metadata_source: xds::MetadataSource::Route.into(),
    }
}
