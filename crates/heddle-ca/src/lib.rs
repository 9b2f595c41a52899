//! heddle-ca
