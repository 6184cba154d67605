//! What others do behind the operator's back, and what AWS holds in the end, for comparison.

use std::net::Ipv4Addr;

use privatelink_operator::cloud::{
    ec2::Endpoint,
    iam::{InstanceProfile, Role},
    lambda::{Environment, Function},
    ownership::{PREFIX, Tags, UID},
};
use tokio::time::Instant;

use super::{
    Model, State,
    ec2::{EndpointRecord, Network},
    iam::RoleRecord,
    lambda::{code_sha256, drift::AspectDrift},
    replica::Lag,
};

/// One change by somebody else to the AWS objects of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The endpoint is deleted.
    DeleteEndpoint,
    /// One of its subnets is removed.
    RemoveSubnet,
    /// Its security groups become the VPC's default.
    ChangeGroups,
    /// Its policy denies everything.
    ChangeEndpointPolicy,
    /// Its private DNS is turned off.
    DisablePrivateDns,
    /// It gets another address type.
    ChangeAddressType,
    /// It gets other DNS records.
    ChangeDnsRecords,
    /// Its private DNS is no longer for inbound Resolver endpoints only, or only for them.
    ChangeInboundOnly,
    /// A network interface with an address that was asked for is replaced by one with another.
    MoveAddress,
    /// Its route tables are removed.
    RemoveRouteTables,
    /// A tag of the spec gets another value.
    ChangeTag,
    /// The tags of the spec are removed.
    RemoveTags,
    /// A tag that the spec does not name is added.
    AddTag,
    /// Managed policies are detached.
    DetachPolicies,
    /// A foreign managed policy is attached.
    AttachForeignPolicy,
    /// The trust policy trusts somebody else.
    ChangeTrust,
    /// Inline policies are deleted.
    DeleteInlinePolicies,
    /// Inline policies get another document.
    ChangeInlinePolicies,
    /// A foreign inline policy is put.
    PutForeignInlinePolicy,
    /// The role is taken out of its profile.
    EmptyProfile,
    /// The profile is deleted.
    DeleteProfile,
    /// The instances lose their profile.
    Disassociate,
    /// The profile is deleted and made again, under the same name and with the role in it.
    RecreateProfile,
    /// The role's description is changed.
    ChangeDescription,
    /// The role's session duration is changed.
    ChangeSession,
    /// The role and its profile are deleted.
    DeleteRole,
    /// The function is deleted.
    DeleteFunction,
    /// Its memory is changed.
    ChangeMemory,
    /// Its time-out is changed.
    ChangeTimeout,
    /// Its entry point is changed.
    ChangeHandler,
    /// Its environment is emptied.
    ChangeEnvironment,
    /// Other code is uploaded.
    ChangeCode,
    /// Something happens to what a function has beside code and configuration.
    Aspect(AspectDrift),
}

/// All that can happen to an endpoint.
pub const ENDPOINT: &[Drift] = &[
    Drift::DeleteEndpoint,
    Drift::RemoveSubnet,
    Drift::ChangeGroups,
    Drift::ChangeEndpointPolicy,
    Drift::DisablePrivateDns,
    Drift::ChangeAddressType,
    Drift::ChangeDnsRecords,
    Drift::MoveAddress,
    Drift::RemoveRouteTables,
    Drift::ChangeTag,
    Drift::RemoveTags,
];
/// All that can happen to a role.
pub const ROLE: &[Drift] = &[
    Drift::DeleteRole,
    Drift::ChangeTag,
    Drift::RemoveTags,
    Drift::DetachPolicies,
    Drift::AttachForeignPolicy,
    Drift::ChangeTrust,
    Drift::DeleteInlinePolicies,
    Drift::ChangeInlinePolicies,
    Drift::PutForeignInlinePolicy,
    Drift::EmptyProfile,
    Drift::DeleteProfile,
    Drift::Disassociate,
    Drift::RecreateProfile,
    Drift::ChangeDescription,
    Drift::ChangeSession,
];
/// All that can happen to a function.
pub const FUNCTION: &[Drift] = &[
    Drift::DeleteFunction,
    Drift::ChangeMemory,
    Drift::ChangeTimeout,
    Drift::ChangeHandler,
    Drift::ChangeEnvironment,
    Drift::ChangeCode,
    Drift::ChangeTag,
    Drift::RemoveTags,
];

