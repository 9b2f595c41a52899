use super::*;
use crate::certificate::{from_pem, parse, subject, validity_of};
use crate::example::{DAY, authority, made, now, web};
use crate::{PrivateKey, Refused, San, Template};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, RsaKeySize, SigningKey,
};
use std::time::{Duration, SystemTime};

#[track_caller]
fn refused(roots: &str, signing: Pair, at: SystemTime, want: &str) {
    let text = Authority::load(roots, signing, at).err().map(|e| e.to_string());
    assert_eq!(text.as_deref(), Some(want));
}

/// An authority's certificate as an operator might have made it, spoiled.
fn by_hand(
    name: &str,
    key: &impl SigningKey,
    issuer: Option<&Pair>,
    spoil: impl Fn(&mut CertificateParams),
) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    spoil(&mut params);
    let Some(issuer) = issuer else { return params.self_signed(key).expect("signed").pem() };
    let issuer = Issuer::from_ca_cert_pem(&issuer.certificate, issuer.key.pair()).expect("issuer");
    params.signed_by(key, &issuer).expect("signed").pem()
}

#[test]
fn a_self_made_authority_signs_for_a_year_under_a_root_of_ten() {
    let (root, below) = made();
    let (chain, roots) = (from_pem(&below.certificate), from_pem(&root.certificate));
    let (chain, roots) = (chain.expect("PEM"), roots.expect("PEM"));
    let (below_read, root_read) = (parse(0, &chain[0]).expect("DER"), parse(0, &roots[0]).expect("DER"));
    assert_eq!(subject(&root_read), "CN=heddle root 41010101");
    assert_eq!(subject(&below_read), "CN=heddle intermediate 42020202");
    let constraints = below_read.basic_constraints().expect("one").expect("there");
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    assert_eq!(validity_of(&root_read).not_after, now() + 10 * 365 * DAY);
    let authority = Authority::load(&root.certificate, below, now()).expect("authority");
    assert_eq!(authority.validity().not_after, now() + 365 * DAY);
}

#[test]
fn a_chain_ends_before_the_root_and_a_leaf_with_its_template() {
    let authority = authority();
    let key = PrivateKey::generate();
    let leaf = authority.sign(&web(), &key.public(), now(), &mut |bytes| bytes.fill(0xff)).expect("leaf");
    assert_eq!(leaf.chain().len(), 2);
    assert_eq!(leaf.chain_pem().len(), 2);
    assert_eq!(leaf.serial(), "7fffffffffffffffffffffffffffffff");
    assert_eq!(leaf.validity().not_after, now() + DAY);
    assert!(!authority.bundle().roots().contains(&leaf.chain()[1]));
}

/// A request for somebody else's identity gets a leaf of the caller's own, and for nothing else.
#[test]
fn a_leaf_says_what_the_token_said_whatever_the_request_asked_for() {
    let (authority, key) = (authority(), KeyPair::generate().expect("key"));
    let mut greedy = CertificateParams::new(["vault.bank.example".to_string()]).expect("name");
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    greedy.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let request = greedy.serialize_request(&key).expect("request");
    let key = crate::csr::parse(request.der()).expect("a good key");
    let leaf = authority.sign(&web(), &key, now(), &mut |bytes| bytes.fill(3)).expect("leaf");
    let chain = leaf.chain();
    let read = parse(0, &chain[0]).expect("DER");
    let names = &read.subject_alternative_name().expect("one").expect("there").value.general_names;
    let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
    assert_eq!(
        names,
        [
            "DNSName(web.shop.serviceaccount.identity.heddle.cluster.local)",
            "URI(spiffe://cluster.local/ns/shop/sa/web)"
        ]
    );
    assert!(!read.is_ca() && read.subject().as_raw() == [0x30, 0]);
}

