//! What is there before the operator: VPCs with what is in them, instances, and endpoint services.

use privatelink_operator::cloud::{
    ec2::{Instance, RouteTable, SecurityGroup, Subnet, Vpc, VpcDns},
    ownership::Tags,
};

use super::{Model, REGION, ec2::Ec2State, services::CustomerService};

/// The network that is there before the operator: ids by what they are.
pub struct Network;

impl Network {
    /// The VPC.
    pub const VPC: &str = "vpc-0a";
    /// Subnets in zones a and c, and a second one in zone a.
    pub const SUBNETS: [&str; 3] = ["subnet-0a", "subnet-0c", "subnet-0aa"];
    /// The VPC's default security group.
    pub const DEFAULT_GROUP: &str = "sg-0d";
    /// A security group named `web`, tagged `Name: web`.
    pub const GROUP: &str = "sg-0e";
    /// Route tables.
    pub const TABLES: [&str; 2] = ["rtb-0a", "rtb-0b"];
    /// Running instances, tagged `app: client` and `app: other`.
    pub const INSTANCES: [&str; 2] = ["i-0a", "i-0b"];
    /// A service behind a Gateway Load Balancer.
    pub const GWLB_SERVICE: &str = "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0";
    /// A service of this account whose connections have to be accepted.
    pub const OUR_SERVICE: &str = "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0a";
    /// The same of another account.
    pub const THEIR_SERVICE: &str = "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0b";
    /// A second VPC, with a subnet in zone d, a security group and a route table.
    pub const OTHER_VPC: [&str; 4] = ["vpc-0b", "subnet-0b", "sg-0b", "rtb-0c"];
}

fn named(name: &str) -> Tags {
    Tags::from([("Name".to_owned(), name.to_owned())])
}

impl Model {
    /// A model with the network of [`Network`].
    pub fn with_network() -> Self {
        let model = Self::new();
        model.state().ec2.build_network();
        model
    }
}

impl Ec2State {
    fn build_network(&mut self) {
        let vpc_id = || Network::VPC.to_owned();
        self.vpcs.insert(vpc_id(), Vpc { id: vpc_id(), tags: named("demo") });
        for (id, zone) in Network::SUBNETS.iter().zip(["a", "c", "a"]) {
            let subnet =
                Subnet { id: (*id).to_owned(), vpc_id: vpc_id(), zone: format!("{REGION}{zone}"), tags: named(id) };
            self.subnets.insert(subnet.id.clone(), subnet);
        }
        for (id, name) in [(Network::DEFAULT_GROUP, "default"), (Network::GROUP, "web")] {
            let group = SecurityGroup { id: id.to_owned(), name: name.to_owned(), vpc_id: vpc_id(), tags: named(name) };
            self.groups.insert(group.id.clone(), group);
        }
        for id in Network::TABLES {
            self.tables.insert(id.to_owned(), RouteTable { id: id.to_owned(), vpc_id: vpc_id(), tags: named(id) });
        }
        for (id, app) in Network::INSTANCES.iter().zip(["client", "other"]) {
            let tags = Tags::from([("app".to_owned(), app.to_owned())]);
            let instance = Instance { id: (*id).to_owned(), state: "running".to_owned(), tags };
            self.instances.insert(instance.id.clone(), instance);
        }
        for (name, endpoint_type, acceptance, ours) in [
            (Network::GWLB_SERVICE, "GatewayLoadBalancer", false, false),
            (Network::OUR_SERVICE, "Interface", true, true),
            (Network::THEIR_SERVICE, "Interface", true, false),
        ] {
            self.customer_services.insert(name.to_owned(), CustomerService { endpoint_type, acceptance, ours });
        }
        self.build_other_vpc();
    }

    fn build_other_vpc(&mut self) {
        let [vpc, subnet, group, table] = Network::OTHER_VPC.map(str::to_owned);
        for id in [&vpc, Network::VPC] {
            self.vpc_dns.insert(id.to_owned(), VpcDns { support: true, hostnames: true });
        }
        self.vpcs.insert(vpc.clone(), Vpc { id: vpc.clone(), tags: named("other") });
        let there = Subnet { id: subnet.clone(), vpc_id: vpc.clone(), zone: format!("{REGION}d"), tags: Tags::new() };
        self.subnets.insert(subnet, there);
        let there =
            SecurityGroup { id: group.clone(), name: "there".to_owned(), vpc_id: vpc.clone(), tags: Tags::new() };
        self.groups.insert(group, there);
        self.tables.insert(table.clone(), RouteTable { id: table, vpc_id: vpc, tags: Tags::new() });
    }
}
