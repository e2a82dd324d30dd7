//! Pixels against Pillow's; `golden/generate.py` made photos and answers.

use std::path::{Path, PathBuf};

use tl_data::{DecodeOptions, Fit, Geometry, PhotoReader};

/// Largest mean difference from Pillow, of 255; Pillow decodes at full size where we may decode at a reduced one.
const TOLERANCE: f64 = 1.5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden")
}

/// File, answer, geometry.
fn cases() -> Vec<(String, Vec<u8>, Geometry)> {
    let table = fs_err::read_to_string(folder().join("cases.csv")).unwrap();
    let case = |line: &str| {
        let columns: Vec<_> = line.split(',').collect();
        let (side, short_side) = (columns[2].parse().unwrap(), columns[3].parse().unwrap());
        let fit = if short_side == 0 { Fit::Squash } else { Fit::Crop { short_side } };
        (columns[0].to_owned(), fs_err::read(folder().join(columns[1])).unwrap(), Geometry { side, fit, reduced: true })
    };
    table.lines().skip(1).map(case).collect()
}

#[test]
fn pixels_are_pillows() {
    let mut wrong = Vec::new();
    for (file, golden, geometry) in cases() {
        let mut pixels = vec![0; geometry.n_bytes()];
        let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
        if let Err(reason) = reader.read(&folder().join(&file), &mut pixels) {
            wrong.push(format!("{file} {reason}"));
            continue;
        }
        let difference = difference(&pixels, &golden);
        if difference > TOLERANCE {
            wrong.push(format!("{file} in {geometry:?} differs by {difference:.2}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn buffers_leave_no_trace_of_the_photo_before() {
    let geometry = Geometry::crop(40, 32);
    let mut shared = PhotoReader::new(geometry, DecodeOptions::default());
    let (mut again, mut fresh) = (vec![0; geometry.n_bytes()], vec![0; geometry.n_bytes()]);
    for (file, ..) in cases() {
        let path = folder().join(file);
        shared.read(&path, &mut again).unwrap();
        PhotoReader::new(geometry, DecodeOptions::default()).read(&path, &mut fresh).unwrap();
        assert_eq!(again, fresh, "{}", path.display());
    }
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}
