//! Loading an authority, and refusing what would fail later, at a workload.

use super::{Authority, BadAuthority, Pair};
use crate::certificate::{self, issued, subject, validity_of};
use crate::template::{San, Template};
use crate::{Bundle, Validity};
use rcgen::Issuer;
use rustls_pki_types::CertificateDer;
use std::time::{Duration, SystemTime};
use x509_parser::certificate::X509Certificate;

impl Authority {
    /// An authority of these roots, this signing certificate (with those above it, if it is not directly
    /// below a root, each signed by the next) and its key.
    ///
    /// # Errors
    /// Refuses whatever a workload would refuse, and signs a leaf for trial.
    pub fn load(roots: &str, signing: Pair, now: SystemTime) -> Result<Self, BadAuthority> {
        let Pair { certificate: chain, key } = signing;
        let bundle = Bundle::from_pem(roots).map_err(BadAuthority::Roots)?;
        let ders = certificate::from_pem(&chain).map_err(BadAuthority::Chain)?;
        let Chain { whole: validity, root } = check_chain(&ders, &bundle, now)?;
        let public = key.public();
        let signing = certificate::parse(0, &ders[0]).map_err(BadAuthority::Chain)?;
        let own = certificate::key_of(&signing);
        if own.ok_or_else(|| BadAuthority::Curve(subject(&signing)))? != public {
            return Err(BadAuthority::KeyMismatch(subject(&signing)));
        }
        let unusable = |e: rcgen::Error| BadAuthority::Unusable(e.to_string());
        let issuer = Issuer::from_ca_cert_der(&ders[0], key.into_pair()).map_err(unusable)?;
        let intermediates = ders.iter().filter(|der| !bundle.roots().contains(der)).cloned().collect();
        let authority =
            Self { issuer, certificate: ders[0].clone(), intermediates, bundle, validity, root, key: public };
        authority.try_out(now)?;
        Ok(authority)
    }

    /// Signs and checks a leaf that goes nowhere: a name or a key that the library writes differently from
    /// what stands in the signing certificate is found now, not by the first workload.
    fn try_out(&self, now: SystemTime) -> Result<(), BadAuthority> {
        let names = vec![San::Dns("trial.invalid".into())];
        let template = Template { names, lifetime: Duration::from_secs(1) };
        let signed = self.sign(&template, &self.key, now, &mut |serial| serial.fill(0));
        signed.map(drop).map_err(|e| BadAuthority::Unusable(e.to_string()))
    }
}

/// The validity of a chain.
struct Chain {
    /// The time in which all of its certificates are good.
    whole: Validity,
    /// The root's own.
    root: Validity,
}

/// Checks every certificate from the signing one up to its root.
fn check_chain(
    ders: &[CertificateDer<'static>],
    bundle: &Bundle,
    now: SystemTime,
) -> Result<Chain, BadAuthority> {
    let parse = |(position, der)| certificate::parse(position, der).map_err(BadAuthority::Chain);
    let chain = ders.iter().map(AsRef::as_ref).enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
    let root = root_of(&chain, bundle)?;
    for certificate in &chain {
        certificate::check_authority(certificate).map_err(BadAuthority::Chain)?;
    }
    let whole = chain.iter().chain(root.as_ref());
    let mut validity = validity_of(&chain[0]);
    let mut last = validity;
    for (below, certificate) in whole.enumerate() {
        let own = validity_of(certificate);
        if !own.holds(now) {
            return Err(BadAuthority::out_of_time(certificate, now));
        }
        check_path_length(certificate, below)?;
        validity.not_before = validity.not_before.max(own.not_before);
        validity.not_after = validity.not_after.min(own.not_after);
        last = own;
    }
    Ok(Chain { whole: validity, root: last })
}

/// The root above the chain; `None` if the chain's last certificate is a root itself.
fn root_of<'a>(
    chain: &[X509Certificate<'a>],
    bundle: &'a Bundle,
) -> Result<Option<X509Certificate<'a>>, BadAuthority> {
    for pair in chain.windows(2) {
        if !issued(&pair[1], &pair[0]) {
            return Err(BadAuthority::Gap { certificate: subject(&pair[0]), issuer: subject(&pair[1]) });
        }
    }
    let last = chain.last().expect("a chain that was read has a certificate");
    if bundle.roots().iter().any(|root| root.as_ref() == last.as_raw()) {
        return Ok(None);
    }
    let parsed = bundle.roots().iter().enumerate().map(|(at, root)| certificate::parse(at, root));
    for root in parsed {
        let root = root.map_err(BadAuthority::Roots)?;
        if issued(&root, last) {
            return Ok(Some(root));
        }
    }
    Err(BadAuthority::Untrusted(subject(last)))
}

fn check_path_length(certificate: &X509Certificate<'_>, below: usize) -> Result<(), BadAuthority> {
    let constraints = certificate.basic_constraints().ok().flatten();
    let limit = constraints.and_then(|constraints| constraints.value.path_len_constraint);
    let has = u32::try_from(below).unwrap_or(u32::MAX);
    match limit {
        Some(allows) if allows < has => {
            Err(BadAuthority::PathLength { subject: subject(certificate), allows, has })
        }
        _ => Ok(()),
    }
}
