//! Connecting to an account and region.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, meta::region::ProvideRegion};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::OnceCell;

use crate::{
    cloud::{
        Connect, Connection,
        fault::Fault,
        limits::{Limits, budget::Rates},
        operation::Operation,
    },
    engine::fence::Fence,
};

use super::{
    call::{self, CallObserver, Caller, ThrottlesAreForTheBudget, unusable},
    ec2::SdkEc2,
    iam::SdkIam,
    lambda::SdkLambda,
    s3::SdkS3,
    trust::{self, BundleError},
};

/// Ends the user agent, so that CloudTrail shows whose calls these are.
const APP_NAME: &str = "privatelink-operator";

/// How AWS is reached.
pub struct ConnectSettings {
    /// Instead of the services' own addresses, for all of them; for LocalStack and the like.
    pub endpoint_url: Option<String>,
    /// A PEM file with the certificate authorities that are trusted, instead of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Is told of each call.
    pub observer: Arc<dyn CallObserver>,
    /// Says whether a write may start.
    pub fence: Fence,
    /// How often each operation may be called.
    pub rates: Rates,
}

/// Connects by the AWS SDK, with the credentials that its default chain finds
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).
pub struct SdkConnect {
    settings: ConnectSettings,
    limits: Arc<Limits>,
    /// In place of the SDK's own, if a bundle is given.
    http_client: Option<SharedHttpClient>,
    /// Loaded at the first connection; all regions share its cache of credentials.
    config: OnceCell<SdkConfig>,
}

impl SdkConnect {
    /// Reads the bundle; nothing else is loaded or called before the first connection.
    pub fn new(settings: ConnectSettings) -> Result<Self, BundleError> {
        let http_client = settings.ca_bundle.as_deref().map(trust::https_client).transpose()?;
        let limits = Arc::new(Limits::new(settings.rates.clone()));
        Ok(Self { settings, limits, http_client, config: OnceCell::new() })
    }

    /// The region is given here only to keep the SDK from looking for one.
    async fn load(&self, region: Region) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
        if let Some(url) = &self.settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(client) = &self.http_client {
            loader = loader.http_client(client.clone());
        }
        if let Ok(name) = AppName::new(APP_NAME) {
            loader = loader.app_name(name);
        }
        loader.load().await
    }
}

#[async_trait]
impl Connect for SdkConnect {
    async fn connect(&self, region: &str) -> Result<Connection, Fault> {
        let region = Region::new(region.to_owned());
        let config = self.config.get_or_init(|| self.load(region.clone())).await;
        let caller = Caller::new(self.settings.observer.clone(), self.limits.clone(), region.as_ref());
        connection(&config.to_builder().region(region.clone()).build(), &region, caller, &self.settings.fence).await
    }
}

/// The region that the SDK's default chain finds: environment, profile, instance metadata.
pub async fn default_region() -> Option<String> {
    aws_config::default_provider::region::default_provider().region().await.map(|region| region.to_string())
}

async fn connection(config: &SdkConfig, region: &Region, caller: Caller, fence: &Fence) -> Result<Connection, Fault> {
    let (account, partition) = identity(config, &caller).await?;
    Ok(Connection {
        account,
        region: region.to_string(),
        partition,
        ec2: Arc::new(SdkEc2::new(config, caller.clone(), fence)),
        iam: Arc::new(SdkIam::new(config, caller.clone(), fence)),
        lambda: Arc::new(SdkLambda::new(config, caller.clone(), fence)),
        s3: Arc::new(SdkS3::new(config, caller)),
    })
}

/// The account and the partition of the credentials.
async fn identity(config: &SdkConfig, caller: &Caller) -> Result<(String, String), Fault> {
    const OPERATION: Operation = Operation::GetCallerIdentity;
    let reads = aws_sdk_sts::config::Builder::from(&call::reads(config)).retry_classifier(ThrottlesAreForTheBudget);
    let sts = aws_sdk_sts::Client::from_conf(reads.build());
    let answer = caller.run(OPERATION, sts.get_caller_identity().send()).await?;
    account_and_partition(answer.arn.as_deref().unwrap_or_default())
        .ok_or_else(|| unusable(OPERATION, "no ARN with an account and a partition"))
}

