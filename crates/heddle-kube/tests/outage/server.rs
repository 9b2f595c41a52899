//! As much of an API server as a watch sees, without sockets: objects, their history, and ways to be away.

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::{BoxStream, StreamExt as _};
use heddle_kube::Client;
use http::{Request, Response};
use http_body_util::StreamBody;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The time that a client waits for an answer that does not come.
const SILENCE: Duration = Duration::from_secs(20);

type Frame = Result<hyper::body::Frame<Bytes>, io::Error>;
type Answer = Response<StreamBody<BoxStream<'static, Frame>>>;

/// The server's treatment of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers.
    Up,
    /// It answers, but streams lists so slowly that their watch ends first.
    Slow,
    /// It answers, and ends every watch at once.
    Hasty,
    /// Connections are refused, and those that stood are reset.
    Down,
    /// Connections stand, and nothing comes over them any more.
    Frozen,
}

/// An API server. Clones are one.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<State>>);

struct State {
    moods: BTreeMap<String, Mood>,
    revision: u64,
    /// Watches from before this revision are refused: what came after it is forgotten.
    oldest: u64,
    objects: BTreeMap<(String, String), Value>,
    history: Vec<(u64, String, Value)>,
    watches: Vec<(String, UnboundedSender<Frame>)>,
    asked: Vec<(Instant, String)>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let state = State {
            moods: BTreeMap::new(),
            revision: 1,
            oldest: 0,
            objects: BTreeMap::new(),
            history: Vec::new(),
            watches: Vec::new(),
            asked: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        Client::new(tower::service_fn(move |request| server.clone().answer(request)), "default")
    }

    /// Creates or changes an object `shop/NAME`.
    pub(crate) fn set(&self, plural: &str, name: &str, spec: Value) {
        self.change(plural, name, Some(spec));
    }

    pub(crate) fn delete(&self, plural: &str, name: &str) {
        self.change(plural, name, None);
    }

    /// Forgets what happened so far.
    pub(crate) fn compact(&self) {
        let mut state = self.lock();
        state.oldest = state.revision;
        state.history.clear();
    }

    /// Sets the treatment of requests about one kind, or (empty) all kinds, from now on.
    pub(crate) fn becomes(&self, plural: &str, mood: Mood) {
        let mut state = self.lock();
        if plural.is_empty() {
            state.moods.clear();
        }
        state.moods.insert(plural.to_owned(), mood);
        if mood == Mood::Down {
            let reset = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
            state.watches.retain(|(of, watch)| {
                let hit = plural.is_empty() || of == plural;
                if hit {
                    let _gone = watch.unbounded_send(reset());
                }
                !hit
            });
        }
    }

    /// Returns the times at which a kind was asked about, since a moment.
    pub(crate) fn asked(&self, plural: &str, since: Instant) -> Vec<Instant> {
        let asked = &self.lock().asked;
        asked.iter().filter(|(at, of)| of == plural && *at >= since).map(|(at, _)| *at).collect()
    }

    fn change(&self, plural: &str, name: &str, spec: Option<Value>) {
        let mut state = self.lock();
        state.revision += 1;
        let (key, revision) = ((plural.to_owned(), name.to_owned()), state.revision);
        let known = state.objects.get(&key).cloned();
        let word = match (&known, &spec) {
            (None, Some(_)) => "ADDED",
            (Some(_), Some(_)) => "MODIFIED",
            (_, None) => "DELETED",
        };
        let mut object = spec.map_or_else(|| known.expect("it is there"), |spec| json!({"spec": spec}));
        object["metadata"] =
            json!({"namespace": "shop", "name": name, "resourceVersion": revision.to_string()});
        if word == "DELETED" {
            state.objects.remove(&key);
        } else {
            state.objects.insert(key, object.clone());
        }
        let event = json!({"type": word, "object": object});
        state.history.push((revision, plural.to_owned(), event.clone()));
        if state.mood(plural) != Mood::Frozen {
            let is_wanted = |watch: &&(String, _)| watch.0 == plural;
            state
                .watches
                .iter()
                .filter(is_wanted)
                .for_each(|(_, watch)| drop(watch.unbounded_send(line(&event))));
        }
    }

