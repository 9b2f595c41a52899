use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

/// The error of a step, with the folder's own path written as `~`.
fn error<T>(folder: &Path, step: Result<T, BadFolder>) -> String {
    let text = step.err().expect("refused").to_string();
    text.replace(folder.to_str().expect("UTF-8"), "~")
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().expect("a folder");
    let path = temporary.path().canonicalize().expect("it is there");
    (temporary, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let (_temporary, folder) = temporary();
    let path = open(&folder.join("deep/state")).expect("made");
    for made in [path.as_path(), &folder.join("deep")] {
        assert_eq!(fs::metadata(made).expect("there").mode() & 0o777, 0o700, "{made:?}");
    }
}

#[test]
fn a_folder_that_others_may_enter_is_refused_with_what_to_run() {
    let (_temporary, folder) = temporary();
    for mode in [0o755, 0o750, 0o711, 0o701, 0o777] {
        set_mode(&folder, mode);
        let want = format!(
            "\"~\" is open to other users (mode {mode:04o}), who may have put keys there: if you trust what is in it, run `chmod 700 ~`"
        );
        assert_eq!(error(&folder, open(&folder)), want);
    }
    set_mode(&folder, 0o700);
    open(&folder).expect("its owner's alone");
}

#[test]
fn what_is_no_file_of_ours_is_refused_by_name() {
    let (_temporary, folder) = temporary();
    let at = |name: &str| folder.join(name);
    assert_eq!(read(&at("root.key")).expect("not there"), None);
    fs::write(at("elsewhere"), "a key").expect("written");
    symlink(at("elsewhere"), at("link")).expect("linked");
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).expect("made");
    fs::create_dir(at("folder")).expect("made");
    fs::write(at("open"), "a key").expect("written");
    set_mode(&at("open"), 0o666);
    for (name, want) in [
        ("link", "\"~/link\" is a symbolic link, want a regular file: remove it"),
        ("pipe", "\"~/pipe\" is a pipe, want a regular file: remove it"),
        ("folder", "\"~/folder\" is a folder, want a regular file: remove it"),
        (
            "open",
            "\"~/open\" is open to other users (mode 0666), who may have put keys there: if you trust what is in it, run `chmod 644 ~/open`",
        ),
    ] {
        assert_eq!(error(&folder, read(&at(name))), want);
    }
    assert_eq!(
        error(&folder, open_within(&at("link"))),
        "\"~/link\" is a symbolic link, want a folder: remove it"
    );
    assert_eq!(read(&at("elsewhere")).expect("ours").as_deref(), Some("a key"));
}

#[test]
fn a_regular_file_is_read_behind_links_and_a_pipe_is_not_waited_for() {
    let (_temporary, folder) = temporary();
    let at = |name: &str| folder.join(name);
    fs::write(at("file"), "text").expect("written");
    symlink("file", at("link")).expect("linked");
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).expect("made");
    assert_eq!(read_regular(&at("link")).expect("read"), "text");
    assert_eq!(
        error(&folder, read_regular(&at("pipe"))),
        "\"~/pipe\" is a pipe, want a regular file: remove it"
    );
    fs::write(at("large"), vec![b'a'; 1024 * 1024 + 1]).expect("written");
    assert_eq!(
        error(&folder, read_regular(&at("large"))),
        "cannot read \"~/large\": it has more than 1048576 bytes"
    );
}
