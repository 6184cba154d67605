//! What a sweep can see of a role, as a digest: one read of all roles an account, and one of all instances and
//! associations a region while some object selects instances.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use kube::ResourceExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    cloud::{
        Aws, World,
        ec2::{Instance, ProfileAssociation},
        iam::{Iam, Role, RoleDetail},
        ownership::Tags,
        policy::normalise,
    },
    engine::{contract::CommonStatus, failure::Failure},
};

use super::{
    desired::Desired,
    names::Names,
    observe::Observed,
    resolve::{associations, selected},
    spec::InstanceRole,
    trust,
};

/// All that is compared. Sets and maps are sorted, and policies normalised, so that equal facts are equal bytes.
#[derive(Serialize)]
struct Facts<'a> {
    trust: String,
    boundary: Option<&'a str>,
    attached: Vec<&'a str>,
    inline: BTreeMap<&'a str, String>,
    tags: &'a Tags,
    /// Description and session duration, where the spec gives them.
    description: Option<&'a str>,
    max_session_seconds: Option<i32>,
    /// Unique id of the instance profile where there should be one, empty if the role is not in it.
    profile: Option<&'a str>,
    /// Selected instances, with ARN and unique id of the instance profile that they carry.
    instances: Option<BTreeMap<&'a str, Option<(&'a str, &'a str)>>>,
}

impl Facts<'_> {
    fn digest(&self) -> u64 {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(bytes).iter().take(8).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
    }
}

/// The digest of a converged object.
pub fn fingerprint(desired: &Desired, observed: &Observed) -> u64 {
    let Some(role) = &observed.role else { return 0 };
    let profile = observed.profile.as_ref().map(|found| &found.profile);
    let profile = profile.filter(|profile| profile.roles.contains(&desired.role));
    let associations = observed.associations.as_deref().unwrap_or_default();
    Facts {
        trust: normalise(&role.role.trust_policy),
        boundary: role.role.permissions_boundary.as_deref(),
        attached: role.attached.iter().map(String::as_str).collect(),
        inline: role.inline.iter().map(|(name, document)| (name.as_str(), normalise(document))).collect(),
        tags: &role.role.tags,
        description: desired.description.as_ref().map(|_| described(&role.role)),
        max_session_seconds: desired.max_session_seconds.and(role.role.max_session_seconds),
        profile: desired.profile.as_ref().map(|_| profile.map_or("", |profile| profile.id.as_str())),
        instances: desired
            .instances
            .as_ref()
            .map(|instances| carried(instances.selected.keys().map(String::as_str), associations)),
    }
    .digest()
}

/// IAM shows a description that was emptied as none.
fn described(role: &Role) -> &str {
    role.description.as_deref().unwrap_or_default()
}

/// The digest of an object as a sweep sees it.
fn swept(object: &InstanceRole, detail: &RoleDetail, region: &Region) -> u64 {
    let names = Names::of_object(object);
    let wanted = trust::wants_profile(&object.spec).then_some(&names.profile);
    let terms = object.spec.instances.as_deref();
    let selection = terms.map(|terms| selected(terms, region.instances.iter().cloned()));
    Facts {
        trust: normalise(&detail.role.trust_policy),
        boundary: detail.role.permissions_boundary.as_deref(),
        attached: detail.attached_policies.iter().map(String::as_str).collect(),
        inline: detail.inline_policies.iter().map(|(name, document)| (name.as_str(), normalise(document))).collect(),
        tags: &detail.role.tags,
        description: object.spec.description.as_ref().map(|_| described(&detail.role)),
        max_session_seconds: object.spec.max_session_duration_seconds.and(detail.role.max_session_seconds),
        profile: wanted.map(|wanted| {
            let mut profiles = detail.instance_profiles.iter();
            profiles.find(|profile| profile.name == *wanted).map_or("", |profile| profile.id.as_str())
        }),
        instances: selection
            .as_ref()
            .map(|instances| carried(instances.keys().map(String::as_str), &region.associations)),
    }
    .digest()
}

fn carried<'a>(
    instances: impl Iterator<Item = &'a str>,
    associations: &'a [ProfileAssociation],
) -> BTreeMap<&'a str, Option<(&'a str, &'a str)>> {
    let by_instance: HashMap<_, _> = associations
        .iter()
        .filter(|association| association.state != "disassociating")
        .map(|known| (known.instance_id.as_str(), (known.profile_arn.as_str(), known.profile_id.as_str())))
        .collect();
    instances.map(|id| (id, by_instance.get(id).copied())).collect()
}

