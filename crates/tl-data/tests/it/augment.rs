//! Lines that parse and print, and what they do to pixels.

use proptest::prelude::*;
use tl_data::{Augment, DecodeOptions, Geometry, PhotoReader, View, definitions};

use crate::tree::photo;

const SIDE: usize = 24;

fn augmented(line: &str, file: &str, view: View) -> Vec<u8> {
    let geometry = Geometry::squash(SIDE as u32);
    let mut out = vec![0; geometry.n_bytes()];
    let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
    reader.read_bytes_augmented(&photo(file), &line.parse().unwrap(), view, &mut out).unwrap();
    out
}

fn view(sample: u64) -> View {
    View { seed: 1, epoch: 2, sample }
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

/// A line with any of the steps, their parameters from the table.
fn any_step() -> impl Strategy<Value = String> {
    (0..definitions().len(), prop::collection::vec(0.0_f64..1.0, 4)).prop_map(|(i, shares)| {
        let definition = &definitions()[i];
        let mut values: Vec<f64> = definition
            .params
            .iter()
            .zip(shares)
            .map(|(param, share)| {
                ((param.min + share * (param.max - param.min)) * 100.0).round().max(param.min * 100.0) / 100.0
            })
            .collect();
        // Smallest and largest in their order.
        for (j, param) in definition.params.iter().enumerate().skip(1) {
            if param.name.starts_with("max")
                && definition.params[j - 1].name.starts_with("min")
                && values[j] < values[j - 1]
            {
                values.swap(j, j - 1);
            }
        }
        let value = |(param, value): (&tl_data::Param, f64)| match param.words {
            [] if param.name == "n" => value.round().to_string(),
            [] => value.to_string(),
            words => words[value as usize].to_owned(),
        };
        let values: Vec<_> = definition.params.iter().zip(values).map(value).collect();
        format!("{}({})", definition.name, values.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_line_prints_what_it_parses(steps in prop::collection::vec(any_step(), 0..4)) {
        let augment: Augment = steps.join("|").parse().unwrap();
        prop_assert_eq!(augment.to_string().parse::<Augment>().unwrap(), augment);
    }

    #[test]
    fn a_view_is_always_the_same(steps in prop::collection::vec(any_step(), 1..4), seed: u64, epoch: u64, sample: u64) {
        let view = View { seed, epoch, sample };
        let line = steps.join("|");
        prop_assert_eq!(augmented(&line, "orientation6.jpg", view), augmented(&line, "orientation6.jpg", view));
    }

    #[test]
    fn no_strength_no_change(sample: u64) {
        let line = "crop(1,1,1,1)|padcrop(0)|flip(0)|vflip(0)|rotate(0)|shift(0,0)|shear(0)|zoom(1,1)|perspective(0,1)\
                    |brightness(1,1)|channel_shift(0)|color(0,0,0,0)|gray(0)|gamma(1,1)|equalize(0)|autocontrast(0)\
                    |posterize(8,1)|solarize(256,1)|sharpness(1,1)|blur(0,0)|noise(0)|jpeg(1,1,0)|erase(0)|randaugment(0)";
        for file in ["orientation6.jpg", "gray.jpg", "alpha.png"] {
            prop_assert_eq!(augmented(line, file, view(sample)), augmented("none", file, view(sample)));
        }
    }
}

#[test]
fn lines_are_kept_as_they_were_written() {
    for line in ["crop(0.35,1)|flip|color(0.2,0.2,0.2)|erase(0.25)", "fill(reflect)|rotate(30)", "none"] {
        assert_eq!(line.parse::<Augment>().unwrap().to_string(), line);
    }
    let keras: Augment = "keras(rotation_range=20,zoom_range=0.1,horizontal_flip=true,fill_mode=wrap)".parse().unwrap();
    assert_eq!(keras.to_string(), "rotate(20)|zoom(0.9,1.1)|flip|fill(wrap,0)");
    for (name, line) in Augment::presets() {
        assert_eq!(name.parse::<Augment>().unwrap(), line.parse().unwrap());
    }
}

#[test]
fn mistakes_say_what_is_expected() {
    for (line, expected) in [
        ("flop", "there is no such step; there are none, light"),
        ("crop", "write crop(min_area,max_area=1"),
        ("crop(0.5,0.2)", "min_area is above max_area"),
        ("flip(2)", "p is a number from 0 to 1"),
        ("flip(0.5,1)", "write flip(p=0.5)"),
        ("rotate(x=3)", "write rotate(degrees)"),
        ("rotate(NaN)", "degrees is a number"),
        ("rotate(3", "the bracket is not closed"),
        ("fill(blue)", "mode is one of constant, nearest"),
        ("color(0.1,,0.2)", "nothing between two commas"),
        ("rotate(20,degrees=3)", "degrees is given twice"),
        ("keras(zoom_range=0.1,zoom_range=0.2)", "zoom_range is given twice"),
        ("randaugment(2.5)", "n is a whole number"),
        ("keras(turn=3)", "write name=value with a name of rotation_range"),
    ] {
        let said = line.parse::<Augment>().unwrap_err().to_string();
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn flips_and_turns_go_where_they_should() {
    let plain = augmented("none", "rgb8.png", view(0));
    let at = |square: &[u8], x: usize, y: usize| square[(y * SIDE + x) * 3..][..3].to_vec();
    let (flipped, upside_down) =
        (augmented("flip(1)", "rgb8.png", view(0)), augmented("vflip(1)", "rgb8.png", view(0)));
    for (x, y) in [(0, 0), (3, 17), (23, 5)] {
        assert_eq!(at(&flipped, x, y), at(&plain, SIDE - 1 - x, y));
        assert_eq!(at(&upside_down, x, y), at(&plain, x, SIDE - 1 - y));
    }
    // Two flips are half a turn, and EXIF's half turn as well.
    assert_eq!(augmented("flip(1)|vflip(1)", "orientation3.jpg", view(0)), {
        let mut turned = augmented("none", "orientation3.jpg", view(0));
        turned.reverse();
        turned.chunks_exact_mut(3).for_each(<[u8]>::reverse);
        turned
    });
}

#[test]
fn the_warp_agrees_with_the_resampler() {
    // A shear too small to see takes the other path through the code, with the same picture.
    for file in ["rgb8.png", "orientation6.jpg", "reduced2.jpg", "gray.jpg"] {
        let (resampled, warped) = (augmented("none", file, view(0)), augmented("shear(0.000001)", file, view(0)));
        let difference = mean_difference(&resampled, &warped);
        assert!(difference < 3.0, "{file}: {difference}");
    }
}

#[test]
fn steps_change_what_they_name() {
    let plain = augmented("none", "rgb8.png", view(0));
    for definition in definitions() {
        let line = match definition.name {
            "fill" => "fill(constant,255)|shift(0.9,0.9)".to_owned(),
            "randaugment" => "randaugment(6,30)".to_owned(),
            "trivial" => "trivial|trivial|trivial".to_owned(),
            "posterize" => "posterize(2,1)".to_owned(),
            "solarize" => "solarize(60,1)".to_owned(),
            "jpeg" => "jpeg(5,5)".to_owned(),
            "brightness" | "zoom" | "gamma" | "sharpness" => format!("{}(0.3,0.5)", definition.name),
            "blur" => "blur(1,2)".to_owned(),
            "color" => "color(0.5,0.5,0.5,0.2)".to_owned(),
            "crop" => "crop(0.2,0.3)".to_owned(),
            "shift" => "shift(0.5,0.5)".to_owned(),
            "perspective" => "perspective(0.6,1)".to_owned(),
            "padcrop" => "padcrop(0.5)".to_owned(),
            "rotate" | "shear" | "noise" | "channel_shift" => format!("{}(40)", definition.name),
            name => format!("{name}(1)"),
        };
        assert!(mean_difference(&plain, &augmented(&line, "rgb8.png", view(7))) > 0.3, "{line}");
    }
}

#[test]
fn a_constant_fill_shows_outside() {
    let moved = augmented("fill(constant,200)|zoom(4,4)", "rgb8.png", view(0));
    assert_eq!(moved[..3], [200; 3]);
    assert_eq!(moved[moved.len() - 3..], [200; 3]);
}
