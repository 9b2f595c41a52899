use super::*;
use heddle_ca::token::{Grant, Liveness, Reviewed, TokenKey, issue};
use heddle_model::{Identity, WorkloadKey};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

/// The source of tokens.
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

struct Noon;

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }
}

struct Alive;

impl Live for Alive {
    fn live(&self, workload: &WorkloadKey) -> Liveness {
        match workload.name.as_str() {
            "web-0" => Liveness::Alive { uid: None, service_account: "web".into() },
            "gone-0" => Liveness::Gone,
            _ => Liveness::Unknown,
        }
    }
}

/// Answers with these keys, and counts.
struct Source {
    keys: Result<Keys, String>,
    fetches: Arc<AtomicUsize>,
}

impl FetchKeys for Source {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, String>> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(self.keys.clone()))
    }
}

fn rules(audience: &str) -> Rules {
    Rules { issuer: "heddle".into(), audiences: [audience.to_string()].into() }
}

fn token(key: &TokenKey, workload: &str, audience: &str) -> String {
    let identity = Identity::new("shop", "web").unwrap();
    let grant = Grant { identity, external_workload: workload.into(), lifetime: Duration::from_secs(600) };
    issue(key, &grant, &rules(audience), Noon.now())
}

fn tokens(known: &TokenKey, fetched: Result<Keys, String>) -> (Tokens, Arc<AtomicUsize>) {
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = Box::new(Source { keys: fetched, fetches: fetches.clone() });
    (Tokens::new(rules("heddle"), known.keys(), source, Arc::new(Alive), Arc::new(Noon)), fetches)
}

#[track_caller]
fn check(got: Result<Caller, Refusal>, want: Result<&str, (&str, bool)>) {
    let got = got.map(|caller| caller.identity.to_string());
    let got = got.map_err(|refusal| (refusal.to_string(), matches!(refusal, Refusal::NotNow(_))));
    assert_eq!(got, want.map(String::from).map_err(|(text, again)| (text.to_string(), again)));
}

