use kube::{
    CustomResourceExt,
    core::cel::{validate_cel, validate_cel_update},
};
use serde_json::{Value, json};

use super::{super::fixtures::object, DnsRecordIpType as Record, PrivateDnsPreference as Preference, *};

const RESOURCE: &str = "arn:aws:vpc-lattice:ap-northeast-1:123456789012:resourceconfiguration/rcfg-0a";
const NETWORK: &str = "arn:aws:vpc-lattice:ap-northeast-1:123456789012:servicenetwork/sn-0a";
const ENDPOINT_SERVICE: &str = "com.amazonaws.vpce.ap-northeast-1.vpce-svc-0a";

/// A spec of this type with all that it needs, and with more.
fn of_type(endpoint_type: &str, more: Value) -> Value {
    let mut spec = match endpoint_type {
        "Gateway" => json!({ "type": "Gateway", "service": "s3" }),
        "GatewayLoadBalancer" => json!({ "type": "GatewayLoadBalancer", "subnets": [{ "id": "subnet-1" }] }),
        "Resource" => json!({ "type": "Resource", "service": null, "resourceConfigurationArn": RESOURCE }),
        "ServiceNetwork" => json!({ "type": "ServiceNetwork", "service": null, "serviceNetworkArn": NETWORK }),
        _ => json!({ "type": "Interface" }),
    };
    if let (Value::Object(all), Value::Object(more)) = (&mut spec, more) {
        all.extend(more);
    }
    spec
}

