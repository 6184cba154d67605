//! One kind's controller: watch, wake, sweep. Its own status writes wake nobody.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt, future, stream};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, ObjectMeta, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef, Store},
        watcher::{self, watcher},
    },
};
use serde_json::Value;
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{debug, info, warn};

use super::{
    conditions,
    contract::{FINALIZER, PAUSED_ANNOTATION, REQUESTED_AT_ANNOTATION},
    kind::{Kind, KindStatus},
    observer::{News, ObjectKey, Standing, Sweep},
    reconcile::Engine,
    references::Reference,
    requeue, status,
    tenure::Tenure,
    wake::Wakes,
    watch,
};

/// Settings of a controller.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// Namespaces whose objects are worked on; empty: all.
    pub namespaces: Vec<String>,
    /// Passes at the same time.
    pub concurrency: u16,
    /// Time between two sweeps.
    pub resync_interval: Duration,
}

/// The annotations that mean something to us.
const OWN_ANNOTATIONS: [&str; 2] = [PAUSED_ANNOTATION, REQUESTED_AT_ANNOTATION];

type Guarded<K> = DeserializeGuard<K>;
type WatchResult<K> = Result<watcher::Event<Guarded<K>>, watcher::Error>;

/// Keeps one kind's cache, and in the tenure drives its objects, beginning with a pass over each. Ends with the tenure,
/// once the passes under way are finished.
pub async fn run<K: Kind>(
    client: Client,
    engine: Arc<Engine<K>>,
    wakes: Arc<Wakes>,
    settings: ControllerSettings,
    tenure: Tenure,
) {
    let kind = K::kind(&());
    let (reader, writer) = reflector::store::<Guarded<K>>();
    engine.observer.watches(&kind, {
        let reader = reader.clone();
        Arc::new(move || census(&reader))
    });
    let woken = UnboundedReceiverStream::new(wakes.subscribe(&kind)).map({
        let engine = engine.clone();
        move |target| {
            engine.tell(News::Queued(key(&target.namespace, &target.name)));
            ObjectRef::<Guarded<K>>::new(&target.name).within(&target.namespace)
        }
    });
    let mut watch = watch::objects::<Guarded<K>>(&client, &settings.namespaces, reader.clone())
        .modify(|object| {
            if let Ok(object) = &mut object.0 {
                trim(object.meta_mut());
            }
        })
        .reflect(writer)
        .boxed();
    let filter = Filter::<K>::new(engine.clone());
    if !stand_by(&mut watch, &filter, &tenure).await {
        return;
    }
    let cached = reader.state().into_iter().map(|object| Ok(watcher::Event::Apply((*object).clone())));
    let changes = changes(stream::iter(cached).chain(watch), filter, wakes.clone());
    let sweeps =
        tokio::spawn(sweep_forever(reader.clone(), engine.clone(), wakes, settings.resync_interval, tenure.clone()));
    Controller::for_stream(changes, reader)
        .with_config(controller::Config::default().concurrency(settings.concurrency))
        .reconcile_on(woken)
        .graceful_shutdown_on(tenure.over())
        .run(reconcile::<K>, |_, _, _| Action::await_change(), engine.clone())
        .for_each(|passed| {
            if let Err(controller::Error::ObjectNotFound(gone)) = passed {
                engine.tell(News::Dropped(key(gone.namespace.as_deref().unwrap_or_default(), &gone.name)));
            }
            future::ready(())
        })
        .await;
    sweeps.abort();
    engine.tell(News::Undecodable(0));
    info!(%kind, "controller stopped");
}

/// Fills the cache until the tenure begins; false if it ends before. A list that has begun is completed first, since
/// what it has brought so far is in no cache yet.
async fn stand_by<K: Kind>(
    watch: &mut (impl Stream<Item = WatchResult<K>> + Send + Unpin),
    filter: &Filter<K>,
    tenure: &Tenure,
) -> bool {
    let mut begun = pin!(tenure.begun());
    let mut listing = false;
    loop {
        let event = tokio::select! {
            begun = &mut begun, if !listing => return begun,
            () = tenure.clone().over(), if listing => return false,
            event = watch.next() => event,
        };
        match event {
            Some(Ok(watcher::Event::Init)) => listing = true,
            Some(Ok(watcher::Event::InitDone)) => {
                listing = false;
                filter.synced();
            }
            Some(Ok(_)) => {}
            // Whatever was under way is begun anew.
            Some(Err(error)) => {
                listing = false;
                filter.watch_failed(&error);
            }
            None => return false,
        }
    }
}

