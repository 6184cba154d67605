//! Facts for the status.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::cloud::{
    Connection,
    ec2::{DnsEntry, Endpoint, NetworkInterface},
    ownership::UID,
    policy,
};

use super::{
    desired::Desired,
    observe::Observed,
    plan,
    resolve::Selection,
    spec::{DELETING, DnsEntryStatus, NetworkInterfaceStatus, SecurityGroupStatus, SubnetStatus, VpcEndpointStatus},
};

/// Where an endpoint lives.
pub struct Place<'a> {
    /// Such as `aws`.
    pub partition: &'a str,
    /// Such as `ap-northeast-1`.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

impl<'a> From<&'a Connection> for Place<'a> {
    fn from(Connection { partition, region, account, .. }: &'a Connection) -> Self {
        Self { partition, region, account }
    }
}

impl Place<'_> {
    fn arn(&self, id: &str) -> String {
        let Self { partition, region, account } = self;
        format!("arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}")
    }
}

/// Writes what is known into the status. The id of an endpoint that AWS does not show stays: it is needed to
/// tell an absence from a delay; so does the state `deleting`, which is final. An earlier endpoint on its way
/// out says nothing of the one that follows it.
pub fn report(
    place: &Place<'_>,
    desired: Option<&Desired>,
    observed: Option<&Observed>,
    status: &mut VpcEndpointStatus,
) {
    status.common.account_id = Some(place.account.to_owned());
    status.common.region = Some(place.region.to_owned());
    let Some(observed) = observed else {
        status.state = status.state.take().filter(|state| state == DELETING);
        return;
    };
    let endpoint = &observed.endpoint;
    if endpoint.state == DELETING && status.id.as_ref() != Some(&endpoint.id) {
        return;
    }
    if status.state.as_deref() != Some(DELETING) || status.id.as_ref() != Some(&endpoint.id) {
        status.state = Some(endpoint.state.clone());
    }
    if !observed.is_a_strangers() {
        status.id = Some(endpoint.id.clone());
    }
    status.common.arn = Some(place.arn(&endpoint.id));
    if !observed.claim {
        status.common.owner_uid = endpoint.tags.get(UID).cloned();
    }
    if let Some(desired) = desired
        && plan::is_applied(status, desired, observed)
    {
        status.common.managed_tags = desired.tag_keys();
        status.applied_fields.clone_from(&desired.given);
    }
    describe(observed, desired.map(|desired| &desired.selection), status);
}

/// The endpoint's own facts, cut to the bounds of the schema, which are above AWS's quotas.
fn describe(observed: &Observed, selection: Option<&Selection>, status: &mut VpcEndpointStatus) {
    let Observed { endpoint, interfaces, .. } = observed;
    status.service_name = endpoint.target.service().map(str::to_owned);
    status.vpc = Some(endpoint.vpc_id.clone());
    let mut zones = known(
        status.subnets.drain(..).map(|subnet| (subnet.id, subnet.zone)),
        selection.and_then(|selection| selection.subnets.as_ref()),
    );
    zones.extend(interfaces.values().map(|interface| (interface.subnet_id.clone(), interface.zone.clone())));
    status.subnets =
        cut(&endpoint.subnet_ids, 64).map(|id| SubnetStatus { zone: zones.get(&id).cloned(), id }).collect();
    status.security_groups = cut(&endpoint.security_group_ids, 64)
        .map(|id| SecurityGroupStatus { name: endpoint.security_group_names.get(&id).cloned(), id })
        .collect();
    if let Some(selection) = selection {
        status.unused_subnets = cut(&selection.unused_subnets, 256).collect();
    }
    status.route_tables = cut(&endpoint.route_table_ids, 512).collect();
    status.network_interfaces =
        cut(&endpoint.network_interface_ids, 64).map(|id| interface_status(interfaces.get(&id), id)).collect();
    status.dns_entries = endpoint.dns_entries.iter().take(64).map(dns_status).collect();
    status.prefix_list_id.clone_from(&observed.prefix_list_id);
    status.failure = endpoint.last_error.as_ref().map(|error| error.chars().take(1024).collect());
}

fn interface_status(facts: Option<&NetworkInterface>, id: String) -> NetworkInterfaceStatus {
    let Some(NetworkInterface { subnet_id, zone, addresses, .. }) = facts else {
        return NetworkInterfaceStatus { id, ..NetworkInterfaceStatus::default() };
    };
    NetworkInterfaceStatus {
        id,
        subnet: Some(subnet_id.clone()),
        zone: Some(zone.clone()),
        ipv4: addresses.ipv4,
        ipv6: addresses.ipv6,
    }
}

