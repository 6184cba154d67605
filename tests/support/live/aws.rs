//! AWS as an outsider sees it: plain SDK calls against LocalStack.

use std::io::{Cursor, Write};

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_sdk_lambda::{
    primitives::Blob,
    types::{FunctionCode, Runtime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LAMBDA_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// The region of all live tests.
pub const REGION: &str = "ap-northeast-1";

/// What stands before LocalStack, if anything does.
pub static IN_FRONT: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// The address of LocalStack, or of what stands before it.
pub fn endpoint_url() -> String {
    IN_FRONT.get().cloned().unwrap_or_else(localstack_url)
}

/// LocalStack's address.
pub fn localstack_url() -> String {
    std::env::var("PRIVATELINK_AWS_ENDPOINT_URL").expect("PRIVATELINK_AWS_ENDPOINT_URL is set; run by `make test`")
}

/// SDK clients.
pub struct Clients {
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
}

impl Clients {
    /// Connects to LocalStack.
    pub async fn connect() -> Self {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(REGION)
            .endpoint_url(endpoint_url())
            .load()
            .await;
        Self {
            ec2: aws_sdk_ec2::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build(),
            ),
            sts: aws_sdk_sts::Client::new(&config),
        }
    }

    /// All that AWS holds for owners in a namespace: endpoint ids, role names, function names, profile names.
    pub async fn owned(&self, namespace: &str) -> Vec<String> {
        let mut owned = self.endpoints(namespace).await;
        let roles = self.iam.list_roles().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        owned.extend(roles.into_iter().map(|role| role.role_name).filter(|name| name.starts_with(namespace)));
        let profiles =
            self.iam.list_instance_profiles().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let profiles = profiles.unwrap().into_iter().map(|profile| profile.instance_profile_name);
        owned.extend(profiles.filter(|name| name.starts_with(namespace)).map(|name| format!("profile {name}")));
        let functions =
            self.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let functions = functions.unwrap().into_iter().filter_map(|function| function.function_name);
        owned.extend(functions.filter(|name| name.starts_with(namespace)));
        owned
    }

    /// Makes a function of this name as somebody else would, with a role whose name is returned.
    pub async fn make_function(&self, name: &str) -> String {
        let role = format!("test-{name}");
        let arn = self.make_lambda_role(&role).await;
        let code = zipped("index.js", "exports.handler = async () => 'foreign';");
        let code = FunctionCode::builder().zip_file(Blob::new(code)).build();
        let create = self.lambda.create_function().function_name(name).role(arn).code(code);
        create.runtime(Runtime::from("nodejs22.x")).handler("index.handler").send().await.unwrap();
        role
    }

    /// Makes a queue of this name; its ARN. The SDK for SQS would be built for this one call.
    pub async fn make_queue(&self, name: &str) -> String {
        let address = endpoint_url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let body = format!("Action=CreateQueue&Version=2012-11-05&QueueName={name}");
        let request = format!(
            "POST / HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/sqs/aws4_request, \
             SignedHeaders=host, Signature=unchecked\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("<QueueUrl>"), "{answer}");
        let account = self.sts.get_caller_identity().send().await.unwrap().account.unwrap();
        format!("arn:aws:sqs:{REGION}:{account}:{name}")
    }

    /// Makes a role that Lambda may assume; returns its ARN.
    pub async fn make_lambda_role(&self, name: &str) -> String {
        let create = self.iam.create_role().role_name(name).assume_role_policy_document(LAMBDA_TRUST);
        create.send().await.unwrap().role.unwrap().arn
    }

    /// Ids of the live endpoints whose owner is in a namespace.
    pub async fn endpoints(&self, namespace: &str) -> Vec<String> {
        let answer = self.ec2.describe_vpc_endpoints().send().await.unwrap();
        answer
            .vpc_endpoints()
            .iter()
            .filter(|endpoint| {
                endpoint.tags().iter().any(|tag| {
                    tag.key() == Some("privatelink.dev/owner")
                        && tag.value().is_some_and(|owner| owner.starts_with(&format!("{namespace}/")))
                })
            })
            .filter(|endpoint| endpoint.state().is_none_or(|state| !state.as_str().eq_ignore_ascii_case("deleted")))
            .filter_map(|endpoint| endpoint.vpc_endpoint_id().map(str::to_owned))
            .collect()
    }
}

/// A zip file with one file in it.
pub fn zipped(name: &str, text: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The network that is there before us.
pub struct Network {
    /// VPC id.
    pub vpc: String,
    /// Two subnets in different availability zones.
    pub subnets: [String; 2],
    /// A security group named after the test.
    pub group: String,
    /// A route table.
    pub route_table: String,
    /// A running instance.
    pub instance: String,
    name: String,
}

impl Network {
    /// Makes it; everything carries the tag `Name` with the test's name.
    pub async fn make(aws: &Clients, name: &str) -> Self {
        let ec2 = &aws.ec2;
        let tags = |resource| named(resource, name);
        let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").tag_specifications(tags(ResourceType::Vpc));
        let vpc = vpc.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        let mut subnets = Vec::new();
        for (zone, cidr) in [("a", "10.0.0.0/24"), ("c", "10.0.1.0/24")] {
            let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(format!("{REGION}{zone}"));
            let subnet = subnet.tag_specifications(tags(ResourceType::Subnet)).send().await.unwrap();
            subnets.push(subnet.subnet.unwrap().subnet_id.unwrap());
        }
        let group = ec2.create_security_group().vpc_id(&vpc).group_name(name).description("test");
        let group = group.send().await.unwrap().group_id.unwrap();
        let route_table = ec2.create_route_table().vpc_id(&vpc).tag_specifications(tags(ResourceType::RouteTable));
        let route_table = route_table.send().await.unwrap().route_table.unwrap().route_table_id.unwrap();
        let subnets: [String; 2] = subnets.try_into().unwrap();
        let mut network = Self { vpc, subnets, group, route_table, instance: String::new(), name: name.to_owned() };
        network.instance = network.launch(aws).await;
        network
    }

    /// Launches one more instance; returns its id.
    pub async fn launch(&self, aws: &Clients) -> String {
        let run = aws.ec2.run_instances().image_id("ami-12345678").min_count(1).max_count(1);
        let run = run.subnet_id(&self.subnets[0]).tag_specifications(named(ResourceType::Instance, &self.name));
        run.send().await.unwrap().instances.unwrap().remove(0).instance_id.unwrap()
    }

    /// Fills `$vpc`, `$subnet0`, `$subnet1`, `$group`, `$table`, `$instance` and `$net` (the tag Name).
    pub fn fill(&self, yaml: &str) -> String {
        yaml.replace("$vpc", &self.vpc)
            .replace("$subnet0", &self.subnets[0])
            .replace("$subnet1", &self.subnets[1])
            .replace("$group", &self.group)
            .replace("$table", &self.route_table)
            .replace("$instance", &self.instance)
            .replace("$net", &self.name)
    }
}

fn named(resource: ResourceType, name: &str) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).tags(Tag::builder().key("Name").value(name).build()).build()
}
