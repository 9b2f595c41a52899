//! heddle-agent
