//! heddle-index
