//! Amazon EC2: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/>. Networks and instances are given;
//! endpoints live in `endpoints.rs`, instance profile associations here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use privatelink_operator::cloud::{
    ec2::{
        Ec2, Endpoint, EndpointChange, EndpointService, Filter, Instance, NetworkInterface, NewEndpoint,
        ProfileAssociation, RouteTable, SecurityGroup, Subnet, Vpc, VpcDns,
    },
    fault::{Fault, Service},
    ownership::Tags,
};
use tokio::time::Instant;

use super::{Answer, Model, State, Timing, filters::select, refuse, replica::Store, services::CustomerService};
pub use super::{endpoints::EndpointRecord, network::Network};

/// An association of an instance profile with an instance.
#[derive(Clone, Debug)]
pub struct AssociationRecord {
    /// The association; its state comes from the times.
    pub association: ProfileAssociation,
    /// When it is `associated`.
    pub ready_at: Instant,
    /// When it was asked to go.
    pub ended_at: Option<Instant>,
}

impl AssociationRecord {
    fn view(&self, now: Instant, timing: &Timing) -> Option<ProfileAssociation> {
        let state = match self.ended_at {
            Some(ended) if now < ended + timing.association => "disassociating",
            Some(_) => return None,
            None if now < self.ready_at => "associating",
            None => "associated",
        };
        Some(ProfileAssociation { state: state.to_owned(), ..self.association.clone() })
    }
}

/// Networks, instances, endpoints and associations.
#[derive(Debug, Default)]
pub struct Ec2State {
    /// VPCs by id.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Subnets by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Security groups by id.
    pub groups: BTreeMap<String, SecurityGroup>,
    /// Route tables by id.
    pub tables: BTreeMap<String, RouteTable>,
    /// Instances by id.
    pub instances: BTreeMap<String, Instance>,
    /// Associations by id.
    pub associations: Store<AssociationRecord>,
    /// Endpoints by id.
    pub endpoints: Store<EndpointRecord>,
    /// What each client token was first used with, and the endpoint that it made.
    pub tokens: HashMap<String, (NewEndpoint, String)>,
    /// Services of customers, such as one behind a Gateway Load Balancer, by name.
    pub customer_services: BTreeMap<String, CustomerService>,
    /// The zones of services that are not in all of them, by name.
    pub service_zones: BTreeMap<String, BTreeSet<String>>,
    /// Attributes of VPCs by id.
    pub vpc_dns: BTreeMap<String, VpcDns>,
    /// Network interfaces of endpoints by id.
    pub interfaces: BTreeMap<String, NetworkInterface>,
    /// The most endpoints of a type.
    pub endpoint_quota: Option<usize>,
    /// Endpoints that `DeleteVpcEndpoints` answers with in `Unsuccessful[]`, with code and text.
    pub undeletable: BTreeMap<String, (&'static str, &'static str)>,
}

impl Ec2State {
    /// See [`super::replica::Store::rewind`].
    pub fn rewind(&mut self, yes: bool) {
        self.endpoints.rewind(yes);
        self.associations.rewind(yes);
    }

    /// Endpoints that are not being deleted, with their tags.
    pub fn live(&self) -> Vec<(&'static str, String, Tags)> {
        self.endpoints
            .all()
            .filter(|(_, record)| record.deleted_at.is_none())
            .map(|(id, record)| ("endpoint", id.clone(), record.endpoint.tags.clone()))
            .collect()
    }

    /// Tags of a resource other than an endpoint.
    fn tags_mut(&mut self, id: &str) -> Option<&mut Tags> {
        let vpc = self.vpcs.get_mut(id).map(|x| &mut x.tags);
        let subnet = self.subnets.get_mut(id).map(|x| &mut x.tags);
        let group = self.groups.get_mut(id).map(|x| &mut x.tags);
        let table = self.tables.get_mut(id).map(|x| &mut x.tags);
        let instance = self.instances.get_mut(id).map(|x| &mut x.tags);
        vpc.or(subnet).or(group).or(table).or(instance)
    }
}

