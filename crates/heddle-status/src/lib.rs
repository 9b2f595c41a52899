//! heddle-status
