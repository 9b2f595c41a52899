//! heddle-kube
