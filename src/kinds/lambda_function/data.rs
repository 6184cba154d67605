//! ConfigMaps and Secrets as a function names them. Each is read once in a pass.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::Value;

use crate::{
    cloud::sensitive::Sensitive,
    engine::{
        failure::Failure,
        references::{Cluster, Reference},
    },
};

/// Keys and what is under them.
pub type Data = BTreeMap<String, Sensitive<Vec<u8>>>;

/// What kind of object holds the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A `ConfigMap`.
    ConfigMap,
    /// A `Secret`.
    Secret,
}

impl Holder {
    /// The object of this name.
    pub fn reference(self, namespace: &str, name: &str) -> Reference {
        match self {
            Self::ConfigMap => Reference::to::<ConfigMap>(namespace, name),
            Self::Secret => Reference::to::<Secret>(namespace, name),
        }
    }

    fn not_found(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMapNotFound",
            Self::Secret => "SecretNotFound",
        }
    }

    fn key_not_found(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMapKeyNotFound",
            Self::Secret => "SecretKeyNotFound",
        }
    }
}

/// Reads the data that one object names.
pub struct DataReader<'a> {
    cluster: &'a dyn Cluster,
    namespace: &'a str,
    /// Whether the administrator lets the operator read Secrets here.
    secrets: bool,
    read: HashMap<Reference, Option<Data>>,
}

impl<'a> DataReader<'a> {
    /// Nothing has been read.
    pub fn new(cluster: &'a dyn Cluster, namespace: &'a str, secret_namespaces: &[String]) -> Self {
        let secrets = secret_namespaces.iter().any(|allowed| allowed == namespace);
        Self { cluster, namespace, secrets, read: HashMap::new() }
    }

    /// All keys of the object that `field` names, or `None` when it does not exist and may be missing.
    pub async fn all(
        &mut self,
        field: &str,
        holder: Holder,
        name: &str,
        optional: bool,
    ) -> Result<Option<&Data>, Failure> {
        if holder == Holder::Secret && !self.secrets {
            let namespace = self.namespace;
            let message = format!(
                "the operator may not read Secrets of namespace {namespace}; its administrator allows that with \
                 --secret-namespaces (chart value secretNamespaces)"
            );
            return Err(Failure::terminal("SecretsNotPermitted", message).at(field));
        }
        let reference = holder.reference(self.namespace, name);
        if !self.read.contains_key(&reference) {
            let object = self.cluster.get(&reference).await?;
            self.read.insert(reference.clone(), object.as_ref().map(data));
        }
        match self.read.get(&reference).and_then(Option::as_ref) {
            Some(data) => Ok(Some(data)),
            None if optional => Ok(None),
            None => {
                let message = format!("{holder:?} {}/{name} does not exist yet", self.namespace);
                Err(Failure::reference(holder.not_found(), message).at(field))
            }
        }
    }

    /// One key of the object that `field` names, or `None` when either does not exist and may be missing.
    pub async fn key(
        &mut self,
        field: &str,
        holder: Holder,
        name: &str,
        key: &str,
        optional: bool,
    ) -> Result<Option<&Sensitive<Vec<u8>>>, Failure> {
        let namespace = self.namespace;
        let Some(data) = self.all(field, holder, name, optional).await? else { return Ok(None) };
        match data.get(key) {
            Some(value) => Ok(Some(value)),
            None if optional => Ok(None),
            None => {
                let message = format!("{holder:?} {namespace}/{name} has no key {key} yet");
                Err(Failure::reference(holder.key_not_found(), message).at(field))
            }
        }
    }
}

/// The API server serves text in the `data` of a `ConfigMap`, and base64 in its `binaryData` and in the `data` of a
/// `Secret`.
fn data(object: &Value) -> Data {
    let entries = |field: &str| {
        let entries = object[field].as_object().into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?)))
    };
    let decoded = |text: &str| Sensitive(STANDARD.decode(text).unwrap_or_default());
    if object["kind"] == "Secret" {
        return entries("data").map(|(key, text)| (key, decoded(text))).collect();
    }
    let texts = entries("data").map(|(key, text)| (key, Sensitive(text.as_bytes().to_vec())));
    texts.chain(entries("binaryData").map(|(key, text)| (key, decoded(text)))).collect()
}
