#![allow(clippy::wildcard_enum_match_arm, reason = "a test is about some variants")]
use super::*;
use heddle_model::Kind;
use std::fs;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The time that a change may take to arrive.
const SOON: Duration = Duration::from_secs(20);

/// A followed folder.
struct Followed {
    dir: TempDir,
    events: mpsc::Receiver<Event>,
    state: watch::Receiver<State>,
    task: JoinHandle<Result<(), WatchError>>,
}

fn service(name: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{clusterIP: 127.1.0.1}}\n")
}

impl Followed {
    fn start(dir: TempDir, path: PathBuf) -> Self {
        let (queue, events) = mpsc::channel(64);
        let (sender, state) = watch::channel(State::default());
        let task = tokio::spawn(watch(path, queue, sender));
        Self { dir, events, state, task }
    }

    /// Follows a folder with these files.
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().to_path_buf();
        for (name, text) in files {
            fs::write(path.join(name), text).expect("written");
        }
        Self::start(dir, path)
    }

    fn write(&self, name: &str, text: &str) {
        let temporary = self.dir.path().join(".new");
        fs::write(&temporary, text).expect("written");
        fs::rename(temporary, self.dir.path().join(name)).expect("renamed");
    }

    /// The next list: its kind and the names in it.
    async fn next(&mut self) -> (Kind, Vec<String>) {
        match timeout(SOON, self.events.recv()).await.expect("in time").expect("open") {
            Event::Replace(kind, list) => {
                (kind, list.into_iter().map(|object| object.source.name.to_string()).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    /// The first lists; returns the names of the Services.
    async fn first(&mut self) -> Vec<String> {
        let mut services = Vec::new();
        for kind in Kind::ALL {
            let (got, names) = self.next().await;
            assert_eq!(got, kind);
            if kind == Kind::Service {
                services = names;
            }
        }
        services
    }

    /// Waits until the faults are these.
    async fn faults(&mut self, want: &[&str]) {
        let met = |state: &State| state.errors.iter().map(ToString::to_string).collect::<Vec<_>>() == want;
        timeout(SOON, self.state.wait_for(met)).await.expect("in time").expect("open");
    }
}

#[tokio::test]
async fn all_lists_come_first_and_then_those_that_changed() {
    let mut folder = Followed::with(&[("web.yaml", &service("web"))]);
    assert_eq!(folder.first().await, ["web"]);
    timeout(SOON, folder.state.wait_for(|state| state.ready)).await.expect("in time").expect("open");
    folder.write("cart.yaml", &service("cart"));
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into(), "web".into()]));
    fs::remove_file(folder.dir.path().join("web.yaml")).expect("removed");
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into()]));
}

#[tokio::test]
async fn a_broken_edit_keeps_what_is_served_and_says_so() {
    let mut folder = Followed::with(&[("web.yaml", &service("web"))]);
    folder.first().await;
    folder.write("cart.yaml", "kind: Service\n");
    folder.faults(&["cart.yaml:1: has no apiVersion and kind"]).await;
    assert!(folder.state.borrow().ready);
    folder.write("web.yaml", &service("gone"));
    folder.write("cart.yaml", &service("cart"));
    folder.faults(&[]).await;
    let (kind, names) = folder.next().await;
    assert_eq!(kind, Kind::Service);
    assert_eq!(names, ["cart", "gone"], "nothing came of the state between");
}

#[tokio::test]
async fn a_folder_that_is_broken_at_first_is_not_ready() {
    let mut folder = Followed::with(&[("web.yaml", "a: [")]);
    timeout(SOON, folder.state.wait_for(|state| !state.errors.is_empty()))
        .await
        .expect("in time")
        .expect("open");
    assert!(!folder.state.borrow().ready);
    assert!(folder.events.try_recv().is_err());
    folder.write("web.yaml", &service("web"));
    assert_eq!(folder.first().await, ["web"]);
    folder.faults(&[]).await;
}

/// A mounted ConfigMap changes by one renamed link to a hidden folder.
#[cfg(unix)]
#[tokio::test]
async fn a_mounted_config_map_is_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().to_path_buf();
    for (version, name) in [("..1", "web"), ("..2", "cart")] {
        fs::create_dir(path.join(version)).expect("made");
        fs::write(path.join(version).join("a.yaml"), service(name)).expect("written");
    }
    symlink("..1", path.join("..data")).expect("linked");
    symlink("..data/a.yaml", path.join("a.yaml")).expect("linked");
    let mut folder = Followed::start(dir, path.clone());
    assert_eq!(folder.first().await, ["web"]);
    symlink("..2", path.join("..data_tmp")).expect("linked");
    fs::rename(path.join("..data_tmp"), path.join("..data")).expect("renamed");
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into()]));
}

