use super::*;
use crate::PrivateKey;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, RsaKeySize, SanType,
    SigningKey,
};

/// Made with `openssl req -new -newkey rsa:1024 -nodes -subj /`: no library here makes keys this weak.
const RSA_1024: &str = include_str!("rsa1024.pem");

#[track_caller]
fn refused(request: &[u8], want: &str) {
    assert_eq!(parse(request).expect_err("refused").to_string(), want);
}

fn request(params: &CertificateParams, key: &impl SigningKey) -> Vec<u8> {
    params.serialize_request(key).expect("request").der().to_vec()
}

fn of_kind(key: &KeyPair) -> Vec<u8> {
    request(&CertificateParams::default(), key)
}

#[test]
fn only_the_key_is_taken_from_a_request() {
    let key = KeyPair::generate().expect("P-256");
    let mut greedy = CertificateParams::new(["bank.example".to_string()]).expect("name");
    let foreign = "spiffe://cluster.local/ns/bank/sa/vault".try_into().expect("URI");
    greedy.subject_alt_names.push(SanType::URI(foreign));
    greedy.distinguished_name.push(DnType::CommonName, "root");
    greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    greedy.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let taken = parse(&request(&greedy, &key)).expect("a good key");
    assert_eq!(taken.point().as_slice(), key.public_key_raw());
}

#[test]
fn pem_and_der_say_the_same() {
    let key = PrivateKey::generate();
    let pem_text = key.request_pem();
    assert_eq!(parse(pem_text.as_bytes()), Ok(key.public()));
    let der = pem::parse(&pem_text).expect("PEM").into_contents();
    assert_eq!(parse(&der), Ok(key.public()));
    let new = pem_text.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    assert_eq!(parse(new.as_bytes()), Ok(key.public()));
}

#[test]
fn a_weak_or_foreign_key_is_refused_by_its_name() {
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("P-384");
    let ed = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("Ed25519");
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).expect("RSA");
    let want = |kind| format!("certificate request has a key of kind {kind}, want ECDSA on the curve P-256");
    refused(RSA_1024.as_bytes(), &want("RSA-1024"));
    refused(&of_kind(&rsa), &want("RSA-2048"));
    refused(&of_kind(&p384), &want("P-384"));
    refused(&of_kind(&ed), &want("1.3.101.112"));
}

/// A key that signs with another one: whoever sends its request does not hold the key it names.
struct Stolen<'a> {
    named: &'a KeyPair,
    held: &'a KeyPair,
}

impl rcgen::PublicKeyData for Stolen<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.named.public_key_raw()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Stolen<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.held.sign(message)
    }
}

#[test]
fn somebody_elses_key_is_refused() {
    let (named, held) = (KeyPair::generate().expect("key"), KeyPair::generate().expect("key"));
    let stolen = Stolen { named: &named, held: &held };
    refused(
        &request(&CertificateParams::default(), &stolen),
        "certificate request is not signed by the key it names",
    );
}

#[test]
fn a_changed_request_is_refused() {
    let key = KeyPair::generate().expect("key");
    let mut der = of_kind(&key);
    let last = der.len() - 1;
    der[last] ^= 1;
    refused(&der, "certificate request is not signed by the key it names");
}

#[test]
fn what_is_no_request_says_what_is_wanted() {
    let pem = "certificate request is not one PEM block \"CERTIFICATE REQUEST\"";
    let der = "certificate request is not PKCS#10 in DER";
    let good = PrivateKey::generate().request_pem();
    refused(b"", pem);
    refused(b"\xff\xfe", pem);
    refused(good.repeat(2).as_bytes(), pem);
    refused(good.replace(" REQUEST", "").as_bytes(), pem);
    refused(&[0x30, 0x80], der);
    let mut trailing = pem::parse(&good).expect("PEM").into_contents();
    trailing.push(0);
    refused(&trailing, der);
    refused(&[0x30; MAX_BYTES + 1], "certificate request has 16385 bytes, want at most 16384");
}

#[test]
fn no_cut_off_request_is_taken() {
    let whole = pem::parse(PrivateKey::generate().request_pem()).expect("PEM").into_contents();
    for length in 1..whole.len() {
        assert_eq!(parse(&whole[..length]), Err(BadRequest::Der), "first {length} bytes");
    }
}

/// Bits outside the signature may be changed; the key that comes out of it may not.
#[test]
fn no_changed_bit_makes_another_key_of_a_request() {
    let key = PrivateKey::generate();
    let whole = pem::parse(key.request_pem()).expect("PEM").into_contents();
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match parse(&changed) {
            Ok(taken) => assert_eq!(taken, key.public(), "bit {bit}"),
            Err(_) => refused += 1,
        }
    }
    // All of the key and of the signature, at least.
    assert!(refused > (65 + 64) * 8, "{refused}");
}
