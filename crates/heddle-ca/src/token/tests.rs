use super::*;
use crate::bundle::hex;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use heddle_model::{Identity, Name, WorkloadKey, WorkloadKind};
use serde_json::{Value, json};
use std::sync::LazyLock;

const UID: &str = "0a6a5f4c-0000-4000-8000-000000000001";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn rules() -> Rules {
    Rules { issuer: "https://issuer".into(), audiences: ["heddle".to_string()].into() }
}

/// The claims of a bound token, as an API server writes them.
fn claims() -> Value {
    json!({
        "aud": ["heddle"],
        "exp": 1_800_003_600,
        "iat": 1_800_000_000,
        "iss": "https://issuer",
        "jti": "7f6c2ee1-35b7-4d37-9d8d-92a5f4f4a6f4",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "c1f9a2d2-0000-4000-8000-000000000002"},
            "pod": {"name": "web-0", "uid": UID},
            "serviceaccount": {"name": "web", "uid": "b7a1e3d4-0000-4000-8000-000000000003"},
            "warnafter": 1_800_003_607,
        },
        "nbf": 1_800_000_000,
        "sub": "system:serviceaccount:shop:web",
    })
}

/// An issuer with an RSA key, as API servers have by default.
struct Issuer(RsaPair);

impl Issuer {
    fn new() -> Self {
        Self(RsaPair::generate(KeySize::Rsa2048).expect("RSA"))
    }

    fn jwk(&self) -> Value {
        let public = self.0.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1",
            "n": BASE64.encode(public.modulus().big_endian_without_leading_zero()),
            "e": BASE64.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    fn keys(&self) -> Keys {
        Keys::from_jwks(json!({"keys": [self.jwk()]}).to_string().as_bytes()).expect("keys")
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| BASE64.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("signed");
        format!("{signed}.{}", BASE64.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "RS256", "kid": "k1"}), claims)
    }
}

fn with(path: &str, value: Value) -> Value {
    let mut claims = claims();
    *claims.pointer_mut(path).expect("a claim of this path") = value;
    claims
}

/// Asserts what the check says of these claims, well signed.
#[track_caller]
fn claimed(claims: &Value, want: &str) {
    // One issuer for all: making RSA keys is slow.
    static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);
    let got = check(&ISSUER.token(claims), &ISSUER.keys(), &rules(), now());
    assert_eq!(got.map_err(|e| e.to_string()), Err(want.to_string()));
}

#[track_caller]
fn refused(token: &str, keys: &Keys, want: &str) {
    let got = check(token, keys, &rules(), now());
    assert_eq!(got.map_err(|e| e.to_string()), Err(want.to_string()));
}

fn web() -> WorkloadKey {
    WorkloadKey::new(WorkloadKind::Pod, "shop", "web-0")
}

fn external_grant() -> Grant {
    let identity = Identity::new("shop", "legacy").expect("valid");
    Grant { identity, external_workload: "legacy-1".into(), lifetime: Duration::from_secs(600) }
}

#[test]
fn a_bound_token_of_an_api_server_names_pod_and_account() {
    let issuer = Issuer::new();
    let caller = check(&issuer.token(&claims()), &issuer.keys(), &rules(), now());
    let want = Caller {
        identity: Identity::new("shop", "web").expect("valid"),
        workload: Some(web()),
        uid: Some(UID.into()),
        expires: now() + Duration::from_secs(3600),
    };
    assert_eq!(caller, Ok(want));
}

#[test]
fn a_token_of_our_own_names_its_external_workload() {
    let key = TokenKey::generate();
    let token = issue(&key, &external_grant(), &rules(), now());
    let want = Caller {
        identity: Identity::new("shop", "legacy").expect("valid"),
        workload: Some(WorkloadKey::new(WorkloadKind::External, "shop", "legacy-1")),
        uid: None,
        expires: now() + Duration::from_secs(600),
    };
    assert_eq!(check(&token, &key.keys(), &rules(), now()), Ok(want));
    let reread = TokenKey::from_pem(&key.secret_pem()).expect("own PEM");
    assert_eq!(reread.keys(), key.keys());
}

#[test]
fn one_audience_may_stand_without_a_list() {
    let issuer = Issuer::new();
    let token = issuer.token(&with("/aud", json!("heddle")));
    assert!(check(&token, &issuer.keys(), &rules(), now()).is_ok());
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    claimed(&with("/aud", json!(["vault"])), "token is for audience [\"vault\"], want one of {\"heddle\"}");
    claimed(&with("/aud", json!([])), "token is for audience [], want one of {\"heddle\"}");
    claimed(
        &with("/iss", json!("https://other")),
        "token is of issuer \"https://other\", want \"https://issuer\"",
    );
}

