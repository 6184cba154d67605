//! What the tests of this kind begin with.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cloud::{
        ec2::{DnsOptions, Endpoint},
        ownership::{ClusterIdentity, Owner, Tags},
    },
    engine::{
        contract::AdoptionPolicy,
        kind::{Kind, Subject},
    },
};

use super::{
    desired::{Context, Desired, desired},
    observe::Observed,
    resolve::{Candidates, Resolved, choose},
    spec::{VpcEndpoint, VpcEndpointStatus},
};

/// An object with this spec beside what every spec has.
pub fn object(spec: Value) -> VpcEndpoint {
    let mut object = json!({
        "apiVersion": "privatelink.dev/v1alpha1",
        "kind": "VpcEndpoint",
        "metadata": { "namespace": "shop", "name": "lambda", "uid": "uid-1" },
        "spec": { "type": "Interface", "service": "lambda", "vpc": { "id": "vpc-1" } },
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut object["spec"], spec) {
        all.extend(more);
    }
    serde_json::from_value(object).unwrap()
}

pub fn identity() -> ClusterIdentity {
    ClusterIdentity {
        cluster_id: "test".into(),
        cluster_uid: "cluster-uid-1".into(),
        take_over_from: None,
        allow_adoption: false,
    }
}

pub fn owner(cluster: &ClusterIdentity) -> Owner<'_> {
    Owner { cluster, key: "shop/lambda".into(), uid: "uid-1", converged_uid: None, adoption: AdoptionPolicy::default() }
}

pub fn ownership() -> Tags {
    owner(&identity()).tags()
}

/// The object in the middle of a pass, long after its last write.
pub fn subject(object: &VpcEndpoint, status: VpcEndpointStatus) -> Subject<VpcEndpoint> {
    Subject {
        namespace: "shop".into(),
        name: "lambda".into(),
        uid: "uid-1".into(),
        object: Some(Arc::new(object.clone())),
        status,
        deleting: false,
        settled: true,
        absent_for: Duration::ZERO,
        failing_with: None,
    }
}

/// What is desired of an object whose terms are plain ids.
pub fn wanted(object: &VpcEndpoint) -> Desired {
    let selection = choose(&object.spec, &object.status(), &Candidates::default()).unwrap();
    let resolved = Resolved { selection, default_security_group: None };
    let status = object.status();
    let context = Context { region: "ap-northeast-1", ownership: ownership(), applied: &status.applied_fields };
    desired(&object.spec, resolved, context).unwrap()
}

/// What AWS holds right after the endpoint was made as desired.
pub fn made(desired: &Desired) -> Observed {
    let new = desired.create("uid-1", 1);
    let endpoint = Endpoint {
        id: "vpce-1".into(),
        endpoint_type: new.endpoint_type,
        state: "available".into(),
        target: new.target,
        vpc_id: new.vpc_id,
        subnet_ids: new.subnet_ids,
        security_group_ids: new.security_group_ids,
        route_table_ids: new.route_table_ids,
        ip_address_type: new.ip_address_type.or_else(|| Some("ipv4".into())),
        private_dns_enabled: new.private_dns_enabled.unwrap_or_default(),
        dns_options: DnsOptions {
            record_ip_type: new.dns_options.record_ip_type.or_else(|| Some("ipv4".into())),
            ..new.dns_options
        },
        policy: new.policy.or_else(|| Some(FULL_ACCESS.into())),
        tags: new.tags,
        ..Endpoint::default()
    };
    observed(endpoint)
}

/// Ours, and nothing else is known of it.
pub fn observed(endpoint: Endpoint) -> Observed {
    Observed { endpoint, claim: false, interfaces: BTreeMap::new(), prefix_list_id: None }
}

pub const FULL_ACCESS: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

pub fn set<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}
