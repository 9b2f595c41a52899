//! heddle-lower
