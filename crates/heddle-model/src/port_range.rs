//! Ranges of ports, as annotations and flags write them.

use crate::text::items;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// One port, or all ports from one to another: `9090`, `9000-9100`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange(RangeInclusive<u16>);

/// A text that is neither a port nor a range of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRangeError(String);

impl PortRange {
    /// The most ports that a list may name, where each of them is kept: a few letters could name all 65,535 for every Pod.
    pub const MOST_KEPT: usize = 1024;

    /// Returns the ranges of a list whose items are separated by commas. Empty items count for nothing.
    pub fn list(text: &str) -> impl Iterator<Item = Result<Self, PortRangeError>> {
        items(text).map(str::parse)
    }

    /// Returns the ports.
    pub fn ports(self) -> RangeInclusive<u16> {
        self.0
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, PortRangeError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self(first..=last)),
            _ => Err(PortRangeError(text.into())),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

impl fmt::Display for PortRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither a port (9090) nor a range of ports (9000-9100)", self.0)
    }
}

impl std::error::Error for PortRangeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_port_or_from_one_to_another() {
        assert_eq!("9090".parse(), Ok(PortRange(9090..=9090)));
        assert_eq!("9000 - 9100".parse(), Ok(PortRange(9000..=9100)));
        for bad in ["", "0", "70000", "9100-9000", "http", "1-", "-1"] {
            assert_eq!(bad.parse::<PortRange>(), Err(PortRangeError(bad.into())));
        }
    }

    #[test]
    fn a_list_is_read_item_by_item_and_shown_as_it_is_read() {
        let shown: Vec<_> = PortRange::list("9090, 9000 - 9100,,x")
            .map(|range| range.map_or_else(|bad| bad.to_string(), |range| range.to_string()))
            .collect();
        let wrong = "\"x\" is neither a port (9090) nor a range of ports (9000-9100)";
        assert_eq!(shown, ["9090", "9000-9100", wrong]);
    }
}
