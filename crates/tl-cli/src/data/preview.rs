//! `tl data preview`.

use std::{fmt::Write, io::Cursor, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueHint;
use image::{ImageFormat, Rgb, RgbImage, imageops};
use tl_data::{Augment, DecodeOptions, Labels, PhotoReader, Sample, SkipReason, Skipped, View, write_atomically};

use crate::{args::GlobalArgs, label_args::LabelArgs, output, skipped};

/// Augmented views beside each photo.
const N_VIEWS: u32 = 6;

/// White pixels between pictures.
const GAP: u32 = 8;

/// Draws one row per photo: first as the network sees it unchanged, then in augmented views.
#[derive(Debug, clap::Args)]
pub(crate) struct PreviewArgs {
    /// A folder with a folder of photos per class, or a list that ends in .csv or .jsonl
    #[arg(value_hint = ValueHint::AnyPath)]
    data: PathBuf,
    /// Changes to show: none, light, standard, strong, or steps such as 'crop(0.35,1)|flip|color(0.2,0.2,0.2)'
    #[arg(long, value_name = "SPEC", default_value = "standard")]
    augment: String,
    /// PNG file to write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// Photos to show, spread over the classes
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    n: u32,
    /// Another seed shows other views
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Network whose size and cut are shown
    #[arg(long, value_name = "B", default_value = "mobilenet_v1")]
    backbone: String,
    #[command(flatten)]
    labels: LabelArgs,
}

pub(crate) fn run(args: &PreviewArgs, _: &GlobalArgs) -> Result<ExitCode> {
    if !args.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
        bail!("{} is written as PNG; end its name in .png", args.out.display());
    }
    let augment: Augment = args.augment.parse()?;
    let geometry = tl_backbone::spec(&args.backbone)?.preprocessing.geometry;
    let folder = args.labels.look(&args.data, Labels::AsWritten)?.folder;
    let mut painter = Painter {
        reader: PhotoReader::new(geometry, DecodeOptions::default()),
        side: geometry.side,
        augment,
        seed: args.seed,
    };
    let (mut rows, mut names, mut skipped) = (Vec::new(), String::new(), Vec::new());
    for position in spread(folder.train.len(), args.n as usize) {
        let sample = &folder.train[position];
        match painter.row(sample, position) {
            Ok(row) => {
                rows.push(row);
                writeln!(names, "{:3}  {}  {}", rows.len(), folder.classes[sample.label], sample.path.display())?;
            }
            Err(reason) => skipped.push(Skipped { path: sample.path.clone(), reason }),
        }
    }
    skipped::say(&skipped, None);
    if rows.is_empty() {
        bail!("none of the photos chosen from {} could be read", args.data.display());
    }
    let mut png = Cursor::new(Vec::new());
    below_each_other(&rows).write_to(&mut png, ImageFormat::Png)?;
    write_atomically(&args.out, |out| out.write_all(png.get_ref()))
        .with_context(|| format!("{} cannot be written", args.out.display()))?;
    output::result(&format!(
        "{names}Wrote {}, a row per photo: unchanged, then {N_VIEWS} views\n",
        args.out.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// `n` positions of `len`, evenly spaced: the list is sorted by class, so every class has its share.
fn spread(len: usize, n: usize) -> impl Iterator<Item = usize> {
    let n = n.min(len);
    (0..n).map(move |i| (2 * i + 1) * len / (2 * n))
}

/// Draws rows of views.
struct Painter {
    reader: PhotoReader,
    side: u32,
    augment: Augment,
    seed: u64,
}

impl Painter {
    /// The photo, then its views. `position` in the list decides what is drawn, as in training.
    fn row(&mut self, sample: &Sample, position: usize) -> Result<RgbImage, SkipReason> {
        let mut row = white((N_VIEWS + 1) * (self.side + GAP) + GAP, self.side + GAP);
        let mut square = RgbImage::new(self.side, self.side);
        for column in 0..=N_VIEWS {
            let view = View { seed: self.seed, epoch: u64::from(column), sample: position as u64 };
            match column {
                0 => self.reader.read(&sample.path, &mut square)?,
                _ => self.reader.read_augmented(&sample.path, &self.augment, view, &mut square)?,
            }
            imageops::replace(&mut row, &square, i64::from(GAP + column * (self.side + GAP)), i64::from(GAP));
        }
        Ok(row)
    }
}

fn below_each_other(rows: &[RgbImage]) -> RgbImage {
    let width = rows.iter().map(RgbImage::width).max().unwrap_or(0);
    let mut sheet = white(width, rows.iter().map(RgbImage::height).sum::<u32>() + GAP);
    let mut top = 0;
    for row in rows {
        imageops::replace(&mut sheet, row, 0, top);
        top += i64::from(row.height());
    }
    sheet
}

fn white(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb([255; 3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_spread_over_the_list() {
        assert_eq!(spread(10, 2).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(spread(3, 8).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(0, 8).count(), 0);
    }
}
