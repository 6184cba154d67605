//! The manifests that go through all scenarios.

use serde_json::json;

use crate::support::model::{
    drift::{self, Drift},
    ec2::Network,
    lambda::drift::AspectDrift,
};

use super::harness::{Case, Given};

pub use super::aspect_case::case as function_with_all_aspects;

/// Hands the name and the kind of each case to a macro; a function of this module is named like each.
macro_rules! each_case {
    ($macro:ident) => {
        $macro! {
            interface_endpoint: VpcEndpoint;
            gateway_endpoint: VpcEndpoint;
            load_balancer_endpoint: VpcEndpoint;
            s3_interface_endpoint: VpcEndpoint;
            accepted_endpoint: VpcEndpoint;
            resource_endpoint: VpcEndpoint;
            service_network_endpoint: VpcEndpoint;
            role: InstanceRole;
            execution_role: InstanceRole;
            function: LambdaFunction;
            function_in_vpc: LambdaFunction;
            function_of_image: LambdaFunction;
            function_with_all_aspects: LambdaFunction;
        }
    };
}
pub(crate) use each_case;

pub fn interface_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "Interface",
                "service": "lambda",
                "vpc": { "id": Network::VPC },
                "subnets": [{ "tags": { "Name": Network::SUBNETS[0] } }, { "id": Network::SUBNETS[1] }],
                "subnetConfigurations": [{ "subnetId": Network::SUBNETS[1], "ipv4": "10.0.1.4", "ipv6": "2001:db8::4" }],
                "securityGroups": [{ "name": "web" }],
                "ipAddressType": "dualstack",
                "privateDnsEnabled": true,
                "dnsOptions": { "dnsRecordIpType": "service-defined" },
                "policy": { "Statement": [
                    { "Effect": "Allow", "Principal": "*", "Action": ["lambda:InvokeFunction"], "Resource": "*" },
                ] },
                "tags": { "team": "a", "stage": "test" },
            })
        },
        updates: vec![
            |spec| spec["tags"] = json!({ "team": "b" }),
            |spec| spec["subnets"] = json!([{ "id": Network::SUBNETS[1] }]),
            |spec| spec["subnets"] = json!([{ "id": Network::SUBNETS[2] }, { "id": Network::SUBNETS[1] }]),
            |spec| {
                spec["subnetConfigurations"][0]["ipv4"] = json!("10.0.1.5");
                spec["dnsOptions"] = json!({ "dnsRecordIpType": "ipv4" });
            },
            |spec| {
                spec["privateDnsEnabled"] = json!(false);
                spec["securityGroups"] = json!([{ "id": Network::DEFAULT_GROUP }]);
                for field in ["policy", "tags", "dnsOptions", "ipAddressType"] {
                    spec.as_object_mut().unwrap().remove(field);
                }
            },
        ],
        objects: &["endpoint"],
        drifts: drift::ENDPOINT,
        unmanaged: &[],
        given: &[],
    }
}

pub fn gateway_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "Gateway",
                "service": "com.amazonaws.ap-northeast-1.s3",
                "vpc": { "tags": { "Name": "demo" } },
                "routeTables": [{ "id": Network::TABLES[0] }],
                "tags": { "team": "a" },
            })
        },
        updates: vec![|spec| spec["routeTables"] = json!([{ "tags": { "Name": "*" } }])],
        objects: &["endpoint"],
        drifts: &[Drift::DeleteEndpoint, Drift::RemoveRouteTables, Drift::ChangeTag, Drift::RemoveTags],
        unmanaged: &[Drift::ChangeEndpointPolicy, Drift::AddTag],
        given: &[],
    }
}

pub fn load_balancer_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "GatewayLoadBalancer",
                "service": Network::GWLB_SERVICE,
                "vpc": { "id": Network::VPC },
                "subnets": [{ "id": Network::SUBNETS[0] }],
            })
        },
        updates: vec![|spec| spec["tags"] = json!({ "team": "b" })],
        objects: &["endpoint"],
        drifts: &[Drift::DeleteEndpoint],
        unmanaged: &[Drift::AddTag],
        given: &[],
    }
}

pub fn s3_interface_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "Interface",
                "service": "s3",
                "vpc": { "id": Network::VPC },
                "subnets": [{ "id": Network::SUBNETS[0] }],
                "privateDnsEnabled": true,
                "dnsOptions": { "privateDnsOnlyForInboundResolverEndpoint": true },
            })
        },
        updates: vec![
            |spec| spec["dnsOptions"] = json!({ "privateDnsOnlyForInboundResolverEndpoint": false }),
            |spec| drop(spec.as_object_mut().unwrap().remove("dnsOptions")),
        ],
        objects: &["endpoint"],
        drifts: &[Drift::ChangeInboundOnly, Drift::DisablePrivateDns, Drift::DeleteEndpoint],
        unmanaged: &[Drift::ChangeAddressType, Drift::ChangeDnsRecords, Drift::ChangeGroups],
        given: &[Given::S3Gateway],
    }
}

