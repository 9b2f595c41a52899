//! heddle-decide