#[test]
fn a_token_holds_within_its_times_and_ten_seconds_around_them() {
    let issuer = Issuer::new();
    let (token, keys) = (issuer.token(&claims()), issuer.keys());
    let at = |offset: i64| {
        let offset_by = Duration::from_secs(offset.unsigned_abs());
        let moment = if offset < 0 { now() - offset_by } else { now() + offset_by };
        check(&token, &keys, &rules(), moment).map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(at(-11), Err("token is not valid for another 11s".into()));
    assert_eq!(at(-10), Ok(()));
    assert_eq!(at(3609), Ok(()));
    assert_eq!(at(3610), Err("token expired 10s ago".into()));
    assert_eq!(at(1_000_000), Err("token expired 996400s ago".into()));
}

#[test]
fn a_token_without_an_end_is_refused() {
    let mut endless = claims();
    endless.as_object_mut().expect("object").remove("exp");
    claimed(
        &endless,
        "token has no claims of a ServiceAccount: want iss, aud, exp, sub and kubernetes.io of the right types",
    );
    let text = "token has no claims of a ServiceAccount: a time that is no time";
    claimed(&with("/exp", json!(1e300)), text);
    claimed(&with("/exp", json!(-1)), text);
}

#[test]
fn an_unsigned_token_is_refused() {
    let issuer = Issuer::new();
    for (alg, shown) in [("none", "none"), ("None", "None"), ("HS256", "HS256"), ("ES384", "ES384")] {
        let token = issuer.sign(&json!({"alg": alg, "kid": "k1"}), &claims());
        let want = format!("token is signed with algorithm \"{shown}\", want \"ES256\" or \"RS256\"");
        refused(&token, &issuer.keys(), &want);
        // The usual forgery leaves the signature empty.
        let unsigned = &token[..=token.rfind('.').expect("dot")];
        refused(unsigned, &issuer.keys(), &want);
    }
}

#[test]
fn a_token_signed_by_another_key_is_refused() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let text = "token has a signature that is not of key \"k1\"";
    refused(&other.token(&claims()), &issuer.keys(), text);
    let mut changed = issuer.token(&claims());
    let unsigned = changed.rfind('.').expect("dot");
    let payload = changed[..unsigned].rfind('.').expect("dot") + 1;
    let forged = BASE64.encode(with("/kubernetes.io/namespace", json!("bank")).to_string());
    changed.replace_range(payload..unsigned, &forged);
    refused(&changed, &issuer.keys(), text);
}

/// `alg` is what the token says of itself; a key is for one algorithm whatever the token says.
#[test]
fn a_key_is_not_used_for_another_algorithm() {
    let issuer = Issuer::new();
    let token = issuer.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims());
    refused(&token, &issuer.keys(), "token claims algorithm ES256, but key \"k1\" is not for it");
}

#[test]
fn an_unknown_key_is_told_from_a_bad_signature() {
    let issuer = Issuer::new();
    let token = issuer.sign(&json!({"alg": "RS256", "kid": "k2"}), &claims());
    let got = check(&token, &issuer.keys(), &rules(), now());
    assert_eq!(got, Err(BadToken::UnknownKey("k2".into())));
    refused(
        &token,
        &issuer.keys(),
        "token is signed by key \"k2\", which the issuer's key set does not have",
    );
    let nameless = issuer.sign(&json!({"alg": "RS256"}), &claims());
    refused(&nameless, &issuer.keys(), "token names no key (kid)");
}

#[test]
fn garbage_is_refused_before_it_costs_anything() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let form = "token is not three parts of base64url, separated by dots";
    for garbage in ["", ".", "..", "a.b", "ä.ö.ü", "a.b.c.d", "====.====.====", "Bearer x"] {
        let got = check(garbage, &keys, &rules(), now()).expect_err("refused");
        assert!(matches!(got, BadToken::Form | BadToken::Header), "{garbage:?}: {got}");
    }
    refused("a.b", &keys, form);
    refused("e30.e30.e30", &keys, "token has no header that can be understood");
    let demanding = issuer.sign(&json!({"alg": "RS256", "kid": "k1", "crit": ["exp"]}), &claims());
    refused(&demanding, &keys, "token has no header that can be understood");
    let padded = format!("{}.", "a".repeat(MAX_BYTES));
    refused(&padded, &keys, "token has 16385 bytes, want at most 16384");
    let mut endless = claims();
    endless["iss"] = json!("x".repeat(1000));
    claimed(&endless, &format!("token is of issuer \"{}\", want \"https://issuer\"", "x".repeat(64)));
}

#[test]
fn no_cut_off_token_is_taken() {
    let key = TokenKey::generate();
    let token = issue(&key, &external_grant(), &rules(), now());
    for length in 0..token.len() {
        assert!(check(&token[..length], &key.keys(), &rules(), now()).is_err(), "first {length} bytes");
    }
}

#[test]
fn no_token_with_a_changed_character_is_taken() {
    let key = TokenKey::generate();
    let token = issue(&key, &external_grant(), &rules(), now()).into_bytes();
    for byte in 0..token.len() {
        let mut changed = token.clone();
        changed[byte] ^= 1 << (byte % 7);
        let changed = String::from_utf8(changed).expect("still ASCII");
        assert!(check(&changed, &key.keys(), &rules(), now()).is_err(), "byte {byte}");
    }
}