const FOREIGN: &str = r#"{"Statement":{"Action":"iam:*","Effect":"Deny","Resource":"*"}}"#;

fn is_of(tags: &Tags, uid: &str) -> bool {
    tags.get(UID).is_some_and(|have| have == uid)
}

/// Changes the tags that are not the operator's.
fn retag(tags: &mut Tags, drift: Drift) {
    match drift {
        Drift::ChangeTag => {
            if let Some((_, value)) = tags.iter_mut().find(|(key, _)| !key.starts_with(PREFIX)) {
                value.push_str("-changed");
            }
        }
        Drift::RemoveTags => tags.retain(|key, _| key.starts_with(PREFIX)),
        Drift::AddTag => drop(tags.insert("foreign".to_owned(), "x".to_owned())),
        _ => {}
    }
}

impl State {
    fn endpoints_of(&self, uid: &str) -> Vec<EndpointRecord> {
        let live = self.ec2.endpoints.all().filter(|(_, r)| r.deleted_at.is_none() && is_of(&r.endpoint.tags, uid));
        live.map(|(_, record)| record.clone()).collect()
    }

    fn drift_endpoint(&mut self, mut record: EndpointRecord, drift: Drift) {
        let endpoint = &mut record.endpoint;
        match drift {
            Drift::DeleteEndpoint => record.deleted_at = Some(Instant::now()),
            Drift::RemoveSubnet => {
                let removed = endpoint.subnet_ids.pop_first();
                record.fixed.retain(|subnet, _| Some(subnet) != removed.as_ref());
                self.attach(&mut record);
            }
            Drift::ChangeGroups if !endpoint.security_group_ids.is_empty() => {
                endpoint.security_group_ids = [Network::DEFAULT_GROUP.to_owned()].into();
                endpoint.security_group_names = [(Network::DEFAULT_GROUP.to_owned(), "default".to_owned())].into();
            }
            Drift::ChangeEndpointPolicy => endpoint.policy = Some(FOREIGN.to_owned()),
            Drift::DisablePrivateDns => endpoint.private_dns_enabled = false,
            Drift::ChangeAddressType => endpoint.ip_address_type = Some("ipv6".to_owned()),
            Drift::ChangeDnsRecords => endpoint.dns_options.record_ip_type = Some("ipv6".to_owned()),
            Drift::ChangeInboundOnly => {
                let only = &mut endpoint.dns_options.private_dns_only_for_inbound_resolver_endpoint;
                *only = only.map(|only| !only);
            }
            Drift::MoveAddress => self.move_address(&mut record),
            Drift::RemoveRouteTables => endpoint.route_table_ids.clear(),
            other => retag(&mut endpoint.tags, other),
        }
        self.ec2.endpoints.put(&record.endpoint.id.clone(), Some(record), Lag::NONE);
    }

    fn move_address(&mut self, record: &mut EndpointRecord) {
        if let Some(addresses) = record.fixed.values_mut().next() {
            addresses.ipv4 = Some(Ipv4Addr::new(10, 0, 8, 8));
            self.attach(record);
        }
    }

