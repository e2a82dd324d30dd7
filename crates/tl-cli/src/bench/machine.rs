//! What `tl bench` measures.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tl_backbone::{CompileOptions, Networks, Precision, Weights};
use tl_data::{DecodeOptions, Geometry, PhotoReader, find_photos};
use tl_features::{Cache, ExtractOptions, extract};
use tl_head::{Backprop, Head, HeadConfig, LossOptions, Targets, row_loss};

use super::{
    BenchArgs,
    bound::Bound,
    data::{process_cpu, readable},
    n_threads,
    process::{self, Process},
    report::Report,
    spread::Spread,
    stage::{Round, Stage, measure},
};
use crate::{args::GlobalArgs, assets, model::backbone, output, precision::precision, skipped};

const BATCHES: [usize; 4] = [1, 4, 8, 32];
/// Photos of a step of the head.
const HEAD_BATCH: usize = 32;

/// Of fewer photos packing the network and starting threads are most of the work.
pub(super) const MIN_PHOTOS: usize = 100;

/// What is measured on.
struct Bench<'a> {
    weights: Weights,
    photos: Vec<PathBuf>,
    contents: Vec<Vec<u8>>,
    geometry: Geometry,
    precision: Precision,
    n_threads: usize,
    args: &'a BenchArgs,
}