#[tokio::test]
async fn a_token_proves_the_workload_that_it_is_bound_to() {
    let key = TokenKey::generate();
    let (tokens, fetches) = tokens(&key, Err("never asked".into()));
    check(tokens.authenticate(&token(&key, "web-0", "heddle"), HERE).await, Ok("shop/web"));
    check(
        tokens.authenticate(&token(&key, "gone-0", "heddle"), HERE).await,
        Err(("the token is refused: external/shop/gone-0 is gone", false)),
    );
    check(
        tokens.authenticate(&token(&key, "new-0", "heddle"), HERE).await,
        Err(("external/shop/new-0 is not known yet, try again", true)),
    );
    check(
        tokens.authenticate(&token(&key, "web-0", "other"), HERE).await,
        Err(("the token is refused: token is for audience [\"other\"], want one of {\"heddle\"}", false)),
    );
    assert_eq!(fetches.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once() {
    let (old, new) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, fetches) = tokens(&old, Ok(new.keys()));
    check(tokens.authenticate(&token(&new, "web-0", "heddle"), HERE).await, Ok("shop/web"));
    check(tokens.authenticate(&token(&new, "web-0", "heddle"), HERE).await, Ok("shop/web"));
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_costs_one_fetch() {
    let (own, foreign) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, fetches) = tokens(&own, Ok(own.keys()));
    let token = token(&foreign, "web-0", "heddle");
    let first = tokens.authenticate(&token, HERE).await.expect_err("foreign").to_string();
    assert!(first.starts_with("the token is refused: token is signed by key "), "{first}");
    for _ in 0..100 {
        let refusal = tokens.authenticate(&token, HERE).await.expect_err("foreign");
        let text = refusal.to_string();
        let again = "which the issuer's key set does not have, try again";
        assert!(matches!(refusal, Refusal::NotNow(_)) && text.ends_with(again), "{text}");
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    tokio::time::advance(PAUSE).await;
    assert!(matches!(tokens.authenticate(&token, HERE).await, Err(Refusal::Token(_))));
    assert_eq!(fetches.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_refuse_nobody_for_good() {
    let (old, new) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, _) = tokens(&old, Err("connection refused".into()));
    check(
        tokens.authenticate(&token(&new, "web-0", "heddle"), HERE).await,
        Err(("the token issuer's keys cannot be had: connection refused, try again", true)),
    );
    check(tokens.authenticate(&token(&old, "web-0", "heddle"), HERE).await, Ok("shop/web"));
}

/// An issuer that answers so, and counts.
struct Issuer {
    answer: Result<Answer, String>,
    asked: Arc<AtomicUsize>,
}

impl Review for Issuer {
    fn review<'a>(
        &'a self,
        _: &'a str,
        audiences: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Answer, String>> {
        assert_eq!(audiences, &["heddle".to_string()].into());
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(self.answer.clone()))
    }
}

/// Tokens whose issuer publishes the keys `known` and answers so about others.
fn reviewed(known: &TokenKey, answer: Result<Answer, String>) -> (Tokens, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let (tokens, _) = tokens(known, Ok(known.keys()));
    (tokens.reviewed_by(Box::new(Issuer { answer, asked: asked.clone() })), asked)
}

fn good(user: &str) -> Result<Answer, String> {
    Ok(Answer::Good(Reviewed { user: user.into(), pod: None, audiences: vec!["heddle".into()] }))
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_published_is_asked_about_and_the_answer_holds_a_moment() {
    let (known, hidden) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, asked) = reviewed(&known, good("system:serviceaccount:shop:web"));
    let web = token(&hidden, "web-0", "heddle");
    for _ in 0..3 {
        check(tokens.authenticate(&web, HERE).await, Ok("shop/web"));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(review::HOLDS).await;
    check(tokens.authenticate(&web, HERE).await, Ok("shop/web"));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    // Whether a workload lives is not told to who has proved nothing, and nobody is asked about it.
    for workload in ["gone-0", "new-0"] {
        let refusal =
            tokens.authenticate(&token(&hidden, workload, "heddle"), HERE).await.expect_err("refused");
        let text = refusal.to_string();
        assert!(text.ends_with("which the issuer's key set does not have, try again"), "{text}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_the_issuer_refuses_or_says_otherwise_is_refused_for_good() {
    let (known, hidden) = (TokenKey::generate(), TokenKey::generate());
    let web = token(&hidden, "web-0", "heddle");
    let (tokens, _) = reviewed(&known, Ok(Answer::Bad("invalid bearer token".into())));
    let text = "the token is refused: its issuer does not take it: invalid bearer token";
    check(tokens.authenticate(&web, HERE).await, Err((text, false)));
    let (tokens, _) = reviewed(&known, good("system:serviceaccount:shop:cart"));
    let text = "the token is refused: token claims another ServiceAccount than its issuer says";
    check(tokens.authenticate(&web, HERE).await, Err((text, false)));
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_asked_again() {
    let (known, hidden) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, asked) = reviewed(&known, Err("connection refused".into()));
    let web = token(&hidden, "web-0", "heddle");
    for _ in 0..2 {
        let text = "the token cannot be checked: connection refused, try again";
        check(tokens.authenticate(&web, HERE).await, Err((text, true)));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_check_that_failed_is_tried_nowhere_else() {
    let (known, hidden) = (TokenKey::generate(), TokenKey::generate());
    let (tokens, asked) = reviewed(&known, good("system:serviceaccount:shop:web"));
    let (web, other) = (token(&known, "web-0", "heddle"), token(&known, "web-1", "heddle"));
    // The claims of one, the signature of another.
    let spliced = [web.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1].join(".");
    let error = tokens.authenticate(&spliced, HERE).await.expect_err("refused").to_string();
    assert!(error.starts_with("the token is refused: token has a signature that is not of key "), "{error}");
    check(
        tokens.authenticate(&token(&hidden, "web-0", "vault"), HERE).await,
        Err(("the token is refused: token is for audience [\"vault\"], want one of {\"heddle\"}", false)),
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_tokens_costs_so_many_questions_and_nobody_elses() {
    let known = TokenKey::generate();
    let (tokens, asked) = reviewed(&known, Ok(Answer::Bad("invalid bearer token".into())));
    let made_up = || token(&TokenKey::generate(), "web-0", "heddle");
    let from = |peer: usize| IpAddr::from([10, 0, 1, u8::try_from(peer).unwrap()]);
    for question in 0..review::MOST {
        let refused = tokens.authenticate(&made_up(), from(question / review::EACH)).await;
        assert!(matches!(refused, Err(Refusal::Token(_))));
        if question == review::EACH {
            let text = "the token cannot be checked: its issuer was asked 20 times within 10s for 10.0.1.0, try again";
            check(tokens.authenticate(&made_up(), from(0)).await, Err((text, true)));
        }
    }
    let text = "the token cannot be checked: its issuer was asked 200 times within 10s, try again";
    let one_more = made_up();
    check(tokens.authenticate(&one_more, HERE).await, Err((text, true)));
    check(tokens.authenticate(&token(&known, "web-0", "heddle"), HERE).await, Ok("shop/web"));
    assert_eq!(asked.load(Ordering::Relaxed), review::MOST);
    tokio::time::advance(review::HOLDS).await;
    assert!(matches!(tokens.authenticate(&one_more, HERE).await, Err(Refusal::Token(_))));
}

/// An issuer that never answers.
struct Silent;

impl Review for Silent {
    fn review<'a>(&'a self, _: &'a str, _: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Answer, String>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_holds_up_a_few_of_each_peer_and_nobody_whose_key_is_known() {
    let known = TokenKey::generate();
    let (tokens, _) = tokens(&known, Ok(known.keys()));
    let tokens = Arc::new(tokens.reviewed_by(Box::new(Silent)));
    let mut forgeries = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let (tokens, made_up) = (tokens.clone(), token(&TokenKey::generate(), "web-0", "heddle"));
        forgeries.spawn(async move { tokens.authenticate(&made_up, HERE).await });
    }
    let at_once = async {
        let mut refused = 0;
        while refused < 492 {
            let text = "too many tokens wait to be checked, try again";
            check(forgeries.join_next().await.unwrap().unwrap(), Err((text, true)));
            refused += 1;
        }
    };
    tokio::time::timeout(Duration::from_millis(1), at_once).await.expect("nobody waits for them");
    for _ in 0..100 {
        check(tokens.authenticate(&token(&known, "web-0", "heddle"), HERE).await, Ok("shop/web"));
    }
    while let Some(forgery) = forgeries.join_next().await {
        assert!(matches!(forgery.unwrap(), Err(Refusal::NotNow(_))));
    }
}