    fn drift_role(&mut self, key: &str, mut record: RoleRecord, drift: Drift) {
        match drift {
            Drift::DeleteRole => {
                self.drop_profiles(&record.role.name);
                return self.iam.roles.put(key, None, Lag::NONE);
            }
            Drift::DeleteProfile => self.drop_profiles(&record.role.name),
            Drift::RecreateProfile => self.recreate_profiles(&record.role.name),
            Drift::ChangeDescription => record.role.description = Some("changed".to_owned()),
            Drift::ChangeSession => record.role.max_session_seconds = Some(10_000),
            Drift::DetachPolicies => record.attached.clear(),
            Drift::AttachForeignPolicy => {
                record.attached.insert("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned());
            }
            Drift::ChangeTrust => FOREIGN.clone_into(&mut record.role.trust_policy),
            Drift::DeleteInlinePolicies => record.inline.clear(),
            Drift::ChangeInlinePolicies => record.inline.values_mut().for_each(|text| FOREIGN.clone_into(text)),
            Drift::PutForeignInlinePolicy => {
                record.inline.insert("foreign".to_owned(), FOREIGN.to_owned());
            }
            other => retag(&mut record.role.tags, other),
        }
        self.iam.roles.put(key, Some(record), Lag::NONE);
    }

    fn drop_profiles(&mut self, role: &str) {
        let keys: Vec<String> = self.iam.profiles.all().map(|(key, _)| key.clone()).collect();
        for key in keys {
            if self.iam.profiles.current(&key).is_some_and(|p| p.profile.roles.iter().any(|name| name == role)) {
                self.iam.profiles.put(&key, None, Lag::NONE);
            }
        }
    }

    fn recreate_profiles(&mut self, role: &str) {
        let all: Vec<_> = self.iam.profiles.all().map(|(key, record)| (key.clone(), record.clone())).collect();
        for (key, mut record) in all {
            if record.profile.roles.iter().any(|name| name == role) {
                record.profile.id = format!("AIPA{:017X}", self.number());
                self.iam.profiles.put(&key, Some(record), Lag::NONE);
            }
        }
    }

    fn empty_profiles(&mut self, uid: &str) {
        let all: Vec<_> = self.iam.profiles.all().map(|(key, record)| (key.clone(), record.clone())).collect();
        for (key, mut record) in all {
            if is_of(&record.profile.tags, uid) {
                record.profile.roles.clear();
                self.iam.profiles.put(&key, Some(record), Lag::NONE);
            }
        }
    }

    fn disassociate_all(&mut self) {
        let all: Vec<_> = self.ec2.associations.all().map(|(id, record)| (id.clone(), record.clone())).collect();
        for (id, mut record) in all {
            record.ended_at.get_or_insert_with(Instant::now);
            self.ec2.associations.put(&id, Some(record), Lag::NONE);
        }
    }

    fn drift_function(&mut self, name: &str, drift: Drift) {
        let Some(mut record) = self.lambda.functions.current(name).cloned() else { return };
        if let Drift::Aspect(drift) = drift {
            return self.drift_aspects(name, drift);
        }
        if drift == Drift::DeleteFunction {
            self.lambda.aspects.drop_all(name);
            return self.lambda.functions.put(name, None, Lag::NONE);
        }
        let function = &mut record.function;
        match drift {
            Drift::ChangeMemory => function.settings.memory_size = Some(3008),
            Drift::ChangeTimeout => function.settings.timeout_seconds = Some(77),
            Drift::ChangeHandler => function.settings.handler = Some("other.handler".to_owned()),
            Drift::ChangeEnvironment => function.settings.environment = Some(Environment::default()),
            Drift::ChangeCode => function.code_sha256 = code_sha256(b"PK other"),
            other => retag(function.tags.get_or_insert_default(), other),
        }
        record.revision = self.number();
        self.lambda.functions.put(name, Some(record), Lag::NONE);
    }
}

impl Model {
    /// Lets a drift happen to all AWS objects of an owner. One that does not fit them changes nothing.
    pub fn drift(&self, uid: &str, drift: Drift) {
        let mut state = self.state();
        for record in state.endpoints_of(uid) {
            state.drift_endpoint(record, drift);
        }
        match drift {
            Drift::EmptyProfile => state.empty_profiles(uid),
            Drift::Disassociate => state.disassociate_all(),
            _ => {}
        }
        let roles: Vec<_> = state.iam.roles.all().map(|(key, record)| (key.clone(), record.clone())).collect();
        for (key, record) in roles.into_iter().filter(|(_, record)| is_of(&record.role.tags, uid)) {
            state.drift_role(&key, record, drift);
        }
        let functions: Vec<_> = state.lambda.functions.all().map(|(name, f)| (name.clone(), f.clone())).collect();
        for (name, record) in functions {
            if record.function.tags.as_ref().is_some_and(|tags| is_of(tags, uid)) {
                state.drift_function(&name, drift);
            }
        }
    }

