//! Random walks: a seed decides what users and the world do to an object, and what goes wrong meanwhile. A walk that fails
//! is shortened to what it takes to fail.

use std::{cell::Cell, collections::BTreeMap, fmt, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use privatelink_operator::{
    cloud::World,
    engine::{kind::Kind, reconcile::Outcome},
    kinds::{
        instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction, vpc_endpoint::spec::VpcEndpoint,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::sleep;

use crate::{
    model::{
        cases::{self, each_case},
        harness::{Case, Run, content_of},
    },
    support::model::{
        drift::Drift,
        replica::Lag,
        script::{Dice, Point, Trouble},
    },
};

use super::{
    extent::Extent,
    failure::text_of,
    play::{SETTLED, rest},
};

/// Walks of each kind, over its cases.
const WALKS: u64 = 10_000;
/// Of them, the sample has one in so many.
const STRIDE: u64 = 100;

macro_rules! walks {
    ($($name:ident: $kind:ty;)+) => {
        /// The kind of each case.
        const KINDS: &[&str] = &[$(stringify!($kind)),+];

        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let cases = KINDS.iter().filter(|kind| **kind == stringify!($kind)).count();
                walk_all::<$kind>(stringify!($name), &cases::$name(), WALKS.div_ceil(cases as u64)).await;
            }
        )+
    };
}

each_case!(walks);

/// What somebody does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// A user applies the case's spec, or its n-th update of it.
    Apply(Option<usize>),
    /// Something changes in AWS.
    Drift(Drift),
    /// A user deletes the object and, once it is gone, creates it anew.
    Replace,
    /// The operator is killed.
    Restart,
    /// Time passes.
    Pass(Duration),
}

/// A walk: after so many passes each, these deeds; and what goes wrong.
#[derive(Clone, Debug)]
struct Walk {
    lag: Lag,
    deeds: Vec<(usize, Deed)>,
    troubles: Vec<(Point, Trouble)>,
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "reads lag by {:?}", self.lag)?;
        for (passes, deed) in &self.deeds {
            writeln!(f, "after {passes} passes: {deed:?}")?;
        }
        for (point, trouble) in &self.troubles {
            writeln!(f, "at {point}: {}", trouble.name())?;
        }
        Ok(())
    }
}

impl Walk {
    fn from_seed(rng: &mut StdRng, case: &Case) -> Self {
        let lag = [Lag::NONE, Lag::NONE, Lag::reads(2), Lag::time(Duration::from_secs(3))][rng.random_range(0..4)];
        let deeds =
            (0..rng.random_range(1..6)).map(|_| (rng.random_range(1..12), Deed::from_seed(rng, case))).collect();
        Self { lag, deeds, troubles: Vec::new() }
    }

    /// Those with one thing less.
    fn shorter(&self) -> impl Iterator<Item = Self> {
        let deeds = (0..self.deeds.len()).map(|n| {
            let mut walk = self.clone();
            walk.deeds.remove(n);
            walk
        });
        let troubles = (0..self.troubles.len()).map(|n| {
            let mut walk = self.clone();
            walk.troubles.remove(n);
            walk
        });
        let prompt = (self.lag != Lag::NONE).then(|| Self { lag: Lag::NONE, ..self.clone() });
        deeds.chain(troubles).chain(prompt)
    }
}

impl Deed {
    fn from_seed(rng: &mut StdRng, case: &Case) -> Self {
        match rng.random_range(0..10) {
            0..4 => Self::Apply(rng.random_range(0..=case.updates.len()).checked_sub(1)),
            4..7 => Self::Drift(case.drifts[rng.random_range(0..case.drifts.len())]),
            7 => Self::Replace,
            8 => Self::Restart,
            _ => Self::Pass(Duration::from_secs(rng.random_range(1..120))),
        }
    }
}

/// Dice by which one call in `one_in` meets trouble.
fn dice(mut rng: StdRng, one_in: u32) -> Dice {
    Box::new(move |point, write| {
        let troubles = Trouble::of(point.operation, write);
        rng.random_ratio(1, one_in).then(|| troubles[rng.random_range(0..troubles.len())])
    })
}

