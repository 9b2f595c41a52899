//! heddle-catalog
