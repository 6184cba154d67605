//! The subnets and security groups of a function.

use std::collections::BTreeSet;

use crate::{
    cloud::{
        ec2::{Ec2, Filter, SecurityGroup, Subnet},
        lambda::VpcConfig,
        selection::{self, matching, needs_read, plain_ids},
    },
    engine::failure::{Class, Failure},
};

use super::spec::{Vpc, VpcStatus};

const SUBNETS: &str = "spec.vpc.subnets";
const SECURITY_GROUPS: &str = "spec.vpc.securityGroups";

/// What to choose from.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroup>,
}

/// Reads what the terms select. A selection that has lost something which the status has is read twice, since one
/// incomplete answer could otherwise cut a function off.
pub async fn resolve(ec2: &dyn Ec2, vpc: &Vpc, status: Option<&VpcStatus>) -> Result<VpcConfig, Failure> {
    let chosen = read(ec2, vpc).await?;
    if status.is_some_and(|status| shrinks(&chosen, status)) && reads_aws(vpc) && read(ec2, vpc).await? != chosen {
        return Err(Failure::new(
            Class::Transient,
            "SelectionUnstable",
            "spec.vpc: two reads of what the terms select differ; the function is left as it is until two agree",
        ));
    }
    Ok(chosen)
}

/// Whether what is selected can only be told by a read.
pub fn reads_aws(vpc: &Vpc) -> bool {
    needs_read(Some(&vpc.subnets)) || needs_read(Some(&vpc.security_groups))
}

/// Chooses from candidates. Groups are those of the VPC that the subnets are in.
pub fn choose(vpc: &Vpc, candidates: &Candidates) -> Result<VpcConfig, Failure> {
    let ipv6_allowed_for_dual_stack = vpc.ipv6_allowed_for_dual_stack.unwrap_or_default();
    if let (Some(subnets), Some(security_groups)) = (plain_ids(&vpc.subnets), plain_ids(&vpc.security_groups)) {
        return Ok(VpcConfig { subnets, security_groups, ipv6_allowed_for_dual_stack });
    }
    let subnets = matching(SUBNETS, &vpc.subnets, None, &candidates.subnets)?;
    let vpcs: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
    let vpcs: Vec<&str> = vpcs.into_iter().collect();
    let [id] = vpcs[..] else {
        let message = format!("the terms select subnets of {}; all must be of one VPC", vpcs.join(", "));
        return Err(Failure::terminal("AmbiguousVpc", message).at(SUBNETS));
    };
    let security_groups = match plain_ids(&vpc.security_groups) {
        Some(ids) => ids,
        None => matching(SECURITY_GROUPS, &vpc.security_groups, Some(id), &candidates.security_groups)?
            .into_iter()
            .map(|group| group.id.clone())
            .collect(),
    };
    let subnets = subnets.into_iter().map(|subnet| subnet.id.clone()).collect();
    Ok(VpcConfig { subnets, security_groups, ipv6_allowed_for_dual_stack })
}

async fn read(ec2: &dyn Ec2, vpc: &Vpc) -> Result<VpcConfig, Failure> {
    let mut candidates = Candidates::default();
    if reads_aws(vpc) {
        let subnets = |filters: Vec<Filter>| async move { ec2.subnets(&filters).await };
        candidates.subnets = selection::read(SUBNETS, &vpc.subnets, None, subnets).await?;
    }
    if needs_read(Some(&vpc.security_groups)) {
        let groups = |filters: Vec<Filter>| async move { ec2.security_groups(&filters).await };
        candidates.security_groups = selection::read(SECURITY_GROUPS, &vpc.security_groups, None, groups).await?;
    }
    choose(vpc, &candidates)
}

fn shrinks(chosen: &VpcConfig, status: &VpcStatus) -> bool {
    status.subnets.iter().any(|id| !chosen.subnets.contains(id))
        || status.security_groups.iter().any(|id| !chosen.security_groups.contains(id))
}
