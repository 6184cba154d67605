//! Connecting to an account and region.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, meta::region::ProvideRegion};
use tokio::sync::OnceCell;

use crate::cloud::{
    Connect, Connection,
    fault::{Fault, Service},
};

use super::{
    call::{self, CallObserver, Caller},
    ec2::SdkEc2,
    iam::SdkIam,
    lambda::SdkLambda,
};

/// Ends the user agent, so that CloudTrail shows whose calls these are.
const APP_NAME: &str = "privatelink-operator";

/// How AWS is reached.
pub struct ConnectSettings {
    /// Instead of the services' own addresses, for all of them; for LocalStack and the like.
    pub endpoint_url: Option<String>,
    /// Is told of each call.
    pub observer: Arc<dyn CallObserver>,
}

/// Connects by the AWS SDK, with the credentials that its default chain finds
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>).
pub struct SdkConnect {
    settings: ConnectSettings,
    /// Loaded at the first connection; all regions share its cache of credentials.
    config: OnceCell<SdkConfig>,
}

impl SdkConnect {
    /// Nothing is loaded or called before the first connection.
    pub fn new(settings: ConnectSettings) -> Self {
        Self { settings, config: OnceCell::new() }
    }
}

#[async_trait]
impl Connect for SdkConnect {
    async fn connect(&self, region: &str) -> Result<Connection, Fault> {
        let region = Region::new(region.to_owned());
        let config = self.config.get_or_init(|| load(self.settings.endpoint_url.clone(), region.clone())).await;
        connection(&config.to_builder().region(region.clone()).build(), &region, &self.settings.observer).await
    }
}

/// The region is given here only to keep the SDK from looking for one.
async fn load(endpoint_url: Option<String>, region: Region) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
    if let Some(url) = endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Ok(name) = AppName::new(APP_NAME) {
        loader = loader.app_name(name);
    }
    loader.load().await
}

/// The region that the SDK's default chain finds: environment, profile, instance metadata.
pub async fn default_region() -> Option<String> {
    aws_config::default_provider::region::default_provider().region().await.map(|region| region.to_string())
}

async fn connection(
    config: &SdkConfig,
    region: &Region,
    observer: &Arc<dyn CallObserver>,
) -> Result<Connection, Fault> {
    let (account, partition) = identity(config, observer.clone()).await?;
    Ok(Connection {
        account,
        region: region.to_string(),
        partition,
        ec2: Arc::new(SdkEc2::new(config, observer.clone())),
        iam: Arc::new(SdkIam::new(config, observer.clone())),
        lambda: Arc::new(SdkLambda::new(config, observer.clone())),
    })
}

/// The account and the partition of the credentials.
async fn identity(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Result<(String, String), Fault> {
    const OPERATION: &str = "GetCallerIdentity";
    let caller = Caller::new(Service::Sts, observer);
    let sts = aws_sdk_sts::Client::new(&call::reads(config));
    let answer = caller.run(OPERATION, sts.get_caller_identity().send()).await?;
    account_and_partition(answer.arn.as_deref().unwrap_or_default())
        .ok_or_else(|| caller.unusable(OPERATION, "no ARN with an account and a partition"))
}

/// From `arn:<partition>:<service>:<region>:<account>:<resource>`.
fn account_and_partition(arn: &str) -> Option<(String, String)> {
    let mut fields = arn.split(':');
    let partition = fields.by_ref().nth(1).filter(|partition| !partition.is_empty())?;
    let account = fields.nth(2).filter(|account| !account.is_empty())?;
    Some((account.to_owned(), partition.to_owned()))
}