/// From `arn:<partition>:<service>:<region>:<account>:<resource>`.
fn account_and_partition(arn: &str) -> Option<(String, String)> {
    let mut fields = arn.split(':');
    let partition = fields.by_ref().nth(1).filter(|partition| !partition.is_empty())?;
    let account = fields.nth(2).filter(|account| !account.is_empty())?;
    Some((account.to_owned(), partition.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cloud::{
            fault::Service,
            sdk::replay::{Replay, ok, query_error},
        },
        engine::fence,
    };

    #[test]
    fn arns() {
        for (arn, expected) in [
            ("arn:aws:iam::123456789012:root", Some(("123456789012", "aws"))),
            ("arn:aws-cn:sts::123456789012:assumed-role/operator/s", Some(("123456789012", "aws-cn"))),
            ("arn:aws-us-gov:iam::123456789012:user/a:b", Some(("123456789012", "aws-us-gov"))),
            ("arn:aws:iam::", None),
            ("arn:aws:iam:::root", None),
            ("arn::iam::123456789012:root", None),
            ("", None),
        ] {
            let expected = expected.map(|(account, partition)| (account.to_owned(), partition.to_owned()));
            assert_eq!(account_and_partition(arn), expected, "{arn}");
        }
    }

    fn caller_identity(arn: &str) -> String {
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>"
        )
    }

    /// As `SdkConnect` does it, but with credentials and an HTTP client that need no surroundings.
    async fn connect(replay: &Arc<Replay>, region: &str) -> Result<Connection, Fault> {
        let region = Region::new(region.to_owned());
        let name = AppName::new(APP_NAME).unwrap();
        let config = replay.config().to_builder().region(region.clone()).app_name(name).build();
        connection(&config, &region, replay.caller(), &fence::tests::open()).await
    }

    #[tokio::test]
    async fn a_connection_knows_its_account() {
        let arn = "arn:aws-cn:sts::123456789012:assumed-role/operator/s";
        let role = "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>r</RoleName><RoleId>AROA</RoleId>\
                    <Arn>a</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult></GetRoleResponse>";
        let replay = Replay::new([ok(&caller_identity(arn)), ok(role), ok("<DescribeVpcsResponse/>")]);
        let aws = connect(&replay, "cn-north-1").await.unwrap();
        assert_eq!((aws.account.as_str(), aws.partition.as_str()), ("123456789012", "aws-cn"));
        assert_eq!(aws.region, "cn-north-1");
        aws.iam.role("r").await.unwrap();
        aws.ec2.vpcs(&[]).await.unwrap();
        assert_eq!(
            replay.uris(),
            [
                "https://sts.cn-north-1.amazonaws.com.cn/",
                "https://iam.cn-north-1.amazonaws.com.cn/",
                "https://ec2.cn-north-1.amazonaws.com.cn/"
            ]
        );
        for user_agent in replay.user_agents() {
            assert!(user_agent.contains("app/privatelink-operator"), "{user_agent}");
        }
    }

    #[tokio::test]
    async fn no_connection_without_an_identity() {
        let replay =
            Replay::new([query_error(403, "InvalidClientTokenId", "The token is invalid."), ok(&caller_identity("x"))]);
        let fault = connect(&replay, "eu-west-1").await.err().unwrap();
        assert_eq!((fault.service, fault.code.as_str()), (Service::Sts, "InvalidClientTokenId"));
        let fault = connect(&replay, "eu-west-1").await.err().unwrap();
        assert_eq!(fault.message, "unusable answer: no ARN with an account and a partition");
    }

    #[tokio::test]
    async fn settings_reach_the_sdk() {
        let endpoint_url = Some("http://127.0.0.1:9".to_owned());
        let settings = ConnectSettings {
            endpoint_url,
            ca_bundle: None,
            observer: Replay::new([]),
            fence: fence::tests::open(),
            rates: Rates::default(),
        };
        let config = SdkConnect::new(settings).unwrap().load(Region::new("eu-west-1")).await;
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:9"));
        assert_eq!(config.app_name().map(ToString::to_string).as_deref(), Some(APP_NAME));
        assert!(config.identity_cache().is_some(), "shared by the clients of all regions");
    }
}
