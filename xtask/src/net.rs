//! HTTPS as this machine is set up for it: its trust store, its proxy, its patience.

use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

/// Why a request gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No such name, no such server, no trust: asking again gives the same.
    #[error("{0}")]
    Unreachable(String),
    /// The server answered with a status that is no success.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// The connection broke or stalled: asking again may help.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The file behind the address became another one while it was read.
    #[error("the file changed on the server while it was downloaded; run the command again")]
    Changed,
    /// This machine's disk, not the network.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl Failure {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Failure::Broken(_) | Failure::Status(408 | 429 | 500..=599))
    }
}

/// The network as seen from here.
#[derive(Debug, Clone)]
pub struct Net {
    agent: Agent,
}

impl Net {
    /// Trusts what the system trusts (`SSL_CERT_FILE` included) and, where it is set, the bundle of `PIP_CERT`;
    /// goes through `HTTPS_PROXY` where that is set.
    ///
    /// # Errors
    /// Certificates of `PIP_CERT` or `SSL_CERT_FILE` that cannot be read.
    pub fn from_environment() -> Result<Net> {
        let roots = match std::env::var_os("PIP_CERT") {
            Some(path) if !path.is_empty() => RootCerts::from(pip_certificates(&path)?),
            _ => RootCerts::PlatformVerifier,
        };
        Ok(Net { agent: agent(roots, ureq::Proxy::try_from_env()) })
    }

    /// No proxy, whatever the environment says: for servers on this machine.
    #[must_use]
    pub fn direct() -> Net {
        Net { agent: agent(RootCerts::PlatformVerifier, None) }
    }

    /// Asks for `url`.
    ///
    /// # Errors
    /// [`Failure::Status`] for an answer that is no success, [`Failure::Unreachable`] or [`Failure::Broken`] without
    /// one.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().map_err(|error| failure(url, error))?;
        match response.status().as_u16() {
            200..=299 => Ok(response),
            status => Err(Failure::Status(status)),
        }
    }
}

fn agent(roots: RootCerts, proxy: Option<ureq::Proxy>) -> Agent {
    let tls = TlsConfig::builder().root_certs(roots).build();
    Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_per_read(Some(Duration::from_mins(1)))
        .user_agent(concat!("tl-xtask/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// The certificates of `PIP_CERT` and, because a machine may use both, of `SSL_CERT_FILE`.
fn pip_certificates(pip_cert: &std::ffi::OsStr) -> Result<Vec<Certificate<'static>>> {
    let mut certificates = Vec::new();
    for path in [Some(pip_cert.to_owned()), std::env::var_os("SSL_CERT_FILE")].into_iter().flatten() {
        let pem = fs_err::read(&path).context("PIP_CERT and SSL_CERT_FILE must name PEM files, or be unset")?;
        let items = parse_pem(&pem).filter_map(Result::ok);
        certificates.extend(items.filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        }));
    }
    Ok(certificates)
}

fn failure(url: &str, error: ureq::Error) -> Failure {
    let host = host(url);
    match error {
        ureq::Error::HostNotFound => Failure::Unreachable(format!("the name {host} does not resolve here")),
        ureq::Error::Io(error) if is_passing(error.kind()) => Failure::Broken(error.to_string()),
        // Refused, no route, and above all a name that the system cannot resolve, for which it has no kind of error.
        ureq::Error::Io(error) => Failure::Unreachable(format!("{host} cannot be reached: {error}")),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) | ureq::Error::ConnectionFailed => {
            Failure::Unreachable(format!("{host} does not answer"))
        }
        ureq::Error::Timeout(_) | ureq::Error::Protocol(_) => Failure::Broken(error.to_string()),
        other => Failure::Unreachable(format!("{host}: {other}")),
    }
}

fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | Interrupted | TimedOut | UnexpectedEof)
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}
