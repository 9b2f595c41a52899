//! The demo is a test: it asserts, and fails if something does not hold.

use std::path::Path;
use std::process::Command;

#[test]
fn the_demo_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().expect("a folder");
    let out = Command::new(env!("CARGO_BIN_EXE_heddle"))
        .current_dir(&root)
        .args(["demo", "--dir"])
        .arg(folder.path().join("demo"))
        .output()
        .expect("it starts");
    let (told, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    println!("{told}");
    assert!(out.status.success(), "{errors}");
    for scene in [
        "mTLS between all",
        "A canary",
        "A header match",
        "A retry",
        "An AccessPolicy",
        "rotate",
        "restarted",
    ] {
        assert!(told.contains(scene), "no scene {scene:?}");
    }
}
