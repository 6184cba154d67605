//! What of a function differs from what it should be.

use crate::{
    cloud::{
        lambda::{CodeChange, ConfigurationChange, Function, Settings},
        ownership::Tags,
    },
    engine::kind::Plan,
};

use super::super::{
    code::Code,
    desired::{CODE_TAG, Desired},
    observe::Found,
    settings::{self, DEFAULT_ARCHITECTURE, differing_variables},
    spec::{DeployedObject, LambdaFunctionStatus, ManagedField},
    step::Step,
};

/// What no call can change, or nobody can compare.
pub fn beyond(desired: &Desired, function: &Function) -> Option<Plan<Step>> {
    let package_type = desired.code.source().package_type();
    if package_type != function.package_type {
        return Some(Plan::Refuse {
            reason: "PackageTypeDiffers",
            message: format!(
                "spec.code: function {} has code of type {:?}, and the spec gives {package_type:?}, which AWS cannot \
                 change: delete the function, or choose another functionName in a new object",
                function.name, function.package_type
            ),
        });
    }
    let Settings { environment, image_config, .. } = &function.settings;
    let wanted = &desired.settings;
    let hidden = (environment.is_none() && wanted.environment.is_some())
        || (image_config.is_none() && wanted.image_config.is_some());
    hidden.then(|| Plan::Refuse {
        reason: "SettingsHidden",
        message: format!(
            "GetFunction: AWS cannot show all settings of function {}, so they cannot be compared ({}); the operator \
             needs kms:Decrypt on the function's key",
            function.name,
            function.hidden.as_deref().unwrap_or("without a reason")
        ),
    })
}

/// The next change of a function that differs: its configuration, then its code, then the tag that says where the code
/// came from.
pub fn update(desired: &Desired, status: &LambdaFunctionStatus, role: &str, found: &Found) -> Option<Step> {
    configure(desired, &status.managed_fields, role, &found.function)
        .or_else(|| deploy(desired, status, found))
        .or_else(|| tag_code(desired, found))
}

/// What the spec gives, or AWS's default if it gave something before, where that is not what AWS has.
fn configure(desired: &Desired, managed: &[ManagedField], role: &str, function: &Function) -> Option<Step> {
    let observed = &function.settings;
    let given = Settings { role: Some(role.to_owned()), ..desired.settings.clone() };
    let wanted = given.or(settings::defaults(managed, &function.name));
    let mut change = wanted.clone().differing_from(observed);
    if change.is_empty() {
        return None;
    }
    let variables = change.environment.as_ref().map(|env| differing_variables(env, observed.environment.as_ref()));
    if change.kms_key_arn.is_some() {
        // AWS encrypts with a new key only what comes in the same call.
        change.environment = wanted.environment.or_else(|| observed.environment.clone());
    }
    Some(Step::Configure {
        change: Box::new(ConfigurationChange {
            name: function.name.clone(),
            revision_id: function.revision_id.clone(),
            settings: change,
        }),
        variables: variables.unwrap_or_default(),
    })
}

fn deploy(desired: &Desired, status: &LambdaFunctionStatus, found: &Found) -> Option<Step> {
    let function = &found.function;
    let managed = |field| status.managed_fields.contains(&field);
    let changed = |given: &Option<String>, field, default: &str, observed: &str| {
        let wanted = given.clone().or_else(|| managed(field).then(|| default.to_owned()));
        wanted.filter(|wanted| wanted != observed)
    };
    let architecture =
        changed(&desired.architecture, ManagedField::Architecture, DEFAULT_ARCHITECTURE, &function.architecture);
    let source_kms_key_arn =
        changed(&desired.source_kms_key_arn, ManagedField::SourceKmsKeyArn, "", &function.source_kms_key_arn);
    let differs = architecture.is_some() || source_kms_key_arn.is_some() || !is_deployed(&desired.code, status, found);
    differs.then(|| Step::Deploy {
        change: CodeChange {
            name: function.name.clone(),
            revision_id: function.revision_id.clone(),
            code: desired.code.source(),
            source_kms_key_arn,
            architecture,
            current_architecture: function.architecture.clone(),
        },
        source: desired.code.object_source().map(str::to_owned),
    })
}

/// That an object in S3 was deployed, and what digest the code then had, is told by the status or, when that was lost, by
/// the tag.
fn is_deployed(code: &Code, status: &LambdaFunctionStatus, found: &Found) -> bool {
    let function = &found.function;
    match code {
        Code::Package(package) => package.sha256 == function.code_sha256,
        Code::Image(uri) => function.image_uri.as_ref() == Some(uri),
        Code::Object(object) => {
            let deployed = DeployedObject { source: object.source.clone(), code_sha256: function.code_sha256.clone() };
            found.tags.get(CODE_TAG) == Some(&code_tag(&deployed.source, function))
                || status.deployed_object == Some(deployed)
        }
    }
}

/// Both parts are in base64, which has no colon.
fn code_tag(source: &str, function: &Function) -> String {
    format!("{source}:{}", function.code_sha256)
}

fn tag_code(desired: &Desired, found: &Found) -> Option<Step> {
    let Function { name, arn, .. } = &found.function;
    let wanted = desired.code.object_source().map(|source| code_tag(source, &found.function));
    match (wanted, found.tags.get(CODE_TAG)) {
        (Some(wanted), tag) if tag != Some(&wanted) => Some(Step::Tag {
            function: name.clone(),
            arn: arn.clone(),
            tags: Tags::from([(CODE_TAG.to_owned(), wanted)]),
        }),
        (None, Some(_)) => {
            Some(Step::Untag { function: name.clone(), arn: arn.clone(), keys: [CODE_TAG.to_owned()].into() })
        }
        _ => None,
    }
}
