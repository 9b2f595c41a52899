use super::*;
use heddle_ca::authority::INTERMEDIATE_LIFETIME;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn folder() -> tempfile::TempDir {
    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().expect("a folder")
}

/// Makes what is missing, and loads it.
fn authority(state: &State, now: SystemTime) -> Result<heddle_ca::Authority> {
    state.renew_authority(now)?;
    state.authority()?.load(now)
}

fn text(error: anyhow::Error) -> String {
    format!("{error:#}")
}

#[test]
fn what_was_made_at_the_first_start_is_there_at_the_second() {
    let (folder, now) = (folder(), SystemTime::now());
    let path = folder.path().join("state");
    let state = State::open(&path).expect("opens");
    let first = authority(&state, now).expect("made");
    let key = state.token_key().expect("made").secret_pem();
    let again = State::open(&path).expect("opens");
    let second = authority(&again, now).expect("loaded");
    assert_eq!((second.bundle(), second.key()), (first.bundle(), first.key()));
    assert_eq!(again.token_key().expect("loaded").secret_pem(), key);
}

#[test]
fn keys_are_for_their_owner_only() {
    let folder = folder();
    let state = State::open(folder.path()).expect("opens");
    authority(&state, SystemTime::now()).expect("made");
    state.token_key().expect("made");
    for name in ["root.key", "intermediate.key", "token.key"] {
        let mode = std::fs::metadata(folder.path().join(name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_spoilt_authority_says_what_is_wrong_with_it() {
    let folder = folder();
    let state = State::open(folder.path()).expect("opens");
    let now = SystemTime::now();
    authority(&state, now).expect("made");
    std::fs::write(folder.path().join("intermediate.key"), "nonsense").expect("written");
    let error = authority(&state, now).err().map(text);
    assert_eq!(
        error.as_deref(),
        Some(
            "its key is no key: private key is not one PEM block \"PRIVATE KEY\" (PKCS#8) or \"EC PRIVATE KEY\""
        )
    );
}

#[test]
fn an_intermediate_is_made_again_before_it_ends_and_the_trust_stays() {
    let folder = folder();
    let state = State::open(folder.path()).expect("opens");
    let start = SystemTime::now();
    let first = authority(&state, start).expect("made");
    let before = start + INTERMEDIATE_LIFETIME * 2 / 3 - DAY;
    assert_eq!(authority(&state, before).expect("loaded").key(), first.key());
    let after = before + 2 * DAY;
    let second = authority(&state, after).expect("made again");
    assert_ne!(second.key(), first.key());
    assert_eq!(second.bundle(), first.bundle());
    // A controller that was away for longer than its intermediate lived.
    let late = after + 2 * INTERMEDIATE_LIFETIME;
    let third = authority(&state, late).expect("made again");
    assert_eq!(third.bundle(), first.bundle());
    assert!(third.validity().holds(late));
}

#[test]
fn an_intermediate_whose_root_key_is_kept_elsewhere_is_left_to_its_operator() {
    let folder = folder();
    let state = State::open(folder.path()).expect("opens");
    let start = SystemTime::now();
    let first = authority(&state, start).expect("made");
    std::fs::rename(folder.path().join("root.key"), folder.path().join("elsewhere")).expect("moved");
    let late = start + INTERMEDIATE_LIFETIME - DAY;
    assert_eq!(authority(&state, late).expect("still good").key(), first.key());
    let error = authority(&state, late + 2 * DAY).err().map(text).expect("it has expired");
    assert!(error.starts_with("certificate \"CN=heddle intermediate "), "{error}");
}

/// Every way in which a process can be killed between the steps that replace a pair.
#[test]
fn a_pair_that_was_half_written_is_one_or_the_other() {
    let folder = folder();
    let state = State::open(folder.path()).expect("opens");
    let now = SystemTime::now();
    let old = authority(&state, now).expect("made");
    let at = |name: &str| folder.path().join(name);
    let keep = |name: &str| std::fs::read(at(name)).expect("there");
    let before = [keep("intermediate.pem"), keep("intermediate.key")];
    let root = state.root(state.read("root.pem").expect("read").expect("there")).expect("a pair");
    let next = intermediate(&root, now, &mut random).expect("made");
    let (certificate, key) = (next.certificate.into_bytes(), next.key.secret_pem().into_bytes());
    let half = certificate[..certificate.len() / 2].to_vec();
    // The staged certificate, the staged key, whether the key was switched; and whose pair it is then.
    let cases = [
        (Some(half.clone()), None, false, true),
        (Some(certificate.clone()), None, false, true),
        (Some(certificate.clone()), Some(key[..10].to_vec()), false, true),
        (Some(certificate.clone()), Some(key.clone()), false, true),
        (Some(certificate.clone()), None, true, false),
        (None, None, false, true),
    ];
    for (staged_certificate, staged_key, switched, is_old) in cases {
        std::fs::write(at("intermediate.pem"), &before[0]).expect("written");
        std::fs::write(at("intermediate.key"), if switched { &key } else { &before[1] }).expect("written");
        for (name, staged) in [("pem", staged_certificate), ("key", staged_key)] {
            let path = at(&format!(".intermediate.{name}.new"));
            staged.into_iter().for_each(|bytes| std::fs::write(&path, bytes).expect("written"));
        }
        let found = authority(&state, now).expect("a whole pair");
        assert_eq!(found.key() == old.key(), is_old);
        assert!(!at(".intermediate.pem.new").exists() && !at(".intermediate.key.new").exists());
    }
}

#[test]
fn what_others_could_have_put_there_is_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("state");
    let state = State::open(&path).expect("opens");
    authority(&state, SystemTime::now()).expect("made");
    std::fs::rename(path.join("root.key"), folder.path().join("elsewhere")).expect("moved");
    symlink(folder.path().join("elsewhere"), path.join("root.key")).expect("linked");
    let error = text(state.renew_authority(SystemTime::now()).expect_err("refused"));
    assert!(
        error.ends_with("state/root.key\" is a symbolic link, want a regular file: remove it"),
        "{error}"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).expect("ours");
    let error = text(State::open(&path).err().expect("refused"));
    assert!(error.starts_with("the state folder cannot be used: "), "{error}");
    assert!(error.contains("(mode 0750)") && error.contains("run `chmod 700 "), "{error}");
}

#[test]
fn one_controller_claims_a_folder() {
    let folder = folder();
    let state = State::open(folder.path()).expect("opens");
    let claim = state.claim().expect("nobody else runs");
    let error = text(state.claim().err().expect("taken"));
    let want = format!(
        "another controller (process {}) runs on the state folder {state}: stop it, or name another folder with --state",
        std::process::id()
    );
    assert_eq!(error, want);
    // A token is made all the same.
    state.token_key().expect("made");
    drop(claim);
    state.claim().expect("free again");
}
