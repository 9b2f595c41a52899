//! heddle-proto
