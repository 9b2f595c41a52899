//! Test support of several crates: reading objects, shuffling histories, printing Snapshots, goldens.

pub mod difference;
pub mod dump;
pub mod golden;
pub mod history;
pub mod objects;
pub mod random;

pub use difference::difference;
pub use dump::dump;
pub use history::Shuffler;
pub use objects::{Objects, read};
pub use random::Random;