#[test]
fn a_leaf_never_outlives_its_issuer() {
    let authority = authority();
    let key = PrivateKey::generate().public();
    let sign = |at| authority.sign(&web(), &key, at, &mut |bytes| bytes.fill(3));
    let end = authority.validity().not_after;
    let late = sign(end - Duration::from_secs(30)).expect("still valid");
    assert_eq!(late.validity().not_after, end);
    let text = "the issuing certificate is not valid now, or the lifetime asked for is under one second";
    assert_eq!(sign(end).map_err(|e| e.to_string()), Err(text.into()));
    assert_eq!(sign(now() - DAY), Err(Refused::Validity));
}

#[test]
fn a_name_that_no_certificate_carries_is_refused() {
    #[track_caller]
    fn refused(name: San, want: &str) {
        let template = Template { names: vec![name], lifetime: DAY };
        let key = PrivateKey::generate().public();
        let refused = authority().sign(&template, &key, now(), &mut |bytes| bytes.fill(3));
        assert_eq!(refused.map_err(|e| e.to_string()), Err(want.to_string()));
    }
    let rule = "cannot stand in a certificate (ASCII, and a DNS name of at most 253 bytes)";
    refused(San::Dns("käse".into()), &format!("DNS:käse {rule}"));
    refused(San::Uri("spiffe://käse".into()), &format!("URI:spiffe://käse {rule}"));
    let long = "a".repeat(254);
    refused(San::Dns(long.clone()), &format!("DNS:{long} {rule}"));
    let none = Template { names: Vec::new(), lifetime: DAY };
    let key = PrivateKey::generate().public();
    let refused = authority().sign(&none, &key, now(), &mut |_| ());
    assert_eq!(refused.map_err(|e| e.to_string()), Err("a leaf needs at least one name".into()));
}

#[test]
fn a_mounted_authority_may_have_several_certificates_below_its_root() {
    let root_key = PrivateKey::generate();
    let root = by_hand("root", root_key.pair(), None, |_| ());
    let root = Pair { certificate: root, key: root_key };
    let middle_key = PrivateKey::generate();
    let middle = by_hand("middle", middle_key.pair(), Some(&root), |_| ());
    let middle = Pair { certificate: middle, key: middle_key };
    let key = PrivateKey::generate();
    let signing = by_hand("signing", key.pair(), Some(&middle), |_| ());
    let chain = format!("{signing}{}", middle.certificate);
    let pair = Pair { certificate: chain, key };
    let authority = Authority::load(&root.certificate, pair, now()).expect("authority");
    let key = PrivateKey::generate().public();
    let leaf = authority.sign(&web(), &key, now(), &mut |bytes| bytes.fill(3)).expect("leaf");
    assert_eq!(leaf.chain().len(), 3);
}

#[test]
fn the_root_may_stand_at_the_end_of_the_chain_and_is_not_presented() {
    let (root, below) = made();
    let chain = format!("{}{}", below.certificate, root.certificate);
    let pair = Pair { certificate: chain, key: below.key };
    let authority = Authority::load(&root.certificate, pair, now()).expect("authority");
    let key = PrivateKey::generate().public();
    let leaf = authority.sign(&web(), &key, now(), &mut |bytes| bytes.fill(3)).expect("leaf");
    assert_eq!(leaf.chain().len(), 2);
}

