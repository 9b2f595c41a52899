//! The version of a resource: a hash of its content.

use std::fmt;

/// A hash of a resource's content. Equal content has an equal version on every replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub [u8; 16]);

impl Version {
    /// Reads back what [`fmt::Display`] prints; `None` for anything else, which is then a version of
    /// somebody else's making and differs from all of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

/// Lower case only: what differs from our own spelling is not ours.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// 32 digits, lower case.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_back_what_it_prints() {
        let version = Version([0, 1, 0xab, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xf0]);
        assert_eq!(version.to_string(), "0001abff0405060708090a0b0c0d0ef0");
        assert_eq!(Version::parse(&version.to_string()), Some(version));
    }

    #[test]
    fn what_we_did_not_write_is_no_version() {
        let upper = "0001ABFF0405060708090A0B0C0D0EF0";
        for text in ["", "1", upper, &"g".repeat(32), &"0".repeat(33), "é23456789012345678901234567890é"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }
}