/// Leaves what the cache is for: passes read the object anew. The manifest that kubectl keeps in an annotation alone can be as
/// large as the spec.
fn trim(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    meta.labels = None;
    meta.owner_references = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| OWN_ANNOTATIONS.contains(&key.as_str()));
    }
}

fn key(namespace: &str, name: &str) -> ObjectKey {
    format!("{namespace}/{name}")
}

fn key_of<K: Kind>(object: &Guarded<K>) -> ObjectKey {
    key(&object.namespace().unwrap_or_default(), &object.name_any())
}

/// The objects by their conditions. One that has had no pass counts as Ready `Unknown`, without a reason.
fn census<K: Kind>(store: &Store<Guarded<K>>) -> BTreeMap<Standing, u64> {
    let mut census = BTreeMap::new();
    for object in store.state() {
        let Ok(object) = &object.0 else { continue };
        let conditions = std::mem::take(&mut object.status().common_mut().conditions);
        if conditions::ready(&conditions).is_none() {
            *census.entry(("Ready".to_owned(), "Unknown".to_owned(), String::new())).or_default() += 1;
        }
        for condition in conditions {
            *census.entry((condition.type_, condition.status, condition.reason)).or_default() += 1;
        }
    }
    census
}

async fn reconcile<K: Kind>(
    object: Arc<Guarded<K>>,
    engine: Arc<Engine<K>>,
) -> Result<Action, std::convert::Infallible> {
    let key = key_of(&object);
    engine.tell(News::Started(key.clone()));
    let began = Instant::now();
    let pass = engine.pass(&object.namespace().unwrap_or_default(), &object.name_any()).await;
    engine.tell(News::Passed(key, pass, began.elapsed()));
    Ok(pass.requeue_after.map_or_else(Action::await_change, Action::requeue))
}

/// The watch as a stream of objects that need a pass; keeps the reference index beside it.
fn changes<K: Kind>(
    watch: impl Stream<Item = WatchResult<K>> + Send + 'static,
    filter: Filter<K>,
    wakes: Arc<Wakes>,
) -> impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static {
    watch.filter_map(move |event| {
        let changed = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                let names = object.0.as_ref().map(K::references).unwrap_or_default();
                let (changed, needs_pass) = filter.judge(&object);
                wakes.seen(&reference(&object), names);
                if changed {
                    wakes.changed(&reference(&object));
                }
                needs_pass.then(|| {
                    filter.engine.tell(News::Queued(key_of(&object)));
                    Ok(object)
                })
            }
            Ok(watcher::Event::Delete(object)) => {
                wakes.gone(&reference(&object));
                filter.forget(&object);
                None
            }
            Ok(watcher::Event::Init) => None,
            Ok(watcher::Event::InitDone) => {
                filter.synced();
                None
            }
            Err(error) => {
                // Not passed on, since the controller would hold up all wake-ups for it.
                filter.watch_failed(&error);
                None
            }
        };
        future::ready(changed)
    })
}

fn reference<K: Kind>(object: &Guarded<K>) -> Reference {
    Reference::to::<K>(&object.namespace().unwrap_or_default(), &object.name_any())
}

fn reference_to<K: Kind>(object: &K) -> Reference {
    Reference::to::<K>(&object.namespace().unwrap_or_default(), &object.name_any())
}

/// Tells changes that matter (spec, deletion, finalizers, our annotations, a status that is not what we
/// wrote last) from those that don't.
struct Filter<K: Kind> {
    engine: Arc<Engine<K>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    triggers: HashMap<String, Trigger>,
    undecodable: HashSet<String>,
    not_served: bool,
}

