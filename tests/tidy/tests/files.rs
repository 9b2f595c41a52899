//! Rules about files: pure crates carry one set of bans, no file outgrows its noun, nothing is promised.

use heddle_tidy::{PURE, is_generated, root, sources};
use std::{env, fs};

#[test]
fn pure_crates_carry_the_same_bans() {
    let want = fs::read_to_string(root().join("tests/tidy/pure-clippy.toml")).expect("the source");
    for name in PURE {
        let path = root().join("crates").join(name).join("clippy.toml");
        if env::var_os("BLESS").is_some() {
            fs::write(&path, &want).expect("writable");
        }
        let got = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            got == want,
            "{} differs from tests/tidy/pure-clippy.toml (BLESS=1 rewrites)",
            path.display()
        );
    }
}

#[test]
fn no_file_outgrows_its_noun() {
    const MOST: usize = 700;
    for path in sources() {
        let text = fs::read_to_string(&path).expect("readable");
        let lines = text.lines().count();
        assert!(is_generated(&text) || lines <= MOST, "{}: {lines} lines, at most {MOST}", path.display());
    }
}

#[test]
fn nothing_is_promised_and_no_test_is_switched_off() {
    let banned = ["todo", "unimplemented"].map(|word| format!("{word}!("));
    let ignore = format!("#[{}", "ignore");
    for path in sources() {
        let text = fs::read_to_string(&path).expect("readable");
        for word in banned.iter().chain([&ignore]) {
            assert!(is_generated(&text) || !text.contains(word.as_str()), "{}: {word}", path.display());
        }
    }
}