    /// Takes all tags off the AWS objects of an owner.
    pub fn strip_tags(&self, uid: &str) {
        let mut state = self.state();
        for mut record in state.endpoints_of(uid) {
            record.endpoint.tags.clear();
            state.ec2.endpoints.put(&record.endpoint.id.clone(), Some(record), Lag::NONE);
        }
        let roles: Vec<_> = state.iam.roles.all().map(|(key, record)| (key.clone(), record.clone())).collect();
        for (key, mut record) in roles.into_iter().filter(|(_, record)| is_of(&record.role.tags, uid)) {
            record.role.tags.clear();
            state.iam.roles.put(&key, Some(record), Lag::NONE);
        }
        let profiles: Vec<_> = state.iam.profiles.all().map(|(key, record)| (key.clone(), record.clone())).collect();
        for (key, mut record) in profiles.into_iter().filter(|(_, record)| is_of(&record.profile.tags, uid)) {
            record.profile.tags.clear();
            state.iam.profiles.put(&key, Some(record), Lag::NONE);
        }
        let functions: Vec<_> = state.lambda.functions.all().map(|(name, f)| (name.clone(), f.clone())).collect();
        for (name, mut record) in functions {
            if record.function.tags.as_ref().is_some_and(|tags| is_of(tags, uid)) {
                record.function.tags = Some(Tags::new());
                state.lambda.functions.put(&name, Some(record), Lag::NONE);
            }
        }
    }

    /// All that AWS holds beside the network, in words that leave out what AWS chooses itself (ids, revisions).
    /// Two accounts with the same content are the same to a user.
    pub fn content(&self) -> Vec<String> {
        let state = self.state();
        let endpoints = state.ec2.endpoints.all().filter(|(_, r)| r.deleted_at.is_none()).map(|(_, r)| {
            let endpoint = Endpoint {
                id: String::new(),
                dns_entries: Vec::new(),
                network_interface_ids: [r.endpoint.network_interface_ids.len().to_string()].into(),
                ..r.endpoint.clone()
            };
            format!("{endpoint:?} {:?}", r.fixed)
        });
        let associations = state.ec2.associations.all().filter(|(_, r)| r.ended_at.is_none()).map(|(_, r)| {
            let alive = state.iam.profiles.all().any(|(_, p)| p.profile.id == r.association.profile_id);
            let dead = if alive { "" } else { " (deleted)" };
            format!("{}{dead} on {}", r.association.profile_arn, r.association.instance_id)
        });
        let roles = state.iam.roles.all().map(|(_, r)| {
            let role = Role { id: String::new(), ..r.role.clone() };
            format!("{role:?} {:?} {:?}", r.attached, r.inline)
        });
        let profiles = state.iam.profiles.all().map(|(_, r)| {
            let profile = InstanceProfile { id: String::new(), ..r.profile.clone() };
            format!("{profile:?}")
        });
        let functions = state.lambda.functions.all().filter(|(_, f)| !f.is_going()).map(|(_, f)| {
            let function = Function { revision_id: String::new(), ..f.function.clone() };
            let environment = f.function.settings.environment.clone().unwrap_or_default();
            format!("{function:?} {:?}", environment.0)
        });
        let mut content: Vec<String> =
            endpoints.chain(associations).chain(roles).chain(profiles).chain(functions).collect();
        content.extend(state.lambda.aspects.content());
        content.sort();
        content
    }
}
