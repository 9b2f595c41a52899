//! heddle-serve
