//! Certificate authorities of the administrator's own, by which AWS's endpoints are verified: behind a proxy that
//! inspects TLS, or where endpoints of one's own stand in for AWS's.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_smithy_http_client::{
    Builder, Connector, HttpClientError,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
use thiserror::Error;

/// Why a bundle of certificate authorities can't be used.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The file can't be read.
    #[error("--aws-ca-bundle {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in the file is not PEM.
    #[error("--aws-ca-bundle {}: not in PEM format: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file holds no certificate: nobody would be trusted.
    #[error("--aws-ca-bundle {}: no certificate in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// One of the certificates can't be an authority.
    #[error("--aws-ca-bundle {}: certificate {number}: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The SDK makes no HTTP client of it.
    #[error("--aws-ca-bundle: {0}")]
    Client(#[from] HttpClientError),
}

/// The SDK's HTTP client, trusting the certificates of this PEM file and no others, which is what AWS's tools mean by
/// AWS_CA_BUNDLE: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html>. Like the SDK's own, it goes
/// through the proxy that HTTPS_PROXY names. The file is read once.
pub fn https_client(bundle: &Path) -> Result<SharedHttpClient, BundleError> {
    let pem = fs::read(bundle).map_err(|source| BundleError::Unreadable { path: bundle.to_owned(), source })?;
    check(bundle, &pem)?;
    let trusted = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trusted).build()?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let provider = Provider::Rustls(CryptoMode::AwsLc);
        let mut connector = Connector::builder().tls_provider(provider).tls_context(context.clone());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    }))
}

/// The SDK takes a bundle on trust, and panics at the first connection if it is not one.
fn check(path: &Path, pem: &[u8]) -> Result<(), BundleError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(|source| BundleError::Malformed { path: path.to_owned(), source })?;
        roots.add(certificate).map_err(|source| BundleError::Unusable {
            path: path.to_owned(),
            number: index + 1,
            source,
        })?;
    }
    if roots.is_empty() { Err(BundleError::Empty { path: path.to_owned() }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::{
        cloud::{
            fault::Fault,
            iam::Iam,
            sdk::{iam::SdkIam, replay::Replay},
        },
        engine::fence,
    };

    /// A certificate authority.
    struct Authority {
        pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            Self { pem: params.self_signed(&key).unwrap().pem(), issuer: Issuer::new(params, key) }
        }

        /// Serves TLS with a certificate for this name that ends in this year, and says yes to every request.
        async fn serve(&self, name: &str, until: i32) -> SocketAddr {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
            let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
            let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                while let Ok((connection, _)) = listener.accept().await {
                    // A client that does not trust us hangs up here.
                    let Ok(mut connection) = acceptor.accept(connection).await else { continue };
                    connection.read_u8().await.unwrap();
                    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n<DeleteRoleResponse/>";
                    connection.write_all(answer.as_bytes()).await.unwrap();
                    connection.read_to_end(&mut Vec::new()).await.ok();
                }
            });
            address
        }
    }

    fn client(pem: &str) -> Result<SharedHttpClient, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.pem");
        fs::write(&path, pem).unwrap();
        https_client(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    /// A call by a client that trusts these.
    async fn call(bundle: &str, server: SocketAddr) -> Result<(), Fault> {
        let replay = Replay::new([]);
        let url = format!("https://{server}");
        let config = replay.config().to_builder().http_client(client(bundle).unwrap()).endpoint_url(url).build();
        SdkIam::new(&config, replay.caller(), &fence::tests::open()).delete_role("r").await
    }

    #[tokio::test]
    async fn an_endpoint_is_trusted_by_the_bundle_alone() {
        let (ours, others) = (Authority::new(), Authority::new());
        let server = ours.serve("127.0.0.1", 2999).await;
        call(&ours.pem, server).await.unwrap();
        call(&format!("# others\n{}\n# and ours\n{}", others.pem, ours.pem), server).await.unwrap();
        let fault = call(&others.pem, server).await.unwrap_err();
        assert_eq!(
            fault.message,
            "no answer: the certificate's issuer is not trusted; AWS_CA_BUNDLE names a file with the authorities that are"
        );
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_certificate_is_told() {
        let ours = Authority::new();
        for (name, until, message) in [
            ("elsewhere.example", 2999, "no answer: the certificate is for another name"),
            ("127.0.0.1", 2020, "no answer: the certificate has expired"),
        ] {
            let fault = call(&ours.pem, ours.serve(name, until).await).await.unwrap_err();
            assert_eq!(fault.message, message);
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused_in_words() {
        let key = KeyPair::generate().unwrap().serialize_pem();
        let not_a_certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for (pem, expected) in [
            ("", "--aws-ca-bundle FILE: no certificate in it"),
            (&key, "--aws-ca-bundle FILE: no certificate in it"),
            ("-----BEGIN CERTIFICATE-----\nMAA=", "--aws-ca-bundle FILE: not in PEM format: "),
            (&(Authority::new().pem + not_a_certificate), "--aws-ca-bundle FILE: certificate 2: "),
        ] {
            let error = client(pem).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = https_client(Path::new("no/such/bundle.pem")).unwrap_err().to_string();
        assert!(error.starts_with("--aws-ca-bundle no/such/bundle.pem: No such file"), "{error}");
    }
}
