//! AWS's endpoints over TLS: whom the process trusts. LocalStack stands behind a server whose certificate is from an
//! authority that nobody knows.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io,
    net::{TcpListener, TcpStream},
    process::Child,
};
use tokio_rustls::TlsAcceptor;

use crate::support::live::{Live, aws, eventually};

/// The TLS server. Returns its URL, and the authority's certificate.
async fn serve_tls() -> (String, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let trusted = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap().der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();

    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate hangs up here.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut localstack =
                    TcpStream::connect(aws::endpoint_url().trim_start_matches("http://")).await.unwrap();
                io::copy_bidirectional(&mut client, &mut localstack).await.ok();
            });
        }
    });
    (url, trusted)
}

/// Starts an operator that has this AWS; its log goes to the file.
fn start(live: &Live, aws: &str, bundle: Option<&Path>, log: &Path) -> Child {
    let mut command = live.release.command();
    command.args(["--aws-endpoint-url", aws, "--http-address", "127.0.0.1:0"]).env_remove("AWS_CA_BUNDLE");
    if let Some(bundle) = bundle {
        command.env("AWS_CA_BUNDLE", bundle);
    }
    command.stdin(Stdio::null()).stderr(File::create(log).unwrap()).spawn().unwrap()
}

async fn logs(log: &Path, text: &str) {
    eventually(async || fs::read_to_string(log).unwrap().contains(text))
        .await
        .unwrap_or_else(|()| panic!("{text} was to be logged:\n{}", fs::read_to_string(log).unwrap()));
}

#[tokio::test]
async fn the_bundle_that_the_environment_names_is_trusted_and_the_system_is_not_asked() {
    let live = Live::begin("trust").await;
    let (url, trusted) = serve_tls().await;
    let dir = tempfile::tempdir().unwrap();
    let (bundle, log): (PathBuf, PathBuf) = (dir.path().join("bundle.pem"), dir.path().join("operator.log"));
    fs::write(&bundle, trusted).unwrap();

    let stranger = start(&live, &url, None, &log);
    logs(&log, "GetCallerIdentity: no answer: the certificate's issuer is not trusted; AWS_CA_BUNDLE names a file")
        .await;
    drop(stranger);

    let acquainted = start(&live, &url, Some(&bundle), &log);
    live.applied(super::ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    live.end().await;
    drop(acquainted);
}

#[tokio::test]
async fn a_bundle_that_cannot_be_used_keeps_the_operator_from_starting() {
    let live = Live::begin("bundle").await;
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("bundle.pem");
    for (content, expected) in [(None, "No such file"), (Some(""), "no certificate in it")] {
        if let Some(content) = content {
            fs::write(&bundle, content).unwrap();
        }
        let output = live.release.command().env("AWS_CA_BUNDLE", &bundle).output().await.unwrap();
        assert!(!output.status.success());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(&format!("--aws-ca-bundle {}: {expected}", bundle.display())), "{error}");
    }
    live.end().await;
}
