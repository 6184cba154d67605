//! What the manifests of examples/ expect to find in AWS: a network named `demo`, and what functions get their code and
//! their events from.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::aws::{Clients, REGION, zipped};

/// Makes the network, once for all tests against this LocalStack.
pub async fn network(aws: &Clients) {
    let ec2 = &aws.ec2;
    let named = Filter::builder().name("tag:Name").values("demo").build();
    if !ec2.describe_vpcs().filters(named).send().await.unwrap().vpcs().is_empty() {
        return;
    }
    let vpc =
        ec2.create_vpc().cidr_block("10.0.0.0/16").tag_specifications(tags(ResourceType::Vpc, &[("Name", "demo")]));
    let vpc = vpc.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let mut subnets = Vec::new();
    for (zone, cidr) in [("a", "10.0.1.0/24"), ("c", "10.0.2.0/24")] {
        let tags = tags(ResourceType::Subnet, &[("Name", "demo-private"), ("zone", zone)]);
        let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(format!("{REGION}{zone}"));
        let subnet = subnet.tag_specifications(tags).send().await.unwrap();
        subnets.push(subnet.subnet.unwrap().subnet_id.unwrap());
    }
    let table = tags(ResourceType::RouteTable, &[("Name", "demo-private")]);
    ec2.create_route_table().vpc_id(&vpc).tag_specifications(table).send().await.unwrap();
    let group = ec2.create_security_group().vpc_id(&vpc).group_name("demo-lambda").description("examples");
    group.send().await.unwrap();
    let instance = tags(ResourceType::Instance, &[("Name", "demo-client"), ("fleet", "web")]);
    let run = ec2.run_instances().image_id("ami-12345678").min_count(1).max_count(1).subnet_id(&subnets[0]);
    run.tag_specifications(instance).send().await.unwrap();
}

/// Puts a zip file into S3, and makes a queue.
pub async fn sources(aws: &Clients) {
    let (bucket, key) = ("demo-artifacts", "orders/function.zip");
    let here = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
    // A bucket that is there already is as good.
    aws.s3.create_bucket().bucket(bucket).create_bucket_configuration(here).send().await.ok();
    let code = zipped("index.js", "exports.handler = async () => ({ statusCode: 200, body: 'Hello from S3!' });");
    aws.s3.put_object().bucket(bucket).key(key).body(code.into()).send().await.unwrap();
    aws.make_queue("demo-orders").await;
}

fn tags(resource: ResourceType, tags: &[(&str, &str)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
}