pub fn accepted_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "Interface",
                "service": Network::OUR_SERVICE,
                "vpc": { "id": Network::VPC },
                "subnets": [{ "id": Network::SUBNETS[1] }],
                "privateDnsEnabled": true,
                "autoAccept": true,
            })
        },
        updates: vec![|spec| spec["privateDnsEnabled"] = json!(false)],
        objects: &["endpoint"],
        drifts: &[Drift::DisablePrivateDns, Drift::RemoveSubnet, Drift::DeleteEndpoint],
        unmanaged: &[Drift::AddTag],
        given: &[],
    }
}

pub fn resource_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "Resource",
                "resourceConfigurationArn": "arn:aws:vpc-lattice:ap-northeast-1:123456789012:resourceconfiguration/rcfg-0a",
                "vpc": { "id": Network::VPC },
                "subnets": [{ "id": Network::SUBNETS[0] }],
                "securityGroups": [{ "name": "web" }],
                "privateDnsEnabled": true,
                "dnsOptions": {
                    "privateDnsPreference": "SPECIFIED_DOMAINS_ONLY", "privateDnsSpecifiedDomains": ["a.example"],
                },
            })
        },
        updates: vec![
            |spec| spec["subnets"] = json!([{ "id": Network::SUBNETS[0] }, { "id": Network::SUBNETS[1] }]),
            |spec| drop(spec.as_object_mut().unwrap().remove("securityGroups")),
        ],
        objects: &["endpoint"],
        drifts: &[Drift::ChangeGroups, Drift::RemoveSubnet, Drift::DeleteEndpoint],
        unmanaged: &[Drift::ChangeAddressType],
        given: &[],
    }
}

pub fn service_network_endpoint() -> Case {
    Case {
        spec: || {
            json!({
                "type": "ServiceNetwork",
                "serviceNetworkArn": "arn:aws:vpc-lattice:ap-northeast-1:123456789012:servicenetwork/sn-0a",
                "vpc": { "id": Network::VPC },
                "subnets": [{ "id": Network::SUBNETS[0] }],
                "ipAddressType": "ipv4",
            })
        },
        updates: vec![|spec| {
            spec["ipAddressType"] = json!("dualstack");
            spec["dnsOptions"] = json!({ "dnsRecordIpType": "dualstack" });
        }],
        objects: &["endpoint"],
        drifts: &[Drift::ChangeAddressType, Drift::DeleteEndpoint],
        unmanaged: &[Drift::ChangeGroups],
        given: &[],
    }
}

pub fn role() -> Case {
    Case {
        spec: || {
            json!({
                "managedPolicies": ["AWSLambdaExecute", "AWSLambdaRole"],
                "inlinePolicies": { "invoke": { "Version": "2012-10-17", "Statement": [
                    { "Effect": "Allow", "Action": ["lambda:InvokeFunction", "lambda:GetFunction"], "Resource": ["*"] },
                ] } },
                "instances": [{ "tags": { "app": "client" } }],
                "tags": { "team": "a", "stage": "test" },
                "description": "Invokes functions",
                "maxSessionDurationSeconds": 7200,
            })
        },
        updates: vec![
            |spec| spec["managedPolicies"] = json!(["AWSLambdaExecute", "AmazonSSMManagedInstanceCore"]),
            |spec| spec["instances"] = json!([{ "id": Network::INSTANCES[1] }]),
            |spec| {
                spec["trust"] = json!({ "services": ["ec2.amazonaws.com", "lambda.amazonaws.com"] });
                spec["inlinePolicies"] = json!({});
                spec["tags"] = json!({ "team": "b" });
            },
            |spec| spec["instances"] = json!([]),
            |spec| {
                spec["instanceProfile"] = json!({ "name": "renamed" });
                spec.as_object_mut().unwrap().remove("description");
                spec["maxSessionDurationSeconds"] = json!(3600);
            },
            |spec| {
                spec["trust"] = json!({ "services": ["lambda.amazonaws.com"] });
                spec["instanceProfile"] = json!({});
                spec["managedPolicies"] = json!(["AWSLambdaRole"]);
                spec.as_object_mut().unwrap().remove("instances");
            },
        ],
        objects: &["profile", "role"],
        drifts: drift::ROLE,
        unmanaged: &[Drift::AddTag],
        given: &[],
    }
}

