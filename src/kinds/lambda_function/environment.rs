//! Environment variables: from the spec, `ConfigMaps` and Secrets to name and value. Only names are ever printed.

use crate::{
    cloud::{lambda::Environment, sensitive::Sensitive},
    engine::{failure::Failure, references::Reference},
};

use super::{
    data::{DataReader, Holder},
    spec::{EnvFromSource, EnvVar, EnvVarSource, KeySelector, LambdaFunctionSpec},
};

/// Bytes of all environment variables:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const LIMIT: usize = 4096;

/// The `ConfigMaps` and Secrets that the variables come from.
pub fn references(spec: &LambdaFunctionSpec, namespace: &str) -> Vec<Reference> {
    let from = spec.env_from.iter().flatten().filter_map(source).map(|(holder, name, _)| (holder, name));
    let keys = spec.env.iter().flatten().filter_map(|variable| key(variable.value_from.as_ref()?));
    let keys = keys.map(|(holder, selector)| (holder, selector.name.as_str()));
    from.chain(keys).map(|(holder, name)| holder.reference(namespace, name)).collect()
}

/// All variables; `None` when the spec leaves them alone.
pub async fn resolve(spec: &LambdaFunctionSpec, data: &mut DataReader<'_>) -> Result<Option<Environment>, Failure> {
    if spec.env.is_none() && spec.env_from.is_none() {
        return Ok(None);
    }
    let mut environment = Environment::default();
    for (i, from) in spec.env_from.iter().flatten().enumerate() {
        take_all(&mut environment, &format!("spec.envFrom[{i}]"), from, data).await?;
    }
    for variable in spec.env.iter().flatten() {
        if let Some(value) = value(variable, data).await? {
            environment.0.insert(variable.name.clone(), value);
        }
    }
    check_size(&environment)?;
    Ok(Some(environment))
}

fn source(from: &EnvFromSource) -> Option<(Holder, &str, bool)> {
    let config_map = from.config_map_ref.as_ref().map(|source| (Holder::ConfigMap, source));
    let secret = from.secret_ref.as_ref().map(|source| (Holder::Secret, source));
    let (holder, source) = config_map.or(secret)?;
    Some((holder, &source.name, source.optional.unwrap_or_default()))
}

fn key(from: &EnvVarSource) -> Option<(Holder, &KeySelector)> {
    let config_map = from.config_map_key_ref.as_ref().map(|selector| (Holder::ConfigMap, selector));
    config_map.or(from.secret_key_ref.as_ref().map(|selector| (Holder::Secret, selector)))
}

async fn take_all(
    environment: &mut Environment,
    field: &str,
    from: &EnvFromSource,
    data: &mut DataReader<'_>,
) -> Result<(), Failure> {
    let Some((holder, name, optional)) = source(from) else {
        return Err(Failure::terminal("InvalidSpec", "give exactly one of configMapRef and secretRef").at(field));
    };
    let prefix = from.prefix.as_deref().unwrap_or_default();
    for (key, value) in data.all(field, holder, name, optional).await?.into_iter().flatten() {
        let variable = format!("{prefix}{key}");
        if !is_name(&variable) {
            let message = format!(
                "key {key} of {holder:?} {name} gives {variable:?}, which Lambda does not take as the name of a \
                 variable: a letter, then letters, digits and '_'"
            );
            return Err(Failure::terminal("InvalidEnvironment", message).at(field));
        }
        let value = text(value).ok_or_else(|| not_text(field, holder, name, key))?;
        environment.0.insert(variable, value);
    }
    Ok(())
}

async fn value(variable: &EnvVar, data: &mut DataReader<'_>) -> Result<Option<String>, Failure> {
    let Some(from) = &variable.value_from else { return Ok(Some(variable.value.clone().unwrap_or_default())) };
    let field = format!("spec.env ({})", variable.name);
    let Some((holder, KeySelector { name, key, optional })) = key(from) else {
        return Err(Failure::terminal("InvalidSpec", "give exactly one of configMapKeyRef and secretKeyRef").at(&field));
    };
    match data.key(&field, holder, name, key, optional.unwrap_or_default()).await? {
        Some(value) => text(value).map(Some).ok_or_else(|| not_text(&field, holder, name, key)),
        None => Ok(None),
    }
}

fn text(value: &Sensitive<Vec<u8>>) -> Option<String> {
    std::str::from_utf8(value).ok().map(str::to_owned)
}

fn not_text(field: &str, holder: Holder, name: &str, key: &str) -> Failure {
    let message = format!("key {key} of {holder:?} {name} is not text in UTF-8");
    Failure::terminal("InvalidEnvironment", message).at(field)
}

/// The names that Lambda takes: <https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html>.
fn is_name(name: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_size(environment: &Environment) -> Result<(), Failure> {
    let sizes = environment.iter().map(|(name, value)| (name.len() + value.len(), name));
    let size: usize = sizes.clone().map(|(size, _)| size).sum();
    if size <= LIMIT {
        return Ok(());
    }
    let largest = sizes.max().map(|(size, name)| format!("{name} has {size} of them")).unwrap_or_default();
    let message = format!(
        "names and values have {size} bytes in all, with those of spec.envFrom; {LIMIT} are allowed; {largest}"
    );
    Err(Failure::terminal("InvalidSpec", message).at("spec.env"))
}