/// What selectors need of a region; nothing while no object selects anything there.
#[derive(Default)]
struct Region {
    instances: Vec<Instance>,
    associations: Vec<ProfileAssociation>,
}

pub async fn sweep(world: &World, all: &[&InstanceRole]) -> Result<HashMap<String, u64>, Failure> {
    let mut by_region: HashMap<&str, Vec<&InstanceRole>> = HashMap::new();
    let unset = CommonStatus::default();
    for object in all {
        let status = object.status.as_ref().map_or(&unset, |status| &status.common);
        // One that never owned a role has none to be looked for, and its region may be one that does not exist.
        if status.owner_uid.is_some() {
            by_region.entry(world.region(&object.spec.common, status)).or_default().push(object);
        }
    }
    let mut accounts: HashMap<String, HashMap<String, RoleDetail>> = HashMap::new();
    let mut digests = HashMap::new();
    for (name, objects) in by_region {
        let aws = world.aws(name).await?;
        let roles = match accounts.entry(aws.account.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(roles(&aws, all).await?),
        };
        let region = region(&aws, &objects).await?;
        for object in objects {
            if let (Some(uid), Some(role)) = (object.uid(), roles.get(&Names::of_object(object).role)) {
                digests.insert(uid, swept(object, role, &region));
            }
        }
    }
    Ok(digests)
}

async fn roles(aws: &Aws, objects: &[&InstanceRole]) -> Result<HashMap<String, RoleDetail>, Failure> {
    let details = match aws.iam.role_details().await {
        // The one call that shows all roles can't be restricted to some, so not every account allows it.
        Err(fault) if fault.is(&["AccessDenied"]) => one_by_one(&*aws.iam, objects).await?,
        answer => with_settings(&*aws.iam, objects, answer?).await?,
    };
    Ok(details.into_iter().map(|detail| (detail.role.name.clone(), detail)).collect())
}

/// Adds what that call leaves out, if any object gives it.
async fn with_settings(
    iam: &dyn Iam,
    objects: &[&InstanceRole],
    mut details: Vec<RoleDetail>,
) -> Result<Vec<RoleDetail>, Failure> {
    let gives = |object: &&InstanceRole| {
        object.spec.description.is_some() || object.spec.max_session_duration_seconds.is_some()
    };
    if !objects.iter().any(gives) {
        return Ok(details);
    }
    let mut listed: HashMap<String, Role> =
        iam.roles().await?.into_iter().map(|role| (role.name.clone(), role)).collect();
    for detail in &mut details {
        if let Some(role) = listed.remove(&detail.role.name) {
            detail.role.description = role.description;
            detail.role.max_session_seconds = role.max_session_seconds;
        }
    }
    Ok(details)
}

/// The same for the objects' own roles, by four reads each, one after another.
async fn one_by_one(iam: &dyn Iam, objects: &[&InstanceRole]) -> Result<Vec<RoleDetail>, Failure> {
    let mut details = Vec::new();
    for name in objects.iter().map(|object| Names::of_object(object).role) {
        if let Some(role) = iam.role(&name).await? {
            details.push(RoleDetail {
                attached_policies: iam.attached_policies(&name).await?,
                inline_policies: iam.inline_policies(&name).await?,
                instance_profiles: iam.instance_profiles_for_role(&name).await?,
                role,
            });
        }
    }
    Ok(details)
}

