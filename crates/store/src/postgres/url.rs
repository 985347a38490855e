//! The address of a PostgreSQL database, as libpq writes it, with what libpq knows about TLS.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

/// A dead host is given up after this (resilience: the next host must be tried within a failover).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Sent bytes that nobody acknowledges for this long mean a dead connection.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);

/// How far the server's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// `disable`, `prefer`, and `require` without a root: encryption against onlookers only.
    Anyone,
    /// `verify-ca`: signed by a root.
    Roots(Roots),
    /// `verify-full`: signed by a root, and for this host.
    RootsAndName(Roots),
}

/// Where trusted roots come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// `sslrootcert=system`
    System,
    /// `sslrootcert=FILE`, in PEM.
    File(PathBuf),
}

/// One or several hosts of one cluster; `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// One for each host, in the order of the address.
    configs: Vec<Config>,
    trust: Trust,
    shown: String,
}

impl ServerUrl {
    /// Reads `postgres://…`; the error is a sentence that names the part.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut rest = Vec::new();
        let (mut mode, mut root) = ("prefer", None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", "system")) => root = Some(Roots::System),
                Some(("sslrootcert", value)) => {
                    root = Some(Roots::File(value.replace("%2F", "/").into()));
                }
                Some(("password", _)) => {
                    return Err("password must not be a parameter of the query".to_owned());
                }
                _ => rest.push(pair),
            }
        }
        let (ssl_mode, trust) = trust(mode, root)?;
        let query = rest.join("&");
        let config = |base: String| read(&format!("{base}?{query}"), ssl_mode);
        let configs = one_host_each(base).into_iter().map(config).collect::<Result<_, _>>()?;
        Ok(Self { configs, trust, shown: without_password(text) })
    }

    pub(crate) fn has_password(&self) -> bool {
        self.configs.iter().any(|config| config.get_password().is_some())
    }

    pub(crate) fn set_password(&mut self, password: &str) {
        if !self.has_password() {
            for config in &mut self.configs {
                config.password(password);
            }
        }
    }

    /// The same address, for another kind of host.
    pub(crate) fn with_target(&self, target: TargetSessionAttrs) -> Self {
        let mut url = self.clone();
        for config in &mut url.configs {
            config.target_session_attrs(target);
        }
        url
    }

    /// The same address under another name in `pg_stat_activity`.
    pub(crate) fn with_application_name(&self, name: &str) -> Self {
        let mut url = self.clone();
        for config in &mut url.configs {
            config.application_name(name);
        }
        url
    }

    /// An address for each of its hosts.
    pub(crate) fn each_host(&self) -> Vec<Self> {
        let only = |config: &Config| Self { configs: vec![config.clone()], ..self.clone() };
        self.configs.iter().map(only).collect()
    }

    /// One for each host: each is given its own time, or one that hangs would hide the others.
    pub(crate) fn configs(&self) -> &[Config] {
        &self.configs
    }

    pub(crate) const fn trust(&self) -> &Trust {
        &self.trust
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown)
    }
}

fn read(text: &str, ssl_mode: SslMode) -> Result<Config, String> {
    let mut config: Config = text.parse().map_err(|error: tokio_postgres::Error| cause(&error))?;
    config
        .ssl_mode(ssl_mode)
        .tcp_user_timeout(TCP_USER_TIMEOUT)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("ballast");
    }
    if config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(config)
}

/// The same address once for each of its hosts.
fn one_host_each(base: &str) -> Vec<String> {
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{tail}")).collect()
}

/// As libpq: `require` with a root certificate is `verify-ca`; verifying needs roots.
fn trust(mode: &str, root: Option<Roots>) -> Result<(SslMode, Trust), String> {
    let roots = root.clone().unwrap_or(Roots::System);
    match (mode, root) {
        ("disable", _) => Ok((SslMode::Disable, Trust::Anyone)),
        ("prefer", _) => Ok((SslMode::Prefer, Trust::Anyone)),
        ("require", None) => Ok((SslMode::Require, Trust::Anyone)),
        ("require", Some(_)) | ("verify-ca", _) => Ok((SslMode::Require, Trust::Roots(roots))),
        ("verify-full", _) => Ok((SslMode::Require, Trust::RootsAndName(roots))),
        _ => Err("sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned()),
    }
}

fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("postgres", text));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((user, hosts)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{hosts}{tail}")
        }
        None => text.to_owned(),
    }
}

/// The driver's sentence, which names the part that it does not understand and no password.
fn cause(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_shows_the_password() {
        let url = ServerUrl::parse("postgres://bank:s3cret@db1,db2:5433/bank?sslmode=require");
        let url = url.unwrap();
        assert_eq!(url.to_string(), "postgres://bank@db1,db2:5433/bank?sslmode=require");
        assert!(url.has_password() && !format!("{url:?}").contains("s3cret"));
        assert_eq!(url.configs().len(), 2);
    }

    #[test]
    fn each_host_has_its_own_port_and_everything_else_in_common() {
        let url = ServerUrl::parse("postgres://bank:x@db1,db2:5433,[::1]:5/bank?user=a").unwrap();
        let ports: Vec<_> = url.configs().iter().map(|it| it.get_ports().to_vec()).collect();
        assert_eq!(ports, [[5432], [5433], [5]]);
        assert!(url.configs().iter().all(|it| it.get_dbname() == Some("bank")));
        assert_eq!(ServerUrl::parse("postgres:///bank?host=/run/db").unwrap().configs().len(), 1);
    }

    #[test]
    fn sslmode_says_how_far_the_certificate_is_checked() {
        let file = || Roots::File("/etc/root.pem".into());
        for (query, expect) in [
            ("", Ok((SslMode::Prefer, Trust::Anyone))),
            ("sslmode=disable", Ok((SslMode::Disable, Trust::Anyone))),
            ("sslmode=require", Ok((SslMode::Require, Trust::Anyone))),
            (
                "sslmode=require&sslrootcert=/etc/root.pem",
                Ok((SslMode::Require, Trust::Roots(file()))),
            ),
            ("sslmode=verify-ca", Ok((SslMode::Require, Trust::Roots(Roots::System)))),
            (
                "sslmode=verify-full&sslrootcert=%2Fetc%2Froot.pem",
                Ok((SslMode::Require, Trust::RootsAndName(file()))),
            ),
            ("sslmode=allow", Err("sslmode must be")),
            ("password=x", Err("password must not")),
            ("colour=red", Err("colour")),
        ] {
            let found = ServerUrl::parse(&format!("postgres://bank@db/bank?{query}"));
            match (found, expect) {
                (Ok(url), Ok((mode, trust))) => {
                    assert_eq!(
                        (url.configs[0].get_ssl_mode(), url.trust),
                        (mode, trust),
                        "{query}"
                    );
                }
                (Err(error), Err(expect)) => assert!(error.contains(expect), "{query}: {error}"),
                (found, _) => panic!("{query}: {found:?}"),
            }
        }
    }
}