impl<K: Kind> Filter<K> {
    fn new(engine: Arc<Engine<K>>) -> Self {
        Self { engine, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn synced(&self) {
        let waited = std::mem::take(&mut self.seen().not_served);
        if waited {
            info!(kind = %K::kind(&()), "the CustomResourceDefinition is there");
        }
        self.engine.tell(News::Synced);
    }

    /// A kind that the cluster does not serve is told once, and watched again and again until it is served.
    fn watch_failed(&self, error: &watcher::Error) {
        if !is_not_served(error) {
            warn!(kind = %K::kind(&()), %error, "watch failed; it is begun anew");
        } else if !std::mem::replace(&mut self.seen().not_served, true) {
            let crd = format!("{}.{}", K::plural(&()), K::group(&()));
            warn!(kind = %K::kind(&()), %crd, "the CustomResourceDefinition is missing; waiting for it");
            self.engine.tell(News::NotServed);
        }
    }

    /// Whether something changed that referrers depend on, and whether the object itself needs a pass.
    fn judge(&self, object: &Guarded<K>) -> (bool, bool) {
        let uid = object.uid().unwrap_or_default();
        self.note_decoding(object, &uid);
        let arn = object.0.as_ref().ok().and_then(|object| object.status().common().arn.clone());
        let trigger = Trigger::of(object.meta(), arn.as_deref());
        let previous = self.seen().triggers.insert(uid.clone(), trigger);
        let changed = previous != Some(trigger);
        let needs_pass = previous.is_none_or(|previous| trigger.matters_after(previous));
        (changed, needs_pass || !self.has_own_status(object, &uid))
    }

    fn has_own_status(&self, object: &Guarded<K>, uid: &str) -> bool {
        object.0.as_ref().is_ok_and(|object| {
            let status = serde_json::to_value(object.status()).unwrap_or(Value::Null);
            self.engine.memory.is_own_status(uid, status::digest(&status))
        })
    }

    fn note_decoding(&self, object: &Guarded<K>, uid: &str) {
        let mut seen = self.seen();
        let changed = match &object.0 {
            Ok(_) => seen.undecodable.remove(uid),
            Err(invalid) => {
                warn!(kind = %K::kind(&()), object = %reference(object).name, error = %invalid.error, "object can't be decoded");
                seen.undecodable.insert(uid.to_owned())
            }
        };
        if changed {
            self.engine.tell(News::Undecodable(seen.undecodable.len()));
        }
    }

    fn forget(&self, object: &Guarded<K>) {
        let uid = object.uid().unwrap_or_default();
        self.engine.memory.forget(&uid);
        let mut seen = self.seen();
        seen.triggers.remove(&uid);
        if seen.undecodable.remove(&uid) {
            self.engine.tell(News::Undecodable(seen.undecodable.len()));
        }
    }
}

/// The apiserver answers 404 for a kind that it does not know, and nothing else of a whole kind.
fn is_not_served(error: &watcher::Error) -> bool {
    let answer = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code,
        _ => return false,
    };
    answer == 404
}

/// What of an object a pass depends on, its own or a referrer's.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Trigger {
    digest: u64,
    has_finalizer: bool,
    arn: u64,
}

impl Trigger {
    fn of(meta: &ObjectMeta, arn: Option<&str>) -> Self {
        let mut hasher = DefaultHasher::new();
        meta.generation.hash(&mut hasher);
        meta.deletion_timestamp.is_some().hash(&mut hasher);
        for key in OWN_ANNOTATIONS {
            meta.annotations.as_ref().and_then(|annotations| annotations.get(key)).hash(&mut hasher);
        }
        let has_finalizer = meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER);
        let digest = hasher.finish();
        arn.hash(&mut hasher);
        Self { digest, has_finalizer, arn: hasher.finish() }
    }

    /// Our own setting of the finalizer wakes nobody; its loss does.
    fn matters_after(self, previous: Self) -> bool {
        self.digest != previous.digest || (previous.has_finalizer && !self.has_finalizer)
    }
}