#[test]
fn claims_that_contradict_each_other_are_refused() {
    let text = |what| format!("token has no claims of a ServiceAccount: {what}");
    claimed(
        &with("/sub", json!("system:serviceaccount:shop:admin")),
        &text("sub and kubernetes.io name two accounts"),
    );
    claimed(&with("/kubernetes.io/pod", json!({"name": "web-0"})), &text("bound to a pod without a UID"));
    let mut both = claims();
    both["heddle.dev"] = json!({"externalworkload": {"name": "web"}});
    claimed(&both, &text("bound to two workloads"));
    let mut dotted = with("/kubernetes.io/serviceaccount/name", json!("web.v1"));
    dotted["sub"] = json!("system:serviceaccount:shop:web.v1");
    claimed(
        &dotted,
        "service account \"web.v1\" is not a DNS label (RFC 1123: at most 63 of a-z, 0-9 and '-', alphanumeric at both ends)",
    );
}

#[test]
fn a_key_set_keeps_what_it_can_use() {
    #[track_caller]
    fn refused(json: &str, want: &str) {
        assert_eq!(Keys::from_jwks(json.as_bytes()).expect_err("refused").to_string(), want);
    }
    let issuer = Issuer::new();
    let strange = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k0", "x": "AA"});
    let set = json!({"keys": [strange, issuer.jwk()]}).to_string();
    assert_eq!(Keys::from_jwks(set.as_bytes()), Ok(issuer.keys()));
    let form = "key set is not JSON with a list \"keys\" of keys that each have a \"kty\"";
    let none = "key set has no key with a \"kid\" for ES256 (P-256) or RS256 (RSA of 2048 bits or more)";
    refused("", form);
    refused(r#"{"keys": [{}]}"#, form);
    refused(r#"{"keys": []}"#, none);
    refused(&json!({"keys": [strange]}).to_string(), none);
    let mut small = issuer.jwk();
    small["n"] = json!(BASE64.encode([0xff; 128]));
    refused(&json!({"keys": [small]}).to_string(), none);
    let mut encrypting = issuer.jwk();
    encrypting["use"] = json!("enc");
    refused(&json!({"keys": [encrypting]}).to_string(), none);
    refused(&json!({"keys": vec![issuer.jwk(); 33]}).to_string(), "key set has 33 keys, want at most 32");
}

#[test]
fn an_elliptic_key_of_a_key_set_verifies_our_own_tokens() {
    let key = TokenKey::generate();
    let token = issue(&key, &external_grant(), &rules(), now());
    let point = crate::PrivateKey::from_pem(&key.secret_pem()).expect("key").public();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, point.point());
    let set = json!({"keys": [{
        "kty": "EC", "crv": "P-256", "kid": hex(&digest.as_ref()[..8]),
        "x": BASE64.encode(&point.point()[1..33]), "y": BASE64.encode(&point.point()[33..]),
    }]});
    let keys = Keys::from_jwks(set.to_string().as_bytes()).expect("keys");
    assert_eq!(keys, key.keys());
    assert!(check(&token, &keys, &rules(), now()).is_ok());
}

/// A watch cache of one answer.
struct Known(Liveness);

impl Live for Known {
    fn live(&self, _: &WorkloadKey) -> Liveness {
        self.0.clone()
    }
}

fn alive(uid: Option<&str>, account: &str) -> Known {
    Known(Liveness::Alive { uid: uid.map(Name::from), service_account: account.into() })
}

#[test]
fn a_token_is_as_alive_as_its_pod() {
    let issuer = Issuer::new();
    let caller = check(&issuer.token(&claims()), &issuer.keys(), &rules(), now()).expect("good");
    let ask = |known: Known| caller.check_alive(&known).cloned().map_err(|e| e.to_string());
    assert_eq!(ask(alive(Some(UID), "web")), Ok(web()));
    assert_eq!(ask(Known(Liveness::Gone)), Err("pod/shop/web-0 is gone".into()));
    assert_eq!(ask(Known(Liveness::Unknown)), Err("pod/shop/web-0 is not known yet, try again".into()));
    assert_eq!(ask(alive(None, "web")), Err("pod/shop/web-0 is not known yet, try again".into()));
    assert_eq!(
        ask(alive(Some("2"), "web")),
        Err(format!("pod/shop/web-0 has UID 2, but the token is of UID {UID}"))
    );
    assert_eq!(
        ask(alive(Some(UID), "admin")),
        Err("pod/shop/web-0 runs as ServiceAccount admin, but the token is of web".into())
    );
}

#[test]
fn an_unbound_token_is_never_alive() {
    let mut unbound = claims();
    unbound["kubernetes.io"].as_object_mut().expect("object").remove("pod");
    let issuer = Issuer::new();
    let caller = check(&issuer.token(&unbound), &issuer.keys(), &rules(), now()).expect("good");
    let refused = caller.check_alive(&alive(None, "web")).map_err(|e| e.to_string());
    assert_eq!(refused, Err("token of shop/web is not bound to a pod or an ExternalWorkload".into()));
}
