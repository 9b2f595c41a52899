//! heddle-session