pub fn execution_role() -> Case {
    Case {
        spec: || {
            json!({
                "roleName": "For-Functions",
                "path": "/app/",
                "trust": { "services": ["lambda.amazonaws.com"] },
            })
        },
        updates: vec![
            |spec| spec["permissionsBoundary"] = json!("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
            |spec| spec["managedPolicies"] = json!(["AWSLambdaBasicExecutionRole"]),
        ],
        objects: &["role"],
        drifts: &[Drift::DeleteRole, Drift::ChangeTrust],
        unmanaged: &[Drift::AddTag, Drift::AttachForeignPolicy, Drift::PutForeignInlinePolicy],
        given: &[],
    }
}

pub fn function() -> Case {
    Case {
        spec: || {
            json!({
                "runtime": "nodejs22.x",
                "handler": "index.handler",
                "memorySize": 256,
                "timeoutSeconds": 10,
                "env": [{ "name": "STAGE", "value": "test" }],
                "code": { "inline": { "index.js": "exports.handler = async () => ({ statusCode: 200 });" } },
                "executionRole": { "arn": "arn:aws:iam::123456789012:role/given" },
                "tags": { "team": "a", "stage": "test" },
            })
        },
        updates: vec![
            |spec| spec["memorySize"] = json!(512),
            |spec| spec["code"] = json!({ "inline": { "index.js": "exports.handler = async () => 'new';" } }),
            |spec| {
                spec["architecture"] = json!("arm64");
                spec["tags"] = json!({ "team": "b" });
                for field in ["env", "memorySize", "timeoutSeconds"] {
                    spec.as_object_mut().unwrap().remove(field);
                }
            },
        ],
        objects: &["function"],
        drifts: drift::FUNCTION,
        unmanaged: &[Drift::AddTag, Drift::Aspect(AspectDrift::AddForeign), Drift::Aspect(AspectDrift::SetAll)],
        given: &[Given::ExecutionRole],
    }
}

pub fn function_in_vpc() -> Case {
    Case {
        spec: || {
            json!({
                "description": "hello",
                "runtime": "python3.13",
                "handler": "main.handler",
                "ephemeralStorageSize": 1024,
                "layers": ["arn:aws:lambda:ap-northeast-1:123456789012:layer:one:1"],
                "envFrom": [{ "configMapRef": { "name": "given" } }],
                "env": [{ "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "given", "key": "TOKEN" } } }],
                "vpc": {
                    "subnets": [{ "tags": { "Name": Network::SUBNETS[0] } }, { "id": Network::SUBNETS[1] }],
                    "securityGroups": [{ "name": "web" }],
                },
                "tracing": "Active",
                "logging": { "format": "JSON" },
                "code": { "s3": { "bucket": "code", "key": "function.zip", "versionId": "v1" } },
                "executionRole": { "arn": "arn:aws:iam::123456789012:role/given" },
            })
        },
        updates: vec![
            |spec| spec["code"]["s3"]["versionId"] = json!("v2"),
            |spec| drop(spec["code"]["s3"].as_object_mut().unwrap().remove("versionId")),
            |spec| spec["code"] = json!({ "configMapRef": { "name": "given" } }),
            |spec| {
                for field in
                    ["description", "ephemeralStorageSize", "layers", "envFrom", "env", "vpc", "tracing", "logging"]
                {
                    spec.as_object_mut().unwrap().remove(field);
                }
            },
        ],
        objects: &["function"],
        drifts: &[Drift::DeleteFunction, Drift::ChangeHandler, Drift::ChangeEnvironment, Drift::ChangeCode],
        unmanaged: &[Drift::AddTag, Drift::ChangeMemory, Drift::ChangeTimeout],
        given: &[Given::ExecutionRole, Given::ObjectInS3, Given::Data],
    }
}

pub fn function_of_image() -> Case {
    Case {
        spec: || {
            json!({
                "imageConfig": { "command": ["main.handler"] },
                "code": { "image": "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/hello:1" },
                "executionRole": { "arn": "arn:aws:iam::123456789012:role/given" },
            })
        },
        updates: vec![|spec| {
            spec["code"]["image"] = json!("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/hello:2");
            spec["architecture"] = json!("arm64");
            spec.as_object_mut().unwrap().remove("imageConfig");
        }],
        objects: &["function"],
        drifts: &[Drift::DeleteFunction],
        unmanaged: &[Drift::AddTag, Drift::ChangeEnvironment, Drift::ChangeMemory],
        given: &[Given::ExecutionRole],
    }
}