    async fn answer(self, request: Request<Body>) -> Result<Answer, io::Error> {
        let plural = plural(request.uri().path());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mood = {
            let mut state = self.lock();
            state.asked.push((Instant::now(), plural.clone()));
            let at_once = state.asked.iter().rev().take_while(|(at, _)| at.elapsed().is_zero()).count();
            assert!(at_once < 5000, "{plural} is asked about without a pause");
            state.mood(&plural)
        };
        match mood {
            Mood::Up | Mood::Slow | Mood::Hasty if query.contains("watch=true") => {
                Ok(self.watch(&plural, &query))
            }
            Mood::Up | Mood::Slow | Mood::Hasty => Ok(self.list(&plural)),
            Mood::Down => Err(io::ErrorKind::ConnectionRefused.into()),
            Mood::Frozen => {
                sleep(SILENCE).await;
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// All objects, on one page.
    fn list(&self, plural: &str) -> Answer {
        let state = self.lock();
        let items: Vec<_> = state.all(plural).collect();
        let metadata = json!({"resourceVersion": state.revision.to_string()});
        let list = json!({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items});
        Response::new(StreamBody::new(futures::stream::iter([line(&list)]).boxed()))
    }

    fn watch(&self, plural: &str, query: &str) -> Answer {
        let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{key}=")));
        let lives = value("timeoutSeconds").and_then(|text| text.parse().ok()).expect("watches are renewed");
        let mut state = self.lock();
        let (watch, frames) = unbounded();
        if value("sendInitialEvents") == Some("true") {
            for object in state.all(plural) {
                drop(watch.unbounded_send(line(&json!({"type": "ADDED", "object": object}))));
            }
            if state.mood(plural) != Mood::Slow {
                let end = json!({"k8s.io/initial-events-end": "true"});
                drop(watch.unbounded_send(line(&bookmark(state.revision, end))));
            }
        } else {
            let from: u64 = value("resourceVersion").and_then(|text| text.parse().ok()).expect("a revision");
            if from < state.oldest {
                return gone();
            }
            let missed = state.history.iter().filter(|(at, of, _)| *at > from && of == plural);
            missed.for_each(|(_, _, event)| drop(watch.unbounded_send(line(event))));
        }
        if state.mood(plural) != Mood::Hasty {
            state.watches.push((plural.to_owned(), watch.clone()));
            tokio::spawn(self.clone().end(plural.to_owned(), watch, Duration::from_secs(lives)));
        }
        Response::new(StreamBody::new(frames.boxed()))
    }

    /// A watch ends in its time with a bookmark, unless nothing goes over its connection.
    async fn end(self, plural: String, watch: UnboundedSender<Frame>, lives: Duration) {
        sleep(lives).await;
        let mut state = self.lock();
        if state.mood(&plural) != Mood::Frozen {
            drop(watch.unbounded_send(line(&bookmark(state.revision, json!({})))));
            watch.close_channel();
            state.watches.retain(|(_, watch)| !watch.is_closed());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }
}

impl State {
    fn all(&self, plural: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |((of, _), _)| of == plural).map(|(_, object)| object)
    }

    fn mood(&self, plural: &str) -> Mood {
        let mood = self.moods.get(plural).or_else(|| self.moods.get(""));
        mood.copied().unwrap_or(Mood::Up)
    }
}

fn line(event: &Value) -> Frame {
    Ok(hyper::body::Frame::data(format!("{event}\n").into()))
}

fn bookmark(revision: u64, annotations: Value) -> Value {
    let metadata = json!({"resourceVersion": revision.to_string(), "annotations": annotations});
    json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Any", "metadata": metadata}})
}

fn gone() -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410});
    let body = futures::stream::iter([line(&status)]).boxed();
    Response::builder().status(410).body(StreamBody::new(body)).expect("a response")
}

/// Returns what a path asks about. Linkerd has routes and workloads of its own by the same names.
fn plural(path: &str) -> String {
    let mut words = path.rsplit('/');
    match (words.next(), words.nth(1)) {
        (Some("httproutes"), Some("policy.linkerd.io")) => "linkerdroutes".into(),
        (Some("externalworkloads"), Some("workload.linkerd.io")) => "linkerdworkloads".into(),
        (last, _) => last.expect("a path").into(),
    }
}
