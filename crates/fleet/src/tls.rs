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
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whose certificates are good.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trust(…)")
    }
}

impl Trust {
    /// Those in this PEM file, and what they have signed.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let invalid = |problem: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display()))
        };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| invalid(error.to_string()))?;
        if certificates.is_empty() {
            return Err(invalid("holds no certificate".to_owned()));
        }
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        }
        Self::of(roots)
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
            _ => Self::of(roots),
        }
    }

    fn of(roots: RootCertStore) -> io::Result<Self> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
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