fn dns_status(entry: &DnsEntry) -> DnsEntryStatus {
    DnsEntryStatus { name: entry.name.clone(), hosted_zone_id: entry.hosted_zone_id.clone() }
}

fn cut<'a>(list: impl IntoIterator<Item = &'a String>, bound: usize) -> impl Iterator<Item = String> {
    list.into_iter().take(bound).cloned()
}

/// What was known of each id before, and what the selection tells now.
fn known(
    before: impl Iterator<Item = (String, Option<String>)>,
    now: Option<&BTreeMap<String, Option<String>>>,
) -> BTreeMap<String, String> {
    let now = now.into_iter().flatten().map(|(id, fact)| (id.clone(), fact.clone()));
    before.chain(now).filter_map(|(id, fact)| Some((id, fact?))).collect()
}

/// A digest of an endpoint and of what its object selects. Whatever changes it, wakes the object.
pub fn fingerprint(selection: &Selection, endpoint: &Endpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    selection.hash(&mut hasher);
    (&endpoint.id, &endpoint.state, &endpoint.last_error).hash(&mut hasher);
    (&endpoint.subnet_ids, &endpoint.security_group_ids, &endpoint.route_table_ids).hash(&mut hasher);
    (&endpoint.ip_address_type, &endpoint.dns_options).hash(&mut hasher);
    (endpoint.private_dns_enabled, endpoint.policy.as_deref().map(policy::normalise)).hash(&mut hasher);
    (&endpoint.network_interface_ids, &endpoint.tags).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;

    use super::{
        super::{
            fixtures::{made, object, set, wanted},
            spec::Field,
        },
        *,
    };
    use crate::cloud::ec2::Addresses;

    const PLACE: Place<'_> = Place { partition: "aws-cn", region: "cn-north-1", account: "123456789012" };

    #[test]
    fn fields_count_as_applied_once_aws_has_all() {
        let object = object(json!({ "privateDnsEnabled": true, "tags": { "team": "a" } }));
        let desired = wanted(&object);
        let mut observed = made(&desired);
        let before = VpcEndpointStatus { applied_fields: vec![Field::Policy], ..VpcEndpointStatus::default() };
        let facts = |observed: &Observed| {
            let mut status = before.clone();
            report(&PLACE, Some(&desired), Some(observed), &mut status);
            status
        };
        let status = facts(&observed);
        assert_eq!(status.applied_fields, [Field::PrivateDnsEnabled]);
        assert_eq!(status.common.managed_tags, ["team"]);
        assert_eq!(status.common.owner_uid.as_deref(), Some("uid-1"));
        observed.endpoint.private_dns_enabled = false;
        observed.claim = true;
        let status = facts(&observed);
        assert_eq!(status.applied_fields, [Field::Policy]);
        assert_eq!(status.common.owner_uid, None);
    }

    #[test]
    fn facts_are_told_with_names_where_known() {
        let object = object(json!({ "subnets": [{ "id": "subnet-1" }] }));
        let mut desired = wanted(&object);
        desired.selection.subnets = Some(BTreeMap::from([("subnet-1".into(), Some("1a".into()))]));
        let mut observed = made(&desired);
        observed.endpoint.security_group_ids = set(["sg-1", "sg-2"]);
        observed.endpoint.security_group_names = BTreeMap::from([("sg-1".into(), "web".into())]);
        observed.endpoint.network_interface_ids = set(["eni-1", "eni-2"]);
        let interface = NetworkInterface {
            id: "eni-1".into(),
            subnet_id: "subnet-1".into(),
            zone: "1b".into(),
            addresses: Addresses { ipv4: Some(Ipv4Addr::new(10, 0, 0, 4)), ipv6: None },
        };
        observed.interfaces = BTreeMap::from([("eni-1".into(), interface.clone())]);
        let mut status = VpcEndpointStatus::default();
        report(&PLACE, Some(&desired), Some(&observed), &mut status);
        report(&PLACE, None, Some(&observed), &mut status);
        assert_eq!(status.subnets, [SubnetStatus { id: "subnet-1".into(), zone: Some("1b".into()) }]);
        let group = |id: &str, name: Option<&str>| SecurityGroupStatus { id: id.into(), name: name.map(str::to_owned) };
        assert_eq!(status.security_groups, [group("sg-1", Some("web")), group("sg-2", None)]);
        let facts: Vec<_> = status.network_interfaces.iter().map(NetworkInterfaceStatus::facts).collect();
        assert_eq!(facts, [Some(interface), None]);
        let arn = "arn:aws-cn:ec2:cn-north-1:123456789012:vpc-endpoint/vpce-1";
        assert_eq!(status.common.arn.as_deref(), Some(arn));
        assert_eq!((status.id.as_deref(), status.vpc.as_deref()), (Some("vpce-1"), Some("vpc-1")));
    }

    #[test]
    fn deleting_is_final_and_an_earlier_endpoint_says_nothing() {
        let desired = wanted(&object(json!({})));
        let in_state = |state: &str| {
            let mut observed = made(&desired);
            observed.endpoint.state = state.into();
            observed
        };
        let status = |id: Option<&str>, state: Option<&str>| VpcEndpointStatus {
            id: id.map(str::to_owned),
            state: state.map(str::to_owned),
            ..VpcEndpointStatus::default()
        };
        for (id, state, observed, expected_id, expected_state) in [
            (Some("vpce-1"), Some("available"), Some("deleting"), Some("vpce-1"), Some("deleting")),
            (Some("vpce-1"), Some("deleting"), Some("available"), Some("vpce-1"), Some("deleting")),
            (Some("vpce-1"), Some("deleting"), None, Some("vpce-1"), Some("deleting")),
            (Some("vpce-1"), Some("available"), None, Some("vpce-1"), None),
            (Some("vpce-2"), Some("pending"), Some("deleting"), Some("vpce-2"), Some("pending")),
            (None, None, Some("deleting"), None, None),
            (Some("vpce-0"), Some("deleting"), Some("available"), Some("vpce-1"), Some("available")),
        ] {
            let mut status = status(id, state);
            report(&PLACE, None, observed.map(in_state).as_ref(), &mut status);
            assert_eq!(
                (status.id.as_deref(), status.state.as_deref()),
                (expected_id, expected_state),
                "{id:?} {state:?} {observed:?}"
            );
        }
    }

    #[test]
    fn a_status_never_outgrows_its_bounds() {
        let desired = wanted(&object(json!({})));
        let mut observed = made(&desired);
        let many = |prefix: &'static str| (0..1000).map(move |n| format!("{prefix}-{n}"));
        observed.endpoint.subnet_ids = many("subnet").collect();
        observed.endpoint.route_table_ids = many("rtb").collect();
        observed.endpoint.dns_entries = many("name").map(|name| DnsEntry { name, hosted_zone_id: None }).collect();
        observed.endpoint.last_error = Some("é".repeat(5000));
        let mut status = VpcEndpointStatus::default();
        report(&PLACE, Some(&desired), Some(&observed), &mut status);
        assert_eq!((status.subnets.len(), status.route_tables.len(), status.dns_entries.len()), (64, 512, 64));
        assert_eq!(status.failure.map(|text| text.chars().count()), Some(1024));
    }

    #[test]
    fn fingerprints_follow_meaning() {
        let desired = wanted(&object(json!({})));
        let endpoint = made(&desired).endpoint;
        let of = |change: &dyn Fn(&mut Endpoint)| {
            let mut endpoint = endpoint.clone();
            change(&mut endpoint);
            fingerprint(&desired.selection, &endpoint)
        };
        let same = of(&|_| {});
        assert_eq!(same, of(&|e| e.policy = e.policy.as_ref().map(|p| p.replace(r#""*""#, r#"["*"]"#))));
        let changes: [&dyn Fn(&mut Endpoint); 11] = [
            &|e| e.state = "failed".into(),
            &|e| e.subnet_ids = set(["subnet-1"]),
            &|e| e.security_group_ids = set(["subnet-1"]),
            &|e| e.route_table_ids = set(["subnet-1"]),
            &|e| e.private_dns_enabled = true,
            &|e| e.policy = None,
            &|e| e.ip_address_type = Some("ipv6".into()),
            &|e| e.dns_options.record_ip_type = Some("ipv6".into()),
            &|e| e.network_interface_ids = set(["eni-1"]),
            &|e| e.tags.clear(),
            &|e| e.id = "vpce-2".into(),
        ];
        for (n, change) in changes.iter().enumerate() {
            assert_ne!(same, of(change), "{n}");
        }
        let moved = Selection { subnets: Some(BTreeMap::new()), ..desired.selection.clone() };
        assert_ne!(same, fingerprint(&moved, &endpoint));
    }
}