#[tokio::test]
async fn a_folder_that_appears_later_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("later");
    let mut folder = Followed::start(dir, path.clone());
    timeout(SOON, folder.state.wait_for(|state| !state.errors.is_empty()))
        .await
        .expect("in time")
        .expect("open");
    fs::create_dir(&path).expect("made");
    fs::write(path.join("web.yaml"), service("web")).expect("written");
    let names = folder.first().await;
    let names = if names.is_empty() { folder.next().await.1 } else { names };
    assert_eq!(names, ["web"]);
}

#[tokio::test]
async fn following_ends_with_its_queue() {
    let mut folder = Followed::with(&[]);
    folder.first().await;
    drop(folder.events);
    timeout(SOON, folder.task).await.expect("in time").expect("no panic").expect("no error");
}

/// `(sleep 2; cat policy) > folder/policy.yaml`: the file is emptied at once, and written later.
#[tokio::test]
async fn a_file_that_is_being_written_counts_once_it_is_closed() {
    use std::io::Write;
    let mut folder = Followed::with(&[("web.yaml", &service("web"))]);
    assert_eq!(folder.first().await, ["web"]);
    let mut file = fs::File::create(folder.dir.path().join("web.yaml")).expect("emptied");
    // Another file is complete meanwhile, and waits.
    folder.write("cart.yaml", &service("cart"));
    let none = timeout(Duration::from_secs(2), folder.events.recv()).await;
    assert!(none.is_err(), "{none:?} came of a file that nobody has closed");
    file.write_all(service("shop").as_bytes()).expect("written");
    drop(file);
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into(), "shop".into()]));
}

#[tokio::test]
async fn a_file_that_nobody_closes_keeps_its_content_and_holds_the_others_for_a_while_only() {
    let mut folder = Followed::with(&[("web.yaml", &service("web"))]);
    assert_eq!(folder.first().await, ["web"]);
    let _never_closed = fs::File::create(folder.dir.path().join("web.yaml")).expect("emptied");
    let _nor_this = fs::File::create(folder.dir.path().join("new.yaml")).expect("made");
    folder.write("cart.yaml", &service("cart"));
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into(), "web".into()]));
}

/// `rm folder/*; cp elsewhere/* folder/`: there is a moment without any file.
#[tokio::test]
async fn files_that_go_are_given_time_to_be_replaced() {
    let mut folder = Followed::with(&[("web.yaml", &service("web")), ("cart.yaml", &service("cart"))]);
    assert_eq!(folder.first().await, ["cart", "web"]);
    let path = folder.dir.path().to_path_buf();
    for name in ["web.yaml", "cart.yaml"] {
        fs::remove_file(path.join(name)).expect("removed");
    }
    let none = timeout(Duration::from_millis(300), folder.events.recv()).await;
    assert!(none.is_err(), "{none:?} came of the moment between");
    for name in ["web", "shop"] {
        fs::write(path.join(format!("{name}.yaml")), service(name)).expect("copied");
    }
    assert_eq!(folder.next().await, (Kind::Service, vec!["shop".into(), "web".into()]));
}

#[tokio::test]
async fn links_that_are_swapped_are_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().to_path_buf();
    let swap = |target: &str, link: &str| {
        symlink(target, path.join("next")).expect("linked");
        fs::rename(path.join("next"), path.join(link)).expect("swapped");
    };
    for (version, name) in [("one", "web"), ("two", "cart")] {
        fs::create_dir_all(path.join(version).join("folder")).expect("made");
        fs::write(path.join(version).join("folder/a.yaml"), service(name)).expect("written");
    }
    fs::write(path.join("elsewhere.yaml"), service("shop")).expect("written");
    // The folder itself, its parent, and a file in it.
    swap("one", "parent");
    swap("parent/folder", "link");
    let mut folder = Followed::start(dir, path.join("link"));
    assert_eq!(folder.first().await, ["web"]);
    swap("two/folder", "link");
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into()]));
    swap("parent/folder", "link");
    assert_eq!(folder.next().await, (Kind::Service, vec!["web".into()]));
    swap("two", "parent");
    assert_eq!(folder.next().await, (Kind::Service, vec!["cart".into()]));
    swap("../../elsewhere.yaml", "two/folder/a.yaml");
    assert_eq!(folder.next().await, (Kind::Service, vec!["shop".into()]));
    // A file behind a link, written where no event of the folder says so.
    fs::write(path.join("elsewhere.yaml"), service("late")).expect("written");
    assert_eq!(folder.next().await, (Kind::Service, vec!["late".into()]));
}
