//! What endpoints are attached to.

use super::Addresses;
use crate::cloud::ownership::Tags;

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// VPC id.
    pub vpc_id: String,
    /// Availability zone name, such as `ap-northeast-1a`.
    pub zone: String,
    /// All tags.
    pub tags: Tags,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// Group name (not the tag `Name`).
    pub name: String,
    /// VPC id.
    pub vpc_id: String,
    /// All tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`.
    pub id: String,
    /// VPC id.
    pub vpc_id: String,
    /// All tags.
    pub tags: Tags,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// All tags.
    pub tags: Tags,
}

/// What a VPC does about DNS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VpcDns {
    /// Attribute enableDnsSupport.
    pub support: bool,
    /// Attribute enableDnsHostnames.
    pub hostnames: bool,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkInterface {
    /// `eni-…`.
    pub id: String,
    /// Subnet id.
    pub subnet_id: String,
    /// Availability zone name.
    pub zone: String,
    /// Its addresses.
    pub addresses: Addresses,
}
