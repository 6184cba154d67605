//! The watch of a kind: over all namespaces, or over some as if they were all.

use std::{collections::HashSet, time::Duration};

use backon::ExponentialBuilder;
use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        reflector::Store,
        watcher::{self, Event, ExponentialBackoff},
    },
};
use serde::de::DeserializeOwned;

type Item<T> = Result<Event<T>, watcher::Error>;

/// The APIs that reach these namespaces; every namespace where none is named.
pub fn apis<T>(client: &Client, namespaces: &[String]) -> Vec<Api<T>>
where
    T: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespaces {
        [] => vec![Api::all(client.clone())],
        some => some.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect(),
    }
}

/// After a failed list or watch. Shorter than client-go's 30 s at most, so that an apiserver that comes back, or a
/// CustomResourceDefinition that comes, is noticed within seconds.
pub fn backoff() -> ExponentialBackoff {
    let (least, most) = (Duration::from_millis(500), Duration::from_secs(4));
    ExponentialBuilder::default().with_min_delay(least).with_max_delay(most).with_jitter().without_max_times().into()
}

/// Watches a kind in these namespaces, or in all where none is named. `known` is the cache that the stream fills.
pub fn objects<T>(client: &Client, namespaces: &[String], known: Store<T>) -> BoxStream<'static, Item<T>>
where
    T: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let mut watches: Vec<_> = apis(client, namespaces).into_iter().map(watch).collect();
    match watches.pop() {
        Some(only) if namespaces.is_empty() => only,
        last => join(watches.into_iter().chain(last), namespaces, known).boxed(),
    }
}

fn watch<T>(api: Api<T>) -> BoxStream<'static, Item<T>>
where
    T: Resource + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    watcher::watcher(api, watcher::Config::default()).backoff(backoff()).boxed()
}

/// One stream out of one watch a namespace. A namespace that can't be listed holds up no other.
fn join<T>(
    watches: impl IntoIterator<Item = BoxStream<'static, Item<T>>>,
    namespaces: &[String],
    known: Store<T>,
) -> impl Stream<Item = Item<T>> + Send + 'static
where
    T: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let numbered = watches.into_iter().enumerate().map(|(index, watch)| watch.map(move |event| (index, event)).boxed());
    let mut joined = Joined::new(namespaces, known);
    stream::iter([Ok(Event::Init)])
        .chain(stream::select_all(numbered).flat_map(move |(index, event)| stream::iter(joined.absorb(index, event))))
}

/// Where the watches stand. The first list of all is complete when each has been listed or has failed once; what is
/// listed after that are changes.
struct Joined<T: Resource<DynamicType = ()> + 'static> {
    watches: Vec<Progress>,
    known: Store<T>,
    complete: bool,
    held: Vec<Event<T>>,
}

struct Progress {
    namespace: String,
    tried: bool,
    listed: HashSet<String>,
}

