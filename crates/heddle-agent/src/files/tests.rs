use super::*;
use heddle_ca::{Authority, San, Template, authority};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// A key and an answer for it, good for so long from the real now on.
fn issued(lifetime: Duration) -> (PrivateKey, Answer) {
    let now = SystemTime::now();
    let root = authority::root(now, &mut |serial| serial.fill(1));
    let signing = authority::intermediate(&root, now, &mut |serial| serial.fill(2)).expect("signing");
    let authority = Authority::load(&root.certificate, signing, now).expect("authority");
    let key = PrivateKey::generate();
    let template = Template { names: vec![San::Dns("web".into())], lifetime };
    let leaf = authority.sign(&template, &key.public(), now, &mut |serial| serial.fill(3)).expect("leaf");
    let chain = leaf.chain_pem().concat();
    let answer = Answer::read(&chain, authority.bundle().pem(), &key.public(), now).expect("good");
    (key, answer)
}

fn private() -> tempfile::TempDir {
    let permissions = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(permissions).tempdir().expect("folder")
}

fn left(folder: &Folder, now: SystemTime) -> Option<Answer> {
    folder.read(now).expect("it is ours")
}

const HOUR: Duration = Duration::from_secs(3600);

fn versions(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(&folder.certs).expect("folder").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("ASCII"));
    let mut versions: Vec<_> = names.filter(|name| name.starts_with("..v")).collect();
    versions.sort();
    versions
}

#[test]
fn what_was_written_reads_back_and_only_the_owner_reads_the_key() {
    let temporary = private();
    let folder = Folder::open(&temporary.path().join("deep/web")).expect("open");
    assert_eq!(left(&folder, SystemTime::now()), None);
    let (key, answer) = issued(HOUR);
    folder.write(&key, &answer).expect("write");
    assert_eq!(left(&folder, SystemTime::now()), Some(answer.clone()));
    let mode = |name| fs::metadata(folder.certs.join(name)).expect("file").permissions().mode() & 0o777;
    assert_eq!((mode("tls.key"), mode("tls.crt"), mode("ca.crt")), (0o600, 0o644, 0o644));
    assert_eq!(left(&folder, answer.validity.not_after + Duration::from_secs(1)), None);
}

#[test]
fn one_rename_switches_all_three_and_the_version_before_stays_readable() {
    let temporary = private();
    let folder = Folder::open(temporary.path()).expect("open");
    for version in 1..=4 {
        let (key, answer) = issued(HOUR);
        folder.write(&key, &answer).expect("write");
        let data = fs::read_link(folder.certs.join("..data")).expect("link");
        assert_eq!(data, Path::new(&format!("..v{version}")));
        for name in FILES {
            let link = fs::read_link(folder.certs.join(name)).expect("link");
            assert_eq!(link, Path::new("..data").join(name));
        }
    }
    assert_eq!(versions(&folder), ["..v3", "..v4"]);
}

#[test]
fn a_write_that_broke_off_is_stepped_over() {
    let temporary = private();
    let folder = Folder::open(temporary.path()).expect("open");
    let (key, first) = issued(HOUR);
    folder.write(&key, &first).expect("write");
    // Another agent was killed between its steps: a version without files, and a link that was not renamed.
    fs::create_dir(folder.certs.join("..v2")).expect("folder");
    std::os::unix::fs::symlink("..v2", folder.certs.join("..data.new")).expect("link");
    fs::write(folder.sds.join(".roots.yaml.new"), "half").expect("write");
    assert_eq!(left(&folder, SystemTime::now()), Some(first));
    let (key, second) = issued(HOUR);
    folder.write(&key, &second).expect("write");
    folder.announce().expect("announce");
    assert_eq!(left(&folder, SystemTime::now()), Some(second));
    assert_eq!(versions(&folder), ["..v2", "..v3"]);
}

#[test]
fn announcing_again_says_the_same_in_another_spelling() {
    let temporary = private();
    let folder = Folder::open(temporary.path()).expect("open");
    let announce = || {
        folder.announce().expect("announce");
        let read = |name| fs::read_to_string(folder.sds.join(name)).expect("file");
        [read("identity.yaml"), read("roots.yaml")]
    };
    let (first, second, third) = (announce(), announce(), announce());
    assert_eq!(first, third);
    for (one, other) in first.iter().zip(&second) {
        assert_ne!(one, other);
        assert_eq!(*one, other.replace("/certs/.\"", "/certs\""));
    }
}

#[test]
fn a_folder_that_cannot_be_says_why() {
    let temporary = private();
    let file = temporary.path().join("file");
    fs::write(&file, "").expect("write");
    let text = Folder::open(&file.join("web")).err().map(|error| error.to_string());
    let want = format!("cannot make {:?}: Not a directory (os error 20)", file.join("web"));
    assert_eq!(text, Some(want));
}

/// As somebody may have left it who could write here before the folder was closed to others.
#[test]
fn certificates_that_no_agent_of_this_user_wrote_are_refused_by_name() {
    let temporary = private();
    let folder = Folder::open(temporary.path()).expect("open");
    let (key, answer) = issued(HOUR);
    folder.write(&key, &answer).expect("write");
    let own = folder.certs.join("..v1/tls.key");
    let elsewhere = temporary.path().join("elsewhere");
    fs::rename(&own, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &own).expect("link");
    let text = folder.read(SystemTime::now()).expect_err("refused").to_string();
    assert_eq!(text, format!("{own:?} is a symbolic link, want a regular file: remove it"));
    // A version elsewhere is nobody's of ours: it counts as nothing.
    let version = folder.certs.join("..v1");
    fs::rename(&version, temporary.path().join("version")).expect("moved");
    std::os::unix::fs::symlink("../version", &version).expect("link");
    let text = folder.read(SystemTime::now()).expect_err("refused").to_string();
    assert_eq!(text, format!("{version:?} is a symbolic link, want a folder: remove it"));
    version::link(&folder.certs, "..data", "../version").expect("link");
    assert_eq!(left(&folder, SystemTime::now()), None);
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let temporary = private();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let text = Folder::open(temporary.path()).err().expect("refused").to_string();
    assert!(text.contains("(mode 0755)") && text.contains("run `chmod 700 "), "{text}");
}
