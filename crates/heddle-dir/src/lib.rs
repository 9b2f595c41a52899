//! heddle-dir