/// One paged look at AWS for all objects, again and again; wakes those that differ from what they last
/// converged to.
async fn sweep_forever<K: Kind>(
    store: Store<Guarded<K>>,
    engine: Arc<Engine<K>>,
    wakes: Arc<Wakes>,
    resync_interval: Duration,
    tenure: Tenure,
) {
    loop {
        let pause = requeue::period(resync_interval, rand::random());
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = tenure.clone().over() => return,
        }
        wake_refused_deletions(&store, &engine, &wakes);
        let known = store.state();
        engine.tell(News::Swept(sweep(&engine, &wakes, &resting(&known)).await));
    }
}

async fn sweep<K: Kind>(engine: &Engine<K>, wakes: &Wakes, objects: &[&K]) -> Sweep {
    if objects.is_empty() {
        return Sweep::Nothing;
    }
    let began = Instant::now();
    let seen = match K::sweep(&engine.world, objects).await {
        Ok(seen) => seen,
        Err(failure) => {
            warn!(kind = %K::kind(&()), %failure, "sweep failed; the next one is due in its time");
            return Sweep::Failed;
        }
    };
    let differs = |uid: String| engine.memory.differs(&uid, began, seen.get(&uid).copied());
    let differing = objects.iter().filter(|object| object.uid().is_some_and(differs));
    let woken = differing.map(|object| wakes.wake(&reference_to(*object))).count();
    debug!(kind = %K::kind(&()), objects = objects.len(), woken, "swept");
    Sweep::Seen { held: seen.len(), woken }
}

/// A deletion that was refused is tried again with each sweep: what held it up may be gone.
fn wake_refused_deletions<K: Kind>(store: &Store<Guarded<K>>, engine: &Engine<K>, wakes: &Wakes) {
    for object in store.state() {
        let refused = object.uid().is_some_and(|uid| engine.memory.is_blocked(&uid));
        if refused && object.meta().deletion_timestamp.is_some() {
            wakes.wake(&reference(&object));
        }
    }
}

/// The objects that a sweep looks at.
fn resting<K: Kind>(known: &[Arc<Guarded<K>>]) -> Vec<&K> {
    known
        .iter()
        .filter_map(|object| object.0.as_ref().ok())
        .filter(|object| object.meta().deletion_timestamp.is_none())
        .filter(|object| object.annotations().get(PAUSED_ANNOTATION).is_none_or(|paused| paused != "true"))
        .collect()
}

/// Watches a type that is not ours but that objects refer to, by metadata alone; in the tenure only, since it fills no
/// cache.
pub async fn watch_referenced<T>(metadata: Api<PartialObjectMeta<T>>, wakes: Arc<Wakes>, tenure: Tenure)
where
    T: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    if !tenure.begun().await {
        return;
    }
    watcher(metadata, watcher::Config::default())
        .backoff(watch::backoff())
        .take_until(tenure.over())
        .for_each(|event| {
            match event {
                Ok(
                    watcher::Event::Apply(object) | watcher::Event::InitApply(object) | watcher::Event::Delete(object),
                ) => {
                    let reference = Reference::to::<T>(&object.namespace().unwrap_or_default(), &object.name_any());
                    wakes.changed(&reference);
                }
                Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
                Err(error) => warn!(kind = %T::kind(&()), %error, "watch failed; it is begun anew"),
            }
            future::ready(())
        })
        .await;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_cache_keeps_what_decides_whether_an_object_needs_a_pass() {
        let mut meta: ObjectMeta = serde_json::from_value(json!({
            "name": "o",
            "generation": 3,
            "finalizers": [FINALIZER],
            "labels": { "team": "a" },
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                PAUSED_ANNOTATION: "true",
                REQUESTED_AT_ANNOTATION: "now",
            },
            "managedFields": [{ "manager": "kubectl" }],
        }))
        .unwrap();
        let whole = Trigger::of(&meta, None);
        trim(&mut meta);
        assert!(Trigger::of(&meta, None) == whole);
        assert_eq!(
            serde_json::to_value(&meta).unwrap(),
            json!({
                "name": "o",
                "generation": 3,
                "finalizers": [FINALIZER],
                "annotations": { PAUSED_ANNOTATION: "true", REQUESTED_AT_ANNOTATION: "now" },
            })
        );
    }
}
