//! TLS towards clients: versions 1.2 and 1.3, HTTP/2 or HTTP/1.1 as the client prefers (ALPN).
//!
//! Guarantees: a handshake has a deadline; who speaks plain HTTP gets a readable answer instead of
//! a broken handshake; when new certificate files cannot be used the old ones stay in use.
//! Not here: TLS towards servers (the links inside a deployment are loopback or private).

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::server::TlsStream;

use crate::config::TlsFiles;
use crate::error::Error;

pub(crate) mod self_signed;

/// Time for a handshake. 10 s, as for a request's head: two round trips over a bad line.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// The first byte of a TLS connection: a handshake record (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;
/// HTTP/2 over TLS in ALPN (RFC 9113 §3.2).
const H2: &[u8] = b"h2";

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn open(files: &TlsFiles) -> Result<Self, Error> {
        let config = RwLock::new(Arc::new(load(files)?));
        Ok(Self { files: files.clone(), config })
    }

    /// Reads the files again, for new connections.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        let config = Arc::new(load(&self.files)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// The handshake; nothing when the client does not speak TLS, or not in time.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        tokio::time::timeout(HANDSHAKE_WITHIN, self.shake_hands(stream)).await.ok()?.ok()?
    }

    async fn shake_hands(&self, mut stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE_RECORD] {
            stream.write_all(PLAIN_HTTP).await?;
            stream.shutdown().await?;
            return Ok(None);
        }
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await.map(Some)
    }
}

/// Was HTTP/2 agreed on?
pub(crate) fn speaks_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

/// For whoever forgot the `s` of `https`.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
    content-length: 57\r\nconnection: close\r\n\r\n\
    This address speaks TLS: use https:// instead of http://\n";

fn load(files: &TlsFiles) -> Result<ServerConfig, Error> {
    let certificate = |problem: String| tls_error("tls.certificate", &files.certificate, problem);
    let key_error = |problem: String| tls_error("tls.key", &files.key, problem);
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(certificate("holds no certificate".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| key_error(error.to_string()))?;
    warn_of_readers(&files.key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| certificate(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| key_error(format!("does not go with the certificate ({error})")))?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Whoever reads the key can stand in for this server.
fn warn_of_readers(key: &Path) {
    let mode = std::fs::metadata(key).map(|file| file.permissions().mode() & 0o777);
    if let Ok(mode) = mode
        && mode & 0o004 != 0
    {
        let mode = format!("{mode:o}");
        tracing::warn!(tls.key = %key.display(), file.mode = mode, "everyone can read the key");
    }
}

fn tls_error(field: &'static str, path: &Path, problem: String) -> Error {
    Error::Tls { field, path: path.to_owned(), problem }
}