async fn walk_all<K: Kind<World = World>>(name: &str, case: &Case, seeds: u64) {
    let extent = Extent::wanted();
    let mut contents = BTreeMap::new();
    contents.insert(None, content_of::<K>(case, |_| ()).await);
    for (n, update) in case.updates.iter().enumerate() {
        contents.insert(Some(n), content_of::<K>(case, update).await);
    }
    let (began, mut walked, mut troubles) = (std::time::Instant::now(), 0, 0);
    for seed in 0..seeds {
        let id = format!("{}/{name}/seed-{seed}", K::kind(&()));
        if !extent.includes(&id, STRIDE) {
            continue;
        }
        let mut rng = StdRng::seed_from_u64(seed);
        let mut walk = Walk::from_seed(&mut rng, case);
        let one_in = [10, 30, 100][rng.random_range(0..3)];
        walked += 1;
        match take::<K>(case, &walk, Some(dice(rng, one_in)), &contents).await {
            Ok(happened) => troubles += happened.len(),
            Err((happened, failure)) => {
                walk.troubles = happened;
                let (walk, failure) = shortest::<K>(case, walk, failure, &contents).await;
                panic!("{id} fails; the shortest walk that does:\n{walk}\n{failure}");
            }
        }
    }
    eprintln!("{name}: {walked} walks with {troubles} troubles in {:?}", began.elapsed());
}

/// Takes things away for as long as it still fails.
async fn shortest<K: Kind<World = World>>(
    case: &Case,
    mut walk: Walk,
    mut failure: String,
    contents: &BTreeMap<Option<usize>, Vec<String>>,
) -> (Walk, String) {
    'again: loop {
        for shorter in walk.shorter().collect::<Vec<_>>() {
            if let Err((_, text)) = take::<K>(case, &shorter, None, contents).await {
                (walk, failure) = (shorter, text);
                continue 'again;
            }
        }
        return (walk, failure);
    }
}

type Troubles = Vec<(Point, Trouble)>;

/// Takes a walk. What went wrong on it; and if it fails, how.
async fn take<K: Kind<World = World>>(
    case: &Case,
    walk: &Walk,
    dice: Option<Dice>,
    contents: &BTreeMap<Option<usize>, Vec<String>>,
) -> Result<Troubles, (Troubles, String)> {
    let mut run = Run::<K>::begin(case, walk.lag).await;
    let (model, first) = (run.model.clone(), run.uid.clone());
    match dice {
        Some(dice) => model.roll(dice),
        None => model.follow(walk.troubles.iter().cloned()),
    }
    let walked = AssertUnwindSafe(async {
        let mut spec = None;
        for (passes, deed) in &walk.deeds {
            step(&mut run, *passes).await;
            deed.happens(&mut run, case, &mut spec).await;
        }
        step(&mut run, 10).await;
        let happened = model.calm();
        (happened, spec)
    })
    .catch_unwind()
    .await;
    let (happened, spec) = match walked {
        Ok(walked) => walked,
        Err(panic) => return Err((model.calm(), text_of(&*panic))),
    };
    let rested = AssertUnwindSafe(async {
        let content: Vec<_> = contents[&spec].iter().map(|text| text.replace(&first, &run.uid)).collect();
        rest(&mut run, case, &content).await;
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    });
    match rested.catch_unwind().await {
        Ok(()) => Ok(happened),
        Err(panic) => Err((happened, text_of(&*panic))),
    }
}

/// So many passes, or until the object rests.
async fn step<K: Kind<World = World>>(run: &mut Run<K>, passes: usize) {
    let left = Cell::new(passes);
    run.settle_until(|_| {
        left.set(left.get().saturating_sub(1));
        left.get() == 0
    })
    .await;
    run.restart_if_stopped();
}

impl Deed {
    async fn happens<K: Kind<World = World>>(self, run: &mut Run<K>, case: &Case, spec: &mut Option<usize>) {
        match self {
            Self::Apply(update) => {
                let mut wanted = (case.spec)();
                if let Some(n) = update {
                    case.updates[n](&mut wanted);
                }
                run.edit(|object| object["spec"] = wanted);
                *spec = update;
            }
            // What other specs leave open, others may have as they like.
            Self::Drift(drift) if spec.is_none() => run.model.drift(&run.uid, drift),
            Self::Drift(_) => {}
            Self::Replace => {
                run.delete();
                for _ in 0..4000 {
                    if run.object().is_none() {
                        break;
                    }
                    // With the pauses that it makes by itself: an operator that is killed over and over waits for ever.
                    step(run, 10).await;
                    sleep(Duration::from_secs(1)).await;
                }
                assert_eq!(run.object(), None, "it does not go away\n{}", run.story());
                // A request that is still on its way would be about what is made next under the name.
                sleep(SETTLED).await;
                run.create(&(case.spec)());
                *spec = None;
            }
            Self::Restart => run.restart(),
            Self::Pass(time) => sleep(time).await,
        }
    }
}
