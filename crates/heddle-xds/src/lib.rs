//! heddle-xds