pub(super) fn run(args: &BenchArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let spec = backbone(&args.backbone)?;
    let data = args.data.clone().map_or_else(|| assets::default_sample(global), Ok)?;
    let geometry = spec.preprocessing.geometry;
    let (found, mut left_out) = find_photos(std::slice::from_ref(&data))?;
    let step = found.len().div_ceil(args.n as usize).max(1);
    let (n_threads, precision) = (n_threads(global), precision(global, tch::Device::Cpu));
    let chosen: Vec<PathBuf> = found.into_iter().step_by(step).collect();
    let nothing = || anyhow!("no photo in {} could be read", data.display());
    // What the processes are given must be of use to them.
    if !chosen.iter().any(|photo| is_readable(photo, geometry)) {
        return Err(nothing());
    }
    // First, while this process is small: a child's peak is never below what its parent held when it was started.
    let processes = processes(args, global, &chosen, (n_threads, precision))?;
    let weights = assets::weights(global, spec)?;
    let (photos, broken) = readable(chosen, geometry);
    left_out.extend(broken);
    skipped::say(&left_out, None);
    if photos.is_empty() {
        return Err(nothing());
    }
    let contents = photos.iter().map(fs_err::read).collect::<Result<Vec<_>, _>>()?;
    let bench = Bench { weights, photos, contents, geometry, precision, n_threads, args };
    let report = bench.report(processes)?;
    output::result(&match args.json {
        true => serde_json::to_string_pretty(&report)? + "\n",
        false => report.text(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Start-up, and all of it from start-up to the last row in a file, as a user sees them.
fn processes(
    args: &BenchArgs,
    global: &GlobalArgs,
    photos: &[PathBuf],
    (n_threads, precision): (usize, Precision),
) -> Result<Vec<Process>> {
    let folder = tempfile::tempdir()?;
    let (list, out) = (folder.path().join("photos.csv"), folder.path().join("features.npy"));
    let mut csv = csv::Writer::from_path(&list)?;
    csv.write_record(["path", "label"])?;
    for photo in photos {
        csv.write_record([std::path::absolute(photo)?.to_string_lossy().as_ref(), "photo"])?;
    }
    csv.flush()?;
    let n_threads = n_threads.to_string();
    let flags = ["--backbone", &args.backbone, "--threads", &n_threads, "--precision", precision.name(), "--no-cache"];
    let mut features: Vec<&OsStr> =
        ["features", "--max-skipped", "1"].into_iter().chain(flags).map(OsStr::new).collect();
    features.extend([list.as_os_str(), OsStr::new("--out"), out.as_os_str()]);
    let assets = global.assets();
    if let Some(assets) = &assets {
        features.extend([OsStr::new("--assets"), assets.as_os_str()]);
    }
    Ok(vec![
        process::measure("start-up (tl --version)", &["--version"], args.runs)?,
        process::measure("files to a file of features (tl features --no-cache)", &features, args.runs)?,
    ])
}

/// A way to measure one stage once.
type Measure<'a> = Box<dyn Fn() -> Result<Round> + 'a>;

impl Bench<'_> {
    /// What the network computes in well here, and what was asked for.
    fn precisions(&self) -> Vec<Precision> {
        let mut precisions = self.weights.spec().precisions();
        if !precisions.contains(&self.precision) {
            precisions.push(self.precision);
        }
        precisions
    }

    fn report(&self, processes: Vec<Process>) -> Result<Report> {
        let mut stages: Vec<(String, Measure<'_>)> = vec![
            ("read and hash".to_owned(), Box::new(|| self.read())),
            ("decode and resize".to_owned(), Box::new(|| self.decode())),
        ];
        for precision in self.precisions() {
            for batch in BATCHES {
                stages.push((network_name(precision.name(), batch), Box::new(move || self.network(precision, batch))));
            }
        }
        let n_stages = stages.len();
        let folder = tempfile::tempdir()?;
        let cache = Cache::new(folder.path().to_owned());
        self.pipeline(Some(cache.clone()))?;
        stages.push(("files to features".to_owned(), Box::new(|| self.pipeline(None))));
        stages.push(("files to features, all known".to_owned(), Box::new(move || self.pipeline(Some(cache.clone())))));

        // In turn, so that what else the machine does falls on all of them alike.
        let mut rounds = vec![Vec::new(); stages.len()];
        for _ in 0..self.args.runs {
            for ((_, measure), rounds) in stages.iter().zip(&mut rounds) {
                rounds.push(measure()?);
            }
        }
        let mut stages: Vec<Stage> =
            stages.iter().zip(&rounds).map(|((name, _), rounds)| Stage::new(name, rounds)).collect();
        let pipeline = stages.split_off(n_stages);
        let bound = self.bound(&stages, &pipeline[0]);
        let head_step_ms = self.head_step_ms()?;
        Ok(Report {
            format: 1,
            backbone: self.weights.spec().name,
            n_threads: self.n_threads,
            n_photos: self.photos.len(),
            precision: self.precision.name(),
            processes,
            stages,
            pipeline,
            bound,
            head_step_ms,
        })
    }

    /// From the stages that the pipeline consists of; the network's row holds its normalising. None for so few photos that
    /// to pack the network is most of the work.
    fn bound(&self, stages: &[Stage], pipeline: &Stage) -> Option<Bound> {
        if self.photos.len() < MIN_PHOTOS {
            return None;
        }
        let network = network_name(self.precision.name(), ExtractOptions::default().chunk);
        let parts = ["read and hash", "decode and resize", network.as_str()].map(|name| {
            let stage = stages.iter().find(|stage| stage.name == name)?;
            Some(stage.cpu_ms_per_photo?.median)
        });
        let parts = parts.into_iter().collect::<Option<Vec<f64>>>()?;
        Some(Bound::new(self.n_threads, &parts, pipeline.photos_per_s.median))
    }

    fn stage<W: FnMut() -> Result<usize>>(&self, make: impl Fn(usize) -> Result<W> + Sync) -> Result<Round> {
        measure(self.n_threads, Duration::from_secs_f64(self.args.seconds), make)
    }

    fn read(&self) -> Result<Round> {
        let next = AtomicUsize::new(0);
        let photos = &self.photos;
        let (next, geometry) = (&|| next.fetch_add(1, Ordering::Relaxed) % photos.len(), self.geometry);
        self.stage(|_| {
            let mut reader = reader(geometry);
            Ok(move || {
                // All of them could be read a moment ago.
                Ok(usize::from(reader.load(&photos[next()]).map(blake3::hash).is_ok()))
            })
        })
    }

    fn decode(&self) -> Result<Round> {
        let next = AtomicUsize::new(0);
        let contents = &self.contents;
        let (next, geometry) = (&|| next.fetch_add(1, Ordering::Relaxed) % contents.len(), self.geometry);
        self.stage(|_| {
            let (mut reader, mut pixels) = (reader(geometry), vec![0; geometry.n_bytes()]);
            Ok(move || Ok(usize::from(reader.read_bytes(&contents[next()], &mut pixels).is_ok())))
        })
    }

    /// The first `n` photos, over and over when there are fewer: `[n, side, side, 3]`.
    fn pixels(&self, n: usize) -> Vec<u8> {
        let (mut reader, mut pixels) = (reader(self.geometry), vec![0; n * self.geometry.n_bytes()]);
        for (out, content) in pixels.chunks_exact_mut(self.geometry.n_bytes()).zip(self.contents.iter().cycle()) {
            let _ = reader.read_bytes(content, out);
        }
        pixels
    }

    fn network(&self, precision: Precision, batch: usize) -> Result<Round> {
        let pixels = &self.pixels(batch);
        let mut options = CompileOptions::default();
        (options.precision, options.batch) = (precision, batch);
        let networks = Networks::new(&self.weights, options);
        let networks = (0..self.n_threads).map(|_| Ok(Mutex::new(Some(networks.for_thread()?))));
        let networks = networks.collect::<Result<Vec<_>>>()?;
        self.stage(|thread| {
            let taken = networks[thread].lock().ok().and_then(|mut network| network.take());
            let network = taken.context("a network for each thread")?;
            // The first time fills the allocator.
            drop(network.features(pixels, batch)?);
            Ok(move || {
                drop(network.features(pixels, batch)?);
                Ok(batch)
            })
        })
    }

    /// The whole of it, as `tl train` does it, from the start of its threads to the last row.
    fn pipeline(&self, cache: Option<Cache>) -> Result<Round> {
        let options =
            ExtractOptions { n_threads: self.n_threads, precision: self.precision, cache, ..ExtractOptions::default() };
        let (start, cpu_start) = (Instant::now(), process_cpu());
        let (features, _) = extract(&self.weights, &self.photos, &options, &mut |_| {}, &AtomicBool::new(false))?;
        let n_photos = features.len() as f64;
        let cpu = process_cpu().zip(cpu_start).map(|(end, start)| end.saturating_sub(start).as_secs_f64());
        Ok(Round {
            photos_per_s: n_photos / start.elapsed().as_secs_f64(),
            cpu_ms_per_photo: cpu.map(|seconds| seconds * 1e3 / n_photos),
        })
    }

    fn head_step_ms(&self) -> Result<Spread> {
        let width = self.weights.spec().n_features;
        let features: Vec<f32> = (0..HEAD_BATCH * width).map(|i| (i * 2_654_435_761 % 1000) as f32 / 1000.0).collect();
        let targets = Targets::Labels((0..HEAD_BATCH).map(|i| i % 3).collect());
        let mut backprop = Backprop::new(&Head::new(&HeadConfig::notebook(width, 3), 0)?);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        let mut step = || -> Result<f64> {
            let start = Instant::now();
            let loss = |logits: &[f32]| row_loss(logits, 3, &targets, &LossOptions::default());
            pool.install(|| backprop.run(&features, loss, &|_, _| {}).map(|_| ()))?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        step()?;
        Ok(Spread::of((0..4 * self.args.runs).map(|_| step()).collect::<Result<Vec<_>>>()?))
    }
}

fn is_readable(photo: &Path, geometry: Geometry) -> bool {
    reader(geometry).read(photo, &mut vec![0; geometry.n_bytes()]).is_ok()
}

fn reader(geometry: Geometry) -> PhotoReader {
    PhotoReader::new(geometry, DecodeOptions::default())
}

fn network_name(precision: &str, batch: usize) -> String {
    format!("network {precision}, batch {batch}")
}
