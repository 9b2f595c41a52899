use super::*;
use crate::PrivateKey;
use crate::authority::Authority;
use crate::certificate;
use crate::example::{authority, now, web};
use crate::sign::params;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SerialNumber,
};
use std::time::Duration;

/// Signs what `spoil` made of a good leaf, and asks what the check says of it.
fn verdict(authority: &Authority, spoil: impl Fn(&mut CertificateParams)) -> Result<(), Mismatch> {
    let (key, serial, template) = (PrivateKey::generate(), [0x41; 16], web());
    let validity = template.validity(authority.validity(), now()).expect("valid now");
    let mut spoiled = params(&template.names, validity, serial).expect("good");
    spoil(&mut spoiled);
    let signed = spoiled.signed_by(&key.public(), &authority.issuer).expect("signed");
    let expected = Expected { names: &template.names, validity, key: &key.public(), serial: &serial };
    let leaf = certificate::parse(0, signed.der()).expect("leaf");
    let issuer = certificate::parse(0, &authority.certificate).expect("issuer");
    check(&leaf, expected, &issuer)
}

#[track_caller]
fn refused(field: &str, is: &str, want: &str, spoil: impl Fn(&mut CertificateParams)) {
    let text = verdict(&authority(), spoil).expect_err("refused").to_string();
    assert_eq!(text, format!("signed leaf differs from its template in {field}: is {is}, want {want}"));
}

#[test]
fn a_leaf_as_its_template_says_passes() {
    assert_eq!(verdict(&authority(), |_| ()), Ok(()));
}

#[test]
fn whatever_differs_from_the_template_is_named() {
    refused("CA", "true", "false", |leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    refused("key usage", "33", "1", |leaf| leaf.key_usages.push(KeyUsagePurpose::KeyCertSign));
    refused("extended key usage", "(true, true, true)", "(true, true, false)", |leaf| {
        leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::Any);
    });
    refused("extended key usage", "(true, false, false)", "(true, true, false)", |leaf| {
        leaf.extended_key_usages.truncate(1);
    });
    refused("subject", "\"CN=root\"", "\"\"", |leaf| {
        leaf.distinguished_name.push(DnType::CommonName, "root");
    });
    let names = "[\"DNS:web.shop.serviceaccount.identity.heddle.cluster.local\", \
                 \"URI:spiffe://cluster.local/ns/shop/sa/web\"]";
    let reversed = "[\"URI:spiffe://cluster.local/ns/shop/sa/web\", \
                    \"DNS:web.shop.serviceaccount.identity.heddle.cluster.local\"]";
    refused("names", reversed, names, |leaf| leaf.subject_alt_names.reverse());
}

#[test]
fn every_other_difference_is_found() {
    #[track_caller]
    fn differs(field: &str, spoil: impl Fn(&mut CertificateParams)) {
        assert_eq!(verdict(&authority(), spoil).expect_err("refused").field, field);
    }
    differs("serial", |leaf| leaf.serial_number = Some(SerialNumber::from_slice(&[1])));
    differs("validity", |leaf| leaf.not_after += Duration::from_secs(1));
    differs("validity", |leaf| leaf.not_before -= Duration::from_secs(1));
    differs("extensions", |leaf| leaf.is_ca = IsCa::NoCa);
    differs("extensions", |leaf| leaf.use_authority_key_identifier_extension = false);
    differs("extensions", |leaf| leaf.key_usages.clear());
    differs("extensions", |leaf| {
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0])];
    });
}

#[test]
fn another_authoritys_signature_is_found() {
    let (one, other) = (authority(), authority());
    let key = PrivateKey::generate();
    let leaf = other.sign(&web(), &key.public(), now(), &mut |serial| serial.fill(9)).expect("signed");
    let expected =
        Expected { names: &web().names, validity: leaf.validity(), key: &key.public(), serial: &leaf.serial };
    let parsed = certificate::parse(0, &leaf.der).expect("leaf");
    let issuer = certificate::parse(0, &one.certificate).expect("issuer");
    // Both authorities of this test have one name, so nothing but the signature tells them apart.
    let text = check(&parsed, expected, &issuer).expect_err("refused").to_string();
    assert_eq!(text, "signed leaf differs from its template in signature: is false, want true");
}

#[test]
fn another_key_is_found() {
    let authority = authority();
    let leaf = authority
        .sign(&web(), &PrivateKey::generate().public(), now(), &mut |serial| serial.fill(9))
        .expect("signed");
    let expected = Expected {
        names: &web().names,
        validity: leaf.validity(),
        key: &PrivateKey::generate().public(),
        serial: &leaf.serial,
    };
    let parsed = certificate::parse(0, &leaf.der).expect("leaf");
    let issuer = certificate::parse(0, &authority.certificate).expect("issuer");
    assert_eq!(check(&parsed, expected, &issuer).expect_err("refused").field, "public key");
}
