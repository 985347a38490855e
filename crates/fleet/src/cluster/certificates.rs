//! A certificate authority for one cluster, and a certificate for each of its processes.
//!
//! Guarantees: made once; the authority's key is thrown away after it has signed, so nobody can be
//! added later, and nothing is left to be stolen.

use rcgen::KeyUsagePurpose::{CrlSign, KeyCertSign};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::ClusterError;

/// One process's certificate and key, in PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Everybody's certificates.
pub struct Certificates {
    /// The authority's own.
    pub authority: String,
    /// In the order of the names.
    pub identities: Vec<Identity>,
}

impl Certificates {
    /// Makes an authority and a certificate for each name.
    ///
    /// # Errors
    /// What the library says.
    pub fn make(names: &[&str]) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyCertSign, CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Ballast cluster");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let mut identities = Vec::new();
        for name in names {
            let reached_as = ["127.0.0.1", "localhost", name].map(str::to_owned);
            let mut params = CertificateParams::new(reached_as)?;
            params.distinguished_name.push(DnType::CommonName, *name);
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &authority)?.pem();
            identities.push(Identity { certificate, key: key.serialize_pem() });
        }
        Ok(Self { authority: authority.pem(), identities })
    }
}

impl From<rcgen::Error> for ClusterError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error)
    }
}