impl State {
    fn associate(&mut self, instance_id: &str, profile_arn: &str, now: Instant) -> Answer<ProfileAssociation> {
        match self.profile_known_to_ec2(profile_arn, now) {
            None => {
                return refuse(
                    "InvalidParameterValue",
                    format!(
                        "Value ({profile_arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
                    ),
                );
            }
            Some(false) => {
                return refuse(
                    "InvalidParameterValue",
                    format!("IAM Instance Profile \"{profile_arn}\" has no associated IAM Roles"),
                );
            }
            Some(true) => {}
        }
        let association = ProfileAssociation {
            id: format!("iip-assoc-{:017x}", self.number()),
            instance_id: instance_id.to_owned(),
            profile_arn: profile_arn.to_owned(),
            profile_id: self.profile_id(profile_arn),
            state: "associating".to_owned(),
        };
        let record = AssociationRecord {
            association: association.clone(),
            ready_at: now + self.timing.association,
            ended_at: None,
        };
        let lag = self.timing.lag;
        self.ec2.associations.put(&association.id, Some(record), lag);
        Ok(association)
    }

    fn association_target(&mut self, id: &str, now: Instant) -> Answer<AssociationRecord> {
        let timing = self.timing;
        match self.ec2.associations.target(id).filter(|record| record.view(now, &timing).is_some()) {
            Some(record) => Ok(record),
            None => refuse("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist")),
        }
    }

    fn end_association(&mut self, mut record: AssociationRecord, now: Instant) {
        record.ended_at.get_or_insert(now);
        let lag = self.timing.lag;
        self.ec2.associations.put(&record.association.id.clone(), Some(record), lag);
    }

    fn profile_id(&self, arn: &str) -> String {
        let found = self.iam.profiles.all().find(|(_, record)| record.profile.arn == arn);
        found.map(|(_, record)| record.profile.id.clone()).unwrap_or_default()
    }

    fn running(&self, instance_id: &str) -> Answer<bool> {
        match self.ec2.instances.get(instance_id) {
            None => refuse("InvalidInstanceID.NotFound", format!("The instance ID '{instance_id}' does not exist")),
            Some(instance) if !["running", "stopped"].contains(&instance.state.as_str()) => refuse(
                "IncorrectInstanceState",
                format!("The instance '{instance_id}' is not in the 'running' or 'stopped' states."),
            ),
            Some(instance) => Ok(instance.state == "running"),
        }
    }
}