async fn region(aws: &Aws, objects: &[&InstanceRole]) -> Result<Region, Failure> {
    let selects = |object: &&InstanceRole| object.spec.instances.as_ref().is_some_and(|terms| !terms.is_empty());
    if !objects.iter().any(selects) {
        return Ok(Region::default());
    }
    let instances = async { aws.ec2.instances(&[]).await.map_err(Failure::from) };
    let (instances, associations) = futures::try_join!(instances, associations(&*aws.ec2))?;
    Ok(Region { instances, associations })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cloud::iam::{InstanceProfile, Role},
        kinds::instance_role::{
            desired::{Instances, Path, Profile},
            observe::{ObservedProfile, ObservedRole},
        },
    };

    const TRUST: &str =
        r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

    fn object() -> InstanceRole {
        let spec = json!({ "roleName": "r", "instances": [{ "tags": { "Name": "web" } }] });
        InstanceRole::new("r", serde_json::from_value(spec).unwrap())
    }

    fn profile() -> InstanceProfile {
        InstanceProfile {
            name: "r".into(),
            arn: "arn:r".into(),
            id: "AIPA".into(),
            roles: vec!["r".into()],
            ..InstanceProfile::default()
        }
    }

    fn role() -> Role {
        Role {
            name: "r".into(),
            trust_policy: TRUST.into(),
            permissions_boundary: Some("b".into()),
            tags: [("team".into(), "x".into())].into(),
            ..Role::default()
        }
    }

    fn association(instance: &str) -> ProfileAssociation {
        ProfileAssociation {
            id: "assoc".into(),
            instance_id: instance.into(),
            profile_arn: "arn:r".into(),
            profile_id: "AIPA".into(),
            state: "associated".into(),
        }
    }

    fn converged() -> u64 {
        let path = Path { create: "/".into(), given: false, prefix: "/".into() };
        let desired = Desired {
            role: "r".into(),
            path: path.clone(),
            description: None,
            max_session_seconds: None,
            resolved_policies: Vec::new(),
            trust: TRUST.into(),
            boundary: None,
            managed_policies: None,
            inline_policies: None,
            keep_foreign_policies: false,
            profile: Some(Profile { name: "r".into(), path }),
            instances: Some(Instances { selected: [("i-1".into(), "running".into())].into(), ..Instances::default() }),
            tags: Tags::new(),
        };
        let observed = Observed {
            role: Some(ObservedRole {
                role: Role { description: Some("not swept".into()), id: "AROA".into(), ..role() },
                claim: false,
                attached: ["p".to_owned()].into(),
                inline: [("i".to_owned(), TRUST.to_owned())].into(),
            }),
            profile: Some(ObservedProfile { profile: profile(), claim: false }),
            associations: Some(vec![association("i-1"), association("i-other")]),
            ..Observed::default()
        };
        fingerprint(&desired, &observed)
    }

    fn seen() -> (RoleDetail, Region) {
        let detail = RoleDetail {
            role: Role { trust_policy: TRUST.replace(r#""sts:AssumeRole""#, r#"["sts:AssumeRole"]"#), ..role() },
            inline_policies: [("i".to_owned(), TRUST.to_owned())].into(),
            attached_policies: ["p".to_owned()].into(),
            instance_profiles: vec![profile()],
        };
        let web = |id: &str, state: &str, name: &str| Instance {
            id: id.into(),
            state: state.into(),
            tags: [("Name".into(), name.into())].into(),
        };
        let instances =
            vec![web("i-1", "stopped", "web"), web("i-2", "running", "db"), web("i-3", "terminated", "web")];
        (detail, Region { instances, associations: vec![association("i-1")] })
    }

    #[test]
    fn a_sweep_sees_what_the_pass_saw() {
        let (detail, region) = seen();
        assert_eq!(swept(&object(), &detail, &region), converged());
    }

    #[test]
    fn every_drift_changes_the_digest() {
        let drifts: [fn(&mut RoleDetail, &mut Region); 11] = [
            |detail, _| detail.role.trust_policy = TRUST.replace("ec2", "ecs"),
            |detail, _| detail.role.permissions_boundary = None,
            |detail, _| {
                detail.role.tags.remove("team");
            },
            |detail, _| detail.attached_policies.clear(),
            |detail, _| {
                detail.inline_policies.insert("i".into(), TRUST.replace("ec2", "ecs"));
            },
            |detail, _| detail.instance_profiles.clear(),
            |_, region| region.associations.clear(),
            |detail, _| detail.instance_profiles[0].id = "AIPA2".into(),
            |_, region| region.associations[0].profile_id = "AIPA2".into(),
            |_, region| region.instances[0].state = "terminated".into(),
            |_, region| region.instances[1].tags.insert("Name".into(), "web".into()).map_or((), |_| ()),
        ];
        for (n, drift) in drifts.into_iter().enumerate() {
            let (mut detail, mut region) = seen();
            drift(&mut detail, &mut region);
            assert_ne!(swept(&object(), &detail, &region), converged(), "drift {n}");
        }
    }

    #[test]
    fn an_empty_list_of_instances_needs_no_read_of_the_region() {
        let mut object = object();
        object.spec.instances = Some(Vec::new());
        let (detail, _) = seen();
        let none = swept(&object, &detail, &Region::default());
        object.spec.instances = None;
        assert_ne!(none, swept(&object, &detail, &Region::default()), "none and unmanaged are told apart");
    }
}
