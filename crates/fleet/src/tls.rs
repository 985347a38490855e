//! TLS as a client: whom to trust, and the handshake.
//!
//! Guarantees: versions 1.2 and 1.3; a certificate is always verified, against the name or address
//! that was asked for. Deliberately not here: time limits (callers know how long a connection may
//! take) and HTTP/2: nothing is offered in ALPN, which means HTTP/1.1.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
pub use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whose certificates are good.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trust(…)")
    }
}

/// Who we say that we are, to those who ask: PEM files.
#[derive(Debug)]
pub struct Identity<'a> {
    /// The certificate, and those that signed it.
    pub certificate: &'a Path,
    /// Its key.
    pub key: &'a Path,
}

impl Trust {
    /// Those in this PEM file, and what they have signed.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        Self::of(roots_in(path)?, None)
    }

    /// The same, for hosts that ask who we are.
    ///
    /// # Errors
    /// As [`Trust::in_file`], and when the key is not one or not the certificate's.
    pub fn in_file_as(path: &Path, identity: &Identity<'_>) -> io::Result<Self> {
        Self::of(roots_in(path)?, Some(identity))
    }

    /// Those of the authorities that this machine trusts (`SSL_CERT_FILE` where it is set).
    ///
    /// # Errors
    /// None can be read.
    pub fn of_this_machine() -> io::Result<Self> {
        let found = load_native_certs();
        let mut roots = RootCertStore::empty();
        // Collections hold certificates that no verifier understands; the others are still good.
        let (added, _) = roots.add_parsable_certificates(found.certs);
        match found.errors.into_iter().next() {
            Some(error) if added == 0 => Err(io::Error::other(error)),
            _ => Self::of(roots, None),
        }
    }

    fn of(roots: RootCertStore, identity: Option<&Identity<'_>>) -> io::Result<Self> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|it| invalid(key, &it))?;
                let config = config.with_client_auth_cert(certificates_in(certificate)?, key);
                config.map_err(io::Error::other)?
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// The handshake with the host of this name or address.
    ///
    /// # Errors
    /// What the system says, and why the certificate is not good for this host.
    pub async fn shake_hands(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.0.connect(name, stream).await
    }
}

fn invalid(path: &Path, problem: &dyn fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display()))
}

fn certificates_in(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| invalid(path, &error))?;
    if certificates.is_empty() {
        return Err(invalid(path, &"holds no certificate"));
    }
    Ok(certificates)
}

fn roots_in(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(path)? {
        roots.add(certificate).map_err(|error| invalid(path, &error))?;
    }
    Ok(roots)
}
