//! VPC endpoints for as many objects as LocalStack is too slow for: with a thousand of them it takes more than 10 seconds to
//! describe them. All other calls are LocalStack's.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};

use super::support::live::upstream::{self, Upstream};

/// Endpoints on a page, as EC2 has it at most:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html>.
const PAGE: usize = 1000;

/// The parameters of a call in the query protocol.
type Parameters = BTreeMap<String, String>;

struct Endpoint {
    parameters: Parameters,
    tags: BTreeMap<String, String>,
}

struct Ec2 {
    localstack: Upstream,
    endpoints: Mutex<BTreeMap<String, Endpoint>>,
}

/// Serves from now on; its address.
pub fn serve(localstack: &str) -> String {
    let ec2 = Arc::new(Ec2 { localstack: Upstream::at(localstack), endpoints: Mutex::default() });
    format!("http://{}", upstream::serve(Router::new().fallback(answer).with_state(ec2)))
}

async fn answer(State(ec2): State<Arc<Ec2>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let parameters: Parameters = form_urlencoded::parse(&body).into_owned().collect();
    let action = parameters.get("Action").map(String::as_str).unwrap_or_default();
    let is_about_endpoint = parameters.get("ResourceId.1").is_some_and(|id| id.starts_with("vpce-"));
    let content = match action {
        "CreateVpcEndpoint" => ec2.create(&parameters),
        "DescribeVpcEndpoints" => ec2.describe(&parameters),
        "DescribeNetworkInterfaces" => interfaces(&parameters),
        "DeleteVpcEndpoints" => ec2.delete(&parameters),
        "CreateTags" if is_about_endpoint => ec2.tag(&parameters),
        "DeleteTags" if is_about_endpoint => ec2.untag(&parameters),
        _ => return ec2.localstack.pass_on(&head, &body).await,
    };
    let xml = format!("<{action}Response><requestId>r</requestId>{content}</{action}Response>");
    ([(header::CONTENT_TYPE, "text/xml")], xml).into_response()
}

impl Ec2 {
    fn create(&self, parameters: &Parameters) -> String {
        let mut endpoints = self.endpoints.lock().unwrap();
        let token = parameters.get("ClientToken");
        let known = endpoints.iter().find(|(_, known)| known.parameters.get("ClientToken") == token && token.is_some());
        let id = known.map_or_else(|| format!("vpce-{:017x}", endpoints.len() + 1), |(id, _)| id.clone());
        let created = Endpoint { parameters: parameters.clone(), tags: tags(parameters, "TagSpecification.1.Tag") };
        let endpoint = endpoints.entry(id.clone()).or_insert(created);
        format!("<vpcEndpoint>{}</vpcEndpoint>", item(&id, endpoint))
    }

    fn describe(&self, parameters: &Parameters) -> String {
        let filters: Vec<_> = (1..)
            .map_while(|n| {
                let name = parameters.get(&format!("Filter.{n}.Name"))?.clone();
                Some((name, numbered(parameters, &format!("Filter.{n}.Value"))))
            })
            .collect();
        let ids = numbered(parameters, "VpcEndpointId");
        let after = parameters.get("NextToken").cloned().unwrap_or_default();
        let page = parameters.get("MaxResults").map_or(PAGE, |most| most.parse().unwrap());
        let endpoints = self.endpoints.lock().unwrap();
        let mut found = endpoints.iter().filter(|(id, endpoint)| {
            **id > after
                && (ids.is_empty() || ids.contains(id))
                && filters.iter().all(|(name, values)| match name.strip_prefix("tag:") {
                    Some(key) => endpoint.tags.get(key).is_some_and(|value| values.contains(value)),
                    None => name == "vpc-endpoint-id" && values.contains(id),
                })
        });
        let mut set = String::new();
        let mut last = None;
        for (id, endpoint) in found.by_ref().take(page) {
            write!(set, "<item>{}</item>", item(id, endpoint)).unwrap();
            last = Some(id.clone());
        }
        let more = found.next().and(last).map(|last| format!("<nextToken>{last}</nextToken>")).unwrap_or_default();
        format!("<vpcEndpointSet>{set}</vpcEndpointSet>{more}")
    }