#[test]
fn the_schema_builds_with_bounds_and_columns() {
    let crd = json!(VpcEndpoint::crd());
    let version = &crd["spec"]["versions"][0];
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let types = ["Interface", "Gateway", "GatewayLoadBalancer", "Resource", "ServiceNetwork"];
    assert_eq!(spec["type"]["enum"], json!(types));
    assert_eq!(spec["subnets"]["maxItems"], 30);
    let address = &spec["subnetConfigurations"]["items"]["properties"]["ipv6"];
    assert_eq!((&address["format"], &address["maxLength"]), (&json!("ipv6"), &json!(45)));
    let statement = &spec["policy"]["properties"]["Statement"]["items"];
    assert_eq!(statement["properties"]["Action"]["x-kubernetes-preserve-unknown-fields"], true);
    assert!(statement["properties"]["Action"]["description"].is_string());
    let columns: Vec<_> =
        version["additionalPrinterColumns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(columns, ["Ready", "Reason", "ID", "Age", "State", "VPC", "Message"]);
    assert!(!crd.to_string().contains(r#""default":"#), "no defaults in the schema");
}

#[test]
fn spellings_are_those_of_aws() {
    let spelled = |value: Value| value.as_str().unwrap().to_owned();
    for value in [IpAddressType::Ipv4, IpAddressType::Dualstack, IpAddressType::Ipv6] {
        assert_eq!(spelled(json!(value)), value.as_str());
    }
    for value in [Record::Ipv4, Record::Dualstack, Record::Ipv6, Record::ServiceDefined] {
        assert_eq!(spelled(json!(value)), value.as_str());
    }
    for value in [
        Preference::AllDomains,
        Preference::VerifiedDomainsOnly,
        Preference::VerifiedDomainsAndSpecifiedDomains,
        Preference::SpecifiedDomainsOnly,
    ] {
        assert_eq!(spelled(json!(value)), value.as_str());
    }
}

#[test]
fn fields_that_do_not_go_together_are_rejected() {
    let policy = json!({ "Statement": [{ "Effect": "Allow" }] });
    let groups = json!([{ "id": "sg-1" }]);
    let fixed = |item: Value| json!([item]);
    let at = |ipv4: &str| json!({ "subnetId": "subnet-1", "ipv4": ipv4 });
    let both = json!({ "subnetId": "subnet-1", "ipv4": "10.0.0.4", "ipv6": "2001:db8::4" });
    let inbound = json!({ "privateDnsOnlyForInboundResolverEndpoint": true });
    let lattice =
        json!({ "privateDnsPreference": "SPECIFIED_DOMAINS_ONLY", "privateDnsSpecifiedDomains": ["a.example"] });
    let unpreferred = json!({ "privateDnsSpecifiedDomains": ["a.example"] });
    let all_domains = json!({ "privateDnsPreference": "ALL_DOMAINS", "privateDnsSpecifiedDomains": ["a.example"] });
    let adopt = json!({ "endpointId": "vpce-0a", "adoptionPolicy": "Adopt" });
    // Type, accepted fields or none, rejected fields, the field that the message names.
    for (endpoint_type, accepted, rejected, field) in [
        ("Interface", json!({}), json!({ "service": null }), "service"),
        ("Resource", json!({}), json!({ "service": "lambda" }), "service"),
        ("Resource", json!({}), json!({ "resourceConfigurationArn": null }), "resourceConfigurationArn"),
        ("Interface", json!({}), json!({ "resourceConfigurationArn": RESOURCE }), "resourceConfigurationArn"),
        ("ServiceNetwork", json!({}), json!({ "serviceNetworkArn": null }), "serviceNetworkArn"),
        ("Resource", json!({}), json!({ "serviceNetworkArn": NETWORK }), "serviceNetworkArn"),
        ("Interface", json!({ "serviceRegion": "eu-west-1" }), Value::Null, ""),
        ("Gateway", json!({}), json!({ "serviceRegion": "eu-west-1" }), "serviceRegion"),
        ("Interface", json!({ "subnets": [] }), Value::Null, ""),
        ("Gateway", json!({}), json!({ "subnets": [] }), "subnets"),
        ("GatewayLoadBalancer", json!({}), json!({ "subnets": null }), "subnets"),
        ("GatewayLoadBalancer", json!({}), json!({ "subnets": [] }), "subnets"),
        ("Interface", json!({ "subnetConfigurations": fixed(at("10.0.0.4")) }), Value::Null, ""),
        ("Gateway", json!({}), json!({ "subnetConfigurations": fixed(at("10.0.0.4")) }), "subnetConfigurations"),
        (
            "GatewayLoadBalancer",
            json!({}),
            json!({ "subnetConfigurations": fixed(at("10.0.0.4")) }),
            "subnetConfigurations",
        ),
        (
            "Interface",
            json!({}),
            json!({ "subnetConfigurations": fixed(json!({ "subnetId": "subnet-1" })) }),
            "subnetConfigurations",
        ),
        (
            "Interface",
            json!({}),
            json!({ "subnetConfigurations": [at("10.0.0.4"), at("10.0.0.5")] }),
            "subnetConfigurations",
        ),
        (
            "Interface",
            json!({ "ipAddressType": "dualstack", "subnetConfigurations": fixed(both.clone()) }),
            json!({ "ipAddressType": "dualstack", "subnetConfigurations": fixed(at("10.0.0.4")) }),
            "subnetConfigurations",
        ),
        (
            "Interface",
            json!({ "ipAddressType": "ipv4", "subnetConfigurations": fixed(at("10.0.0.4")) }),
            json!({ "ipAddressType": "ipv4", "subnetConfigurations": fixed(both) }),
            "subnetConfigurations",
        ),
        (
            "Interface",
            json!({}),
            json!({ "ipAddressType": "ipv6", "subnetConfigurations": fixed(at("10.0.0.4")) }),
            "subnetConfigurations",
        ),
        ("Gateway", json!({ "routeTables": [{ "tags": { "Name": "*" } }] }), Value::Null, ""),
        ("Interface", json!({}), json!({ "routeTables": [] }), "routeTables"),
        ("GatewayLoadBalancer", json!({}), json!({ "routeTables": [] }), "routeTables"),
        ("Interface", json!({ "securityGroups": groups }), Value::Null, ""),
        ("Resource", json!({ "securityGroups": groups }), Value::Null, ""),
        ("Gateway", json!({}), json!({ "securityGroups": groups }), "securityGroups"),
        ("GatewayLoadBalancer", json!({}), json!({ "securityGroups": groups }), "securityGroups"),
        ("Interface", json!({ "privateDnsEnabled": true }), Value::Null, ""),
        ("ServiceNetwork", json!({ "privateDnsEnabled": true }), Value::Null, ""),
        ("Gateway", json!({}), json!({ "privateDnsEnabled": false }), "privateDnsEnabled"),
        ("GatewayLoadBalancer", json!({}), json!({ "privateDnsEnabled": true }), "privateDnsEnabled"),
        ("Interface", json!({ "policy": policy }), Value::Null, ""),
        ("Gateway", json!({ "policy": policy }), Value::Null, ""),
        ("GatewayLoadBalancer", json!({}), json!({ "policy": policy }), "policy"),
        ("Resource", json!({}), json!({ "policy": policy }), "policy"),
        (
            "Interface",
            json!({ "service": ENDPOINT_SERVICE, "autoAccept": true }),
            json!({ "autoAccept": true }),
            "autoAccept",
        ),
        ("Interface", adopt, json!({ "endpointId": "vpce-0a" }), "endpointId"),
        ("Interface", json!({}), json!({ "endpointId": "vpce-0a", "adoptionPolicy": "Refuse" }), "endpointId"),
        (
            "Interface",
            json!({ "service": "com.amazonaws.eu-west-1.s3", "privateDnsEnabled": true, "dnsOptions": inbound }),
            json!({ "service": "lambda", "privateDnsEnabled": true, "dnsOptions": inbound }),
            "dnsOptions.privateDnsOnlyForInboundResolverEndpoint",
        ),
        ("Gateway", json!({}), json!({ "dnsOptions": inbound }), "dnsOptions.privateDnsOnlyForInboundResolverEndpoint"),
        (
            "Interface",
            json!({}),
            json!({ "service": "s3", "dnsOptions": inbound }),
            "dnsOptions.privateDnsOnlyForInboundResolverEndpoint",
        ),
        (
            "Interface",
            json!({ "service": "s3", "dnsOptions": { "privateDnsOnlyForInboundResolverEndpoint": false } }),
            json!({ "service": "s3", "privateDnsEnabled": false, "dnsOptions": inbound }),
            "dnsOptions.privateDnsOnlyForInboundResolverEndpoint",
        ),
        (
            "Resource",
            json!({ "privateDnsEnabled": true, "dnsOptions": lattice }),
            json!({ "dnsOptions": lattice }),
            "dnsOptions.privateDnsPreference",
        ),
        (
            "Interface",
            json!({}),
            json!({ "privateDnsEnabled": true, "dnsOptions": lattice }),
            "dnsOptions.privateDnsPreference",
        ),
        (
            "Resource",
            json!({}),
            json!({ "privateDnsEnabled": true, "dnsOptions": unpreferred }),
            "dnsOptions.privateDnsSpecifiedDomains",
        ),
        (
            "Resource",
            json!({}),
            json!({ "privateDnsEnabled": true, "dnsOptions": all_domains }),
            "dnsOptions.privateDnsSpecifiedDomains",
        ),
        (
            "Gateway",
            json!({ "dnsOptions": { "dnsRecordIpType": "service-defined" }, "ipAddressType": "dualstack" }),
            Value::Null,
            "",
        ),
    ] {
        validate_cel(&object(of_type(endpoint_type, accepted))).unwrap();
        if rejected.is_object() {
            let errors = validate_cel(&object(of_type(endpoint_type, rejected.clone()))).unwrap_err().to_string();
            assert!(errors.contains(&format!("{field}: ")), "{endpoint_type} {rejected}: {errors}");
        }
    }
}

#[test]
fn immutable_fields() {
    let region = json!({ "region": "ap-northeast-1" });
    let preferring = |preference: &str, domains: Value| json!({ "privateDnsEnabled": true, "dnsOptions": { "privateDnsPreference": preference, "privateDnsSpecifiedDomains": domains } });
    let lattice = preferring("SPECIFIED_DOMAINS_ONLY", json!(["a.example"]));
    for (endpoint_type, before, after, field) in [
        ("Interface", json!({}), json!({ "type": "Gateway" }), "type"),
        ("Interface", json!({}), json!({ "service": "s3" }), "service"),
        (
            "Resource",
            json!({}),
            json!({ "resourceConfigurationArn": RESOURCE.replace("0a", "0b") }),
            "resourceConfigurationArn",
        ),
        ("ServiceNetwork", json!({}), json!({ "serviceNetworkArn": NETWORK.replace("0a", "0b") }), "serviceNetworkArn"),
        (
            "Interface",
            json!({ "serviceRegion": "eu-west-1" }),
            json!({ "serviceRegion": "eu-west-2" }),
            "serviceRegion",
        ),
        ("Interface", json!({ "serviceRegion": "eu-west-1" }), json!({}), "serviceRegion"),
        ("Interface", json!({}), json!({ "serviceRegion": "eu-west-1" }), "serviceRegion"),
        ("Interface", json!({}), json!({ "vpc": { "id": "vpc-2" } }), "vpc"),
        ("Interface", region.clone(), json!({ "region": "eu-west-1" }), "region"),
        ("Interface", region, json!({}), "region"),
        ("GatewayLoadBalancer", json!({}), json!({ "subnets": [{ "id": "subnet-2" }] }), "subnets"),
        ("Resource", json!({ "privateDnsEnabled": true }), json!({ "privateDnsEnabled": false }), "privateDnsEnabled"),
        ("ServiceNetwork", json!({ "privateDnsEnabled": true }), json!({}), "privateDnsEnabled"),
        (
            "Resource",
            lattice.clone(),
            json!({ "privateDnsEnabled": true, "dnsOptions": { "privateDnsPreference": "ALL_DOMAINS" } }),
            "dnsOptions.privateDnsPreference",
        ),
        ("Resource", lattice.clone(), json!({ "privateDnsEnabled": true }), "dnsOptions.privateDnsPreference"),
        ("Resource", json!({ "privateDnsEnabled": true }), lattice.clone(), "dnsOptions.privateDnsPreference"),
        (
            "Resource",
            lattice,
            preferring("SPECIFIED_DOMAINS_ONLY", json!(["b.example"])),
            "dnsOptions.privateDnsSpecifiedDomains",
        ),
    ] {
        let before = object(of_type(endpoint_type, before));
        validate_cel_update(&before, &before).unwrap();
        let errors = validate_cel_update(&object(of_type(endpoint_type, after)), &before).unwrap_err().to_string();
        assert!(errors.contains(&format!("{field} is immutable")), "{field}: {errors}");
    }
}

#[test]
fn mutable_fields() {
    let before = object(json!({}));
    let after = json!({
        "subnets": [], "securityGroups": [{ "id": "sg-1" }], "ipAddressType": "dualstack", "privateDnsEnabled": true,
        "dnsOptions": { "dnsRecordIpType": "dualstack" }, "policy": { "Statement": [] }, "tags": { "a": "b" },
        "subnetConfigurations": [{ "subnetId": "subnet-1", "ipv4": "10.0.0.4", "ipv6": "2001:db8::4" }],
    });
    validate_cel_update(&object(after.clone()), &before).unwrap();
    validate_cel_update(&before, &object(after)).unwrap();
}

#[test]
fn an_object_with_an_endpoint_takes_no_other() {
    let with = |endpoint_id: Option<&str>, id: Option<&str>| {
        let mut object = object(json!({ "adoptionPolicy": "Adopt" }));
        object.spec.endpoint_id = endpoint_id.map(str::to_owned);
        object.status = id.map(|id| VpcEndpointStatus { id: Some(id.to_owned()), ..VpcEndpointStatus::default() });
        object
    };
    for (before, id, after, accepted) in [
        (None, None, Some("vpce-1"), true),
        (Some("vpce-1"), None, Some("vpce-2"), true),
        (Some("vpce-1"), Some("vpce-1"), Some("vpce-1"), true),
        (Some("vpce-1"), Some("vpce-1"), None, true),
        (None, Some("vpce-1"), Some("vpce-1"), true),
        (None, Some("vpce-1"), Some("vpce-2"), false),
        (Some("vpce-1"), Some("vpce-1"), Some("vpce-2"), false),
    ] {
        let result = validate_cel_update(&with(after, id), &with(before, id));
        assert_eq!(result.is_ok(), accepted, "{before:?} {id:?} {after:?}");
    }
}