#[test]
fn what_a_workload_would_refuse_is_refused_at_load() {
    let (root, below) = made();
    let signing = || {
        let key = PrivateKey::from_pem(&below.key.secret_pem()).expect("key");
        Pair { certificate: below.certificate.clone(), key }
    };
    let roots = root.certificate.as_str();
    let chain = |certificate: String| Pair { certificate, ..signing() };

    let strange = Pair { key: PrivateKey::generate(), ..signing() };
    let intermediate = "CN=heddle intermediate 42020202";
    refused(roots, strange, now(), &format!("the private key is not that of certificate \"{intermediate}\""));
    let other = crate::authority::root(now(), &mut |serial| serial.fill(1)).certificate;
    refused(
        &other,
        signing(),
        now(),
        &format!("certificate \"{intermediate}\" is not signed by any of the trust anchors"),
    );
    let (_, unrelated) = made();
    refused(
        roots,
        chain(format!("{}{}", below.certificate, unrelated.certificate)),
        now(),
        &format!("certificate \"{intermediate}\" is not signed by \"{intermediate}\", which follows it"),
    );
    let year = 365 * DAY;
    refused(
        roots,
        signing(),
        now() + year + Duration::from_secs(5),
        &format!("certificate \"{intermediate}\" expired 5s ago"),
    );
    refused(
        roots,
        signing(),
        now() - Duration::from_secs(70),
        &format!("certificate \"{intermediate}\" is not valid for another 10s"),
    );
    refused("", signing(), now(), "trust anchors: no certificate in it");
    refused(roots, chain(String::new()), now(), "signing certificate: no certificate in it");
    refused(
        roots,
        chain(below.key.secret_pem()),
        now(),
        "signing certificate: want PEM with nothing but \"CERTIFICATE\" blocks",
    );
}

#[test]
fn an_authority_of_the_wrong_kind_is_refused_at_load() {
    let (root, _) = made();
    let roots = root.certificate.as_str();
    let under = |spoil: fn(&mut CertificateParams)| {
        let key = PrivateKey::generate();
        let certificate = by_hand("mine", key.pair(), Some(&root), spoil);
        Pair { certificate, key }
    };
    refused(
        roots,
        under(|leaf| leaf.is_ca = IsCa::ExplicitNoCa),
        now(),
        "signing certificate: certificate \"CN=mine\" is a leaf (CA:false), want an authority",
    );
    refused(
        roots,
        under(|leaf| leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
        now(),
        "signing certificate: certificate \"CN=mine\" has a key usage without keyCertSign",
    );
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).expect("RSA");
    let rsa_root = by_hand("old", &rsa, None, |_| ());
    refused(
        &format!("{roots}{rsa_root}"),
        under(|_| ()),
        now(),
        "trust anchors: certificate \"CN=old\" has a key of kind RSA-2048, want ECDSA on P-256 or P-384",
    );
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("P-384");
    let certificate = by_hand("big", &p384, Some(&root), |_| ());
    refused(
        roots,
        Pair { certificate, key: PrivateKey::generate() },
        now(),
        "signing certificate \"CN=big\" has no P-256 key",
    );
}

#[test]
fn too_many_authorities_below_one_are_refused() {
    let (root, below) = made();
    let key = PrivateKey::generate();
    let lower = by_hand("lower", key.pair(), Some(&below), |_| ());
    let chain = format!("{lower}{}", below.certificate);
    refused(
        &root.certificate,
        Pair { certificate: chain, key },
        now(),
        "certificate \"CN=heddle intermediate 42020202\" allows 0 authorities below it, but has 1",
    );
}

#[test]
fn an_intermediate_needs_its_own_root_while_that_is_good() {
    let (root, below) = made();
    let make = |root: &Pair, at| {
        let made = intermediate(root, at, &mut |serial| serial.fill(5));
        made.map(|pair| pair.certificate).map_err(|e| e.to_string())
    };
    let late = now() + ROOT_LIFETIME + Duration::from_secs(7);
    assert_eq!(make(&root, late), Err("certificate \"CN=heddle root 41010101\" expired 7s ago".into()));
    let wrong = Pair { certificate: root.certificate.clone(), key: below.key };
    assert_eq!(
        make(&wrong, now()),
        Err("the private key is not that of certificate \"CN=heddle root 41010101\"".into())
    );
    let near_the_end = now() + ROOT_LIFETIME - DAY;
    let certificate = make(&root, near_the_end).expect("valid");
    let der = from_pem(&certificate).expect("PEM");
    let end = validity_of(&parse(0, &der[0]).expect("DER")).not_after;
    assert_eq!(end, now() + ROOT_LIFETIME);
}