    fn delete(&self, parameters: &Parameters) -> String {
        for id in numbered(parameters, "VpcEndpointId") {
            self.endpoints.lock().unwrap().remove(&id);
        }
        "<unsuccessful/>".to_owned()
    }

    fn tag(&self, parameters: &Parameters) -> String {
        if let Some(endpoint) = self.endpoints.lock().unwrap().get_mut(&parameters["ResourceId.1"]) {
            endpoint.tags.extend(tags(parameters, "Tag"));
        }
        "<return>true</return>".to_owned()
    }

    fn untag(&self, parameters: &Parameters) -> String {
        if let Some(endpoint) = self.endpoints.lock().unwrap().get_mut(&parameters["ResourceId.1"]) {
            for key in tags(parameters, "Tag").keys() {
                endpoint.tags.remove(key);
            }
        }
        "<return>true</return>".to_owned()
    }
}

/// The values of `<name>.1`, `<name>.2` and so on.
fn numbered(parameters: &Parameters, name: &str) -> Vec<String> {
    (1..).map_while(|n| parameters.get(&format!("{name}.{n}")).cloned()).collect()
}

fn tags(parameters: &Parameters, name: &str) -> BTreeMap<String, String> {
    (1..)
        .map_while(|n| {
            let key = parameters.get(&format!("{name}.{n}.Key"))?.clone();
            Some((key, parameters.get(&format!("{name}.{n}.Value")).cloned().unwrap_or_default()))
        })
        .collect()
}

/// What EC2 tells of an endpoint, which is available at once, with one network interface for each subnet.
fn item(id: &str, endpoint: &Endpoint) -> String {
    let text = |name: &str| endpoint.parameters.get(name).map(String::as_str).unwrap_or_default();
    let list = |name: &str, each: &dyn Fn(&String) -> String| -> String {
        numbered(&endpoint.parameters, name).iter().map(|value| format!("<item>{}</item>", each(value))).collect()
    };
    let subnets = list("SubnetId", &|subnet| subnet.clone());
    let groups = list("SecurityGroupId", &|group| format!("<groupId>{group}</groupId><groupName>g</groupName>"));
    let interfaces = list("SubnetId", &|subnet| format!("eni-{}{subnet}", id.trim_start_matches("vpce-")));
    let tags: String = endpoint
        .tags
        .iter()
        .map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>"))
        .collect();
    format!(
        "<vpcEndpointId>{id}</vpcEndpointId><vpcEndpointType>{}</vpcEndpointType><vpcId>{}</vpcId>\
         <serviceName>{}</serviceName><state>available</state><privateDnsEnabled>{}</privateDnsEnabled>\
         <ipAddressType>ipv4</ipAddressType><subnetIdSet>{subnets}</subnetIdSet><groupSet>{groups}</groupSet>\
         <networkInterfaceIdSet>{interfaces}</networkInterfaceIdSet><routeTableIdSet/><tagSet>{tags}</tagSet>\
         <dnsEntrySet><item><dnsName>{id}.lambda.ap-northeast-1.vpce.amazonaws.com</dnsName></item></dnsEntrySet>\
         <creationTimestamp>2026-01-01T00:00:00Z</creationTimestamp><ownerId>000000000000</ownerId>",
        text("VpcEndpointType"),
        text("VpcId"),
        text("ServiceName"),
        if text("PrivateDnsEnabled").is_empty() { "true" } else { text("PrivateDnsEnabled") },
    )
}

fn interfaces(parameters: &Parameters) -> String {
    let set: String = numbered(parameters, "Filter.1.Value")
        .iter()
        .map(|id| {
            format!(
                "<item><networkInterfaceId>{id}</networkInterfaceId><subnetId>{}</subnetId>\
                 <availabilityZone>ap-northeast-1a</availabilityZone><privateIpAddress>10.0.0.1</privateIpAddress></item>",
                id.get(21..).unwrap_or_default()
            )
        })
        .collect();
    format!("<networkInterfaceSet>{set}</networkInterfaceSet>")
}