impl Model {
    /// One EC2 read.
    pub(super) async fn ec2_read<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.aws_read(Service::Ec2, operation, run).await
    }

    /// One EC2 write.
    pub(super) async fn ec2_write<T: Send>(
        &self,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<T> + Send + 'static,
    ) -> Result<T, Fault> {
        self.aws_write(Service::Ec2, operation, run).await
    }

    async fn change_tags(
        &self,
        operation: &'static str,
        id: &str,
        change: impl Fn(&mut Tags) + Send + 'static,
    ) -> Result<(), Fault> {
        let id = id.to_owned();
        self.ec2_write(operation, move |s, now| {
            if id.starts_with("vpce-") {
                return s.change_endpoint(&id, now, |_, record| {
                    change(&mut record.endpoint.tags);
                    Ok(())
                });
            }
            match s.ec2.tags_mut(&id) {
                Some(tags) => change(tags),
                None => return refuse("InvalidID", format!("The ID '{id}' is not valid")),
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Ec2 for Model {
    async fn endpoints(&self, filters: &[Filter]) -> Result<Vec<Endpoint>, Fault> {
        self.ec2_read("DescribeVpcEndpoints", |s, now| {
            let timing = s.timing;
            let records = s.ec2.endpoints.list();
            select(
                records.iter().filter_map(|record| record.view(now, &timing)),
                filters,
                |e| e.tags.clone(),
                |e, name| match name {
                    "vpc-endpoint-id" => Some(e.id.clone()),
                    "vpc-id" => Some(e.vpc_id.clone()),
                    "service-name" => e.target.service().map(str::to_owned),
                    "vpc-endpoint-type" => Some(e.endpoint_type.clone()),
                    "vpc-endpoint-state" => Some(e.state.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, Fault> {
        self.ec2_read("DescribeVpcEndpoints", |s, now| {
            let timing = s.timing;
            Ok(s.ec2.endpoints.read(id).and_then(|record| record.view(now, &timing)))
        })
        .await
    }

    async fn create_endpoint(&self, new: &NewEndpoint) -> Result<Endpoint, Fault> {
        let new = new.to_owned();
        self.ec2_write("CreateVpcEndpoint", move |s, now| s.create_endpoint(&new, now)).await
    }

    async fn modify_endpoint(&self, change: &EndpointChange) -> Result<(), Fault> {
        let change = change.to_owned();
        self.ec2_write("ModifyVpcEndpoint", move |s, now| s.modify_endpoint(&change, now)).await
    }

    async fn delete_endpoint(&self, id: &str) -> Result<(), Fault> {
        let id = id.to_owned();
        match self.ec2_write("DeleteVpcEndpoints", move |s, now| s.delete_endpoint(&id, now)).await {
            Err(fault) if fault.is(&["InvalidVpcEndpointId.NotFound"]) => Ok(()),
            other => other,
        }
    }

    async fn accept_endpoint(&self, service_id: &str, endpoint_id: &str) -> Result<(), Fault> {
        let service_id = service_id.to_owned();
        let endpoint_id = endpoint_id.to_owned();
        self.ec2_write("AcceptVpcEndpointConnections", move |s, now| s.accept_endpoint(&service_id, &endpoint_id, now))
            .await
    }

    async fn endpoint_service_names(&self) -> Result<BTreeSet<String>, Fault> {
        self.ec2_read("DescribeVpcEndpointServices", |s, _| Ok(s.service_names())).await
    }

    async fn endpoint_service(&self, name: &str) -> Result<Option<EndpointService>, Fault> {
        self.ec2_read("DescribeVpcEndpointServices", |s, _| {
            let is_listed = s.service_names().contains(name);
            Ok(s.service(name).filter(|_| is_listed))
        })
        .await
    }

    async fn vpc_dns(&self, vpc_id: &str) -> Result<VpcDns, Fault> {
        self.ec2_read("DescribeVpcAttribute", |s, _| match s.ec2.vpc_dns.get(vpc_id) {
            Some(dns) => Ok(*dns),
            None => refuse("InvalidVpcID.NotFound", format!("The vpc ID '{vpc_id}' does not exist")),
        })
        .await
    }

    async fn network_interfaces(&self, filters: &[Filter]) -> Result<Vec<NetworkInterface>, Fault> {
        self.ec2_read("DescribeNetworkInterfaces", |s, _| {
            select(
                s.ec2.interfaces.values().cloned(),
                filters,
                |_| Tags::new(),
                |x, name| match name {
                    "network-interface-id" => Some(x.id.clone()),
                    "subnet-id" => Some(x.subnet_id.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn prefix_list(&self, service_name: &str) -> Result<Option<String>, Fault> {
        self.ec2_read("DescribePrefixLists", |s, _| {
            let has_gateway = s.service(service_name).is_some_and(|service| service.types.contains("Gateway"));
            Ok(has_gateway.then(|| format!("pl-{}", service_name.rsplit('.').next().unwrap_or_default())))
        })
        .await
    }

    async fn create_tags(&self, id: &str, tags: &Tags) -> Result<(), Fault> {
        let tags = tags.clone();
        self.change_tags("CreateTags", id, move |have| have.extend(tags.clone())).await
    }

    async fn delete_tags(&self, id: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let keys = keys.clone();
        self.change_tags("DeleteTags", id, move |have| have.retain(|key, _| !keys.contains(key))).await
    }

    async fn vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>, Fault> {
        self.ec2_read("DescribeVpcs", |s, _| {
            select(
                s.ec2.vpcs.values().cloned(),
                filters,
                |x| x.tags.clone(),
                |x, name| match name {
                    "vpc-id" => Some(x.id.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Fault> {
        self.ec2_read("DescribeSubnets", |s, _| {
            select(
                s.ec2.subnets.values().cloned(),
                filters,
                |x| x.tags.clone(),
                |x, name| match name {
                    "subnet-id" => Some(x.id.clone()),
                    "vpc-id" => Some(x.vpc_id.clone()),
                    "availability-zone" => Some(x.zone.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>, Fault> {
        self.ec2_read("DescribeSecurityGroups", |s, _| {
            select(
                s.ec2.groups.values().cloned(),
                filters,
                |x| x.tags.clone(),
                |x, name| match name {
                    "group-id" => Some(x.id.clone()),
                    "group-name" => Some(x.name.clone()),
                    "vpc-id" => Some(x.vpc_id.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>, Fault> {
        self.ec2_read("DescribeRouteTables", |s, _| {
            select(
                s.ec2.tables.values().cloned(),
                filters,
                |x| x.tags.clone(),
                |x, name| match name {
                    "route-table-id" => Some(x.id.clone()),
                    "vpc-id" => Some(x.vpc_id.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn instances(&self, filters: &[Filter]) -> Result<Vec<Instance>, Fault> {
        self.ec2_read("DescribeInstances", |s, _| {
            select(
                s.ec2.instances.values().cloned(),
                filters,
                |x| x.tags.clone(),
                |x, name| match name {
                    "instance-id" => Some(x.id.clone()),
                    "instance-state-name" => Some(x.state.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn profile_associations(&self, filters: &[Filter]) -> Result<Vec<ProfileAssociation>, Fault> {
        self.ec2_read("DescribeIamInstanceProfileAssociations", |s, now| {
            let timing = s.timing;
            let records = s.ec2.associations.list();
            select(
                records.iter().filter_map(|record| record.view(now, &timing)),
                filters,
                |_| Tags::new(),
                |x, name| match name {
                    "instance-id" => Some(x.instance_id.clone()),
                    "state" => Some(x.state.clone()),
                    _ => None,
                },
            )
        })
        .await
    }

    async fn associate_profile(&self, instance_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault> {
        let instance_id = instance_id.to_owned();
        let profile_arn = profile_arn.to_owned();
        self.ec2_write("AssociateIamInstanceProfile", move |s, now| {
            s.running(&instance_id)?;
            let timing = s.timing;
            let taken = s.ec2.associations.all().any(|(_, record)| {
                record.association.instance_id == instance_id && record.view(now, &timing).is_some()
            });
            if taken {
                return refuse(
                    "IncorrectState",
                    format!("There is an existing association for instance {instance_id}"),
                );
            }
            s.associate(&instance_id, &profile_arn, now)
        })
        .await
    }

    async fn replace_profile(&self, association_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault> {
        let association_id = association_id.to_owned();
        let profile_arn = profile_arn.to_owned();
        self.ec2_write("ReplaceIamInstanceProfileAssociation", move |s, now| {
            let old = s.association_target(&association_id, now)?;
            let instance_id = old.association.instance_id.clone();
            if !s.running(&instance_id)? {
                return refuse(
                    "IncorrectInstanceState",
                    format!("The instance '{instance_id}' is not in the 'running' state."),
                );
            }
            if old.ended_at.is_some() {
                return refuse(
                    "IncorrectState",
                    format!("The association '{association_id}' is not in the 'associated' state."),
                );
            }
            let new = s.associate(&instance_id, &profile_arn, now)?;
            s.end_association(old, now);
            Ok(new)
        })
        .await
    }

    async fn disassociate_profile(&self, association_id: &str) -> Result<bool, Fault> {
        let association_id = association_id.to_owned();
        let answer = self
            .ec2_write("DisassociateIamInstanceProfile", move |s, now| {
                let record = s.association_target(&association_id, now)?;
                s.end_association(record, now);
                Ok(())
            })
            .await;
        match answer {
            Err(fault) if fault.is(&["InvalidAssociationID.NotFound"]) => Ok(false),
            other => other.map(|()| true),
        }
    }
}