impl<T: Resource<DynamicType = ()> + Clone + 'static> Joined<T> {
    fn new(namespaces: &[String], known: Store<T>) -> Self {
        let begin =
            |namespace: &String| Progress { namespace: namespace.clone(), tried: false, listed: HashSet::new() };
        Self { watches: namespaces.iter().map(begin).collect(), known, complete: false, held: Vec::new() }
    }

    /// What an event of one watch is in the joined one.
    fn absorb(&mut self, index: usize, event: Item<T>) -> Vec<Item<T>> {
        let Some(watch) = self.watches.get_mut(index) else { return Vec::new() };
        match event {
            Err(error) => {
                watch.tried = true;
                std::iter::once(Err(error)).chain(self.complete().into_iter().map(Ok)).collect()
            }
            Ok(Event::Init) => {
                watch.listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                watch.listed.insert(object.name_any());
                vec![Ok(if self.complete { Event::Apply(object) } else { Event::InitApply(object) })]
            }
            Ok(Event::InitDone) => {
                watch.tried = true;
                let gone = if self.complete { self.gone(index) } else { self.complete() };
                gone.into_iter().map(Ok).collect()
            }
            Ok(change) if self.complete => vec![Ok(change)],
            // It would be lost: the end of the first list replaces all that is known.
            Ok(change) => {
                self.held.push(change);
                Vec::new()
            }
        }
    }

    /// The end of the first list, if this is it, and what happened meanwhile.
    fn complete(&mut self) -> Vec<Event<T>> {
        if self.complete || !self.watches.iter().all(|watch| watch.tried) {
            return Vec::new();
        }
        self.complete = true;
        std::iter::once(Event::InitDone).chain(self.held.drain(..)).collect()
    }

    /// The deletions that a new list shows.
    fn gone(&self, index: usize) -> Vec<Event<T>> {
        let Progress { namespace, listed, .. } = &self.watches[index];
        let known = self.known.state();
        let here = known.iter().filter(|object| object.namespace().as_ref() == Some(namespace));
        let gone = here.filter(|object| !listed.contains(&object.name_any()));
        gone.map(|object| Event::Delete((**object).clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{core::ObjectMeta, runtime::reflector};

    use super::*;

    fn object(namespace: &str, name: &str) -> ConfigMap {
        let metadata =
            ObjectMeta { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()), ..ObjectMeta::default() };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn init(namespace: &str, name: &str) -> (usize, Item<ConfigMap>) {
        (usize::from(namespace == "b"), Ok(Event::InitApply(object(namespace, name))))
    }

    fn failed() -> Item<ConfigMap> {
        Err(watcher::Error::NoResourceVersion)
    }

    /// The cache after these events of the watches of the namespaces a and b, and how the events read.
    fn play(events: Vec<(usize, Item<ConfigMap>)>) -> (Vec<String>, Vec<&'static str>) {
        let (known, mut writer) = reflector::store();
        let mut joined = Joined::new(&["a".to_owned(), "b".to_owned()], known.clone());
        let mut words = Vec::new();
        writer.apply_watcher_event(&Event::Init);
        for (index, event) in events {
            for item in joined.absorb(index, event) {
                words.push(match &item {
                    Ok(Event::Init) => "init",
                    Ok(Event::InitApply(_)) => "listed",
                    Ok(Event::InitDone) => "done",
                    Ok(Event::Apply(_)) => "applied",
                    Ok(Event::Delete(_)) => "deleted",
                    Err(_) => "error",
                });
                if let Ok(event) = &item {
                    writer.apply_watcher_event(event);
                }
            }
        }
        let mut names: Vec<_> = known.state().iter().map(|object| object.name_any()).collect();
        names.sort();
        (names, words)
    }

    #[test]
    fn the_list_is_complete_when_each_is_and_what_happened_meanwhile_is_kept() {
        let (names, words) = play(vec![
            (0, Ok(Event::Init)),
            (1, Ok(Event::Init)),
            init("a", "one"),
            init("a", "two"),
            (0, Ok(Event::InitDone)),
            (0, Ok(Event::Apply(object("a", "three")))),
            (0, Ok(Event::Delete(object("a", "two")))),
            init("b", "four"),
            (1, Ok(Event::InitDone)),
        ]);
        assert_eq!(names, ["four", "one", "three"]);
        assert_eq!(words, ["listed", "listed", "listed", "done", "applied", "deleted"]);
    }

    #[test]
    fn a_namespace_that_fails_holds_up_no_other_and_comes_in_later() {
        let (names, words) = play(vec![
            (0, Ok(Event::Init)),
            (1, Ok(Event::Init)),
            (1, failed()),
            init("a", "one"),
            (0, Ok(Event::InitDone)),
            (1, Ok(Event::Init)),
            init("b", "two"),
            (1, Ok(Event::InitDone)),
        ]);
        assert_eq!(names, ["one", "two"]);
        assert_eq!(words, ["error", "listed", "done", "applied"]);
    }

    #[test]
    fn a_new_list_of_one_namespace_deletes_there_alone() {
        let (names, words) = play(vec![
            init("a", "one"),
            init("a", "two"),
            (0, Ok(Event::InitDone)),
            init("b", "one"),
            (1, Ok(Event::InitDone)),
            (0, Ok(Event::Init)),
            init("a", "two"),
            (0, Ok(Event::InitDone)),
        ]);
        assert_eq!(names, ["one", "two"]);
        assert_eq!(words, ["listed", "listed", "listed", "done", "applied", "deleted"]);
    }

    #[tokio::test]
    async fn the_stream_begins_with_init() {
        let (known, _writer) = reflector::store::<ConfigMap>();
        let watch = stream::iter([Ok(Event::Init), Ok(Event::InitDone)]).boxed();
        let events: Vec<_> = join([watch], &["a".to_owned()], known).collect().await;
        assert!(matches!(events.as_slice(), [Ok(Event::Init), Ok(Event::InitDone)]), "{events:?}");
    }
}
