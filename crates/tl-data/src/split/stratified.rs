use super::units::{Together, Unit, units};
use crate::{error::DataError, sample::Sample};

/// How to take validation photos out of the training photos.
#[derive(Debug, Clone)]
pub struct SplitOptions {
    /// Share of the photos to validate on, above 0 and below 1.
    pub val_fraction: f64,
    /// Another seed gives another split.
    pub seed: u64,
    /// How far a class may be off its share, as a part of that share.
    ///
    /// Each photo's content and the seed alone decide its side, so that it stays there when photos are added. Chance
    /// may then give a class too many or too few, and beyond this tolerance the nearest photos change sides.
    /// 0 hits the share exactly, and each photo that is added may move one other.
    pub tolerance: f64,
    /// Which photos must not be parted, beside equal files.
    pub together: Together,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { val_fraction: 0.2, seed: 0, tolerance: 0.1, together: Together::default() }
    }
}

/// Photos in two parts, both in the order that they had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// To train on.
    pub train: Vec<Sample>,
    /// To validate on.
    pub val: Vec<Sample>,
    /// A number for each training photo: those that have the same must not be parted by anything that holds some of
    /// them out in its turn.
    pub together: Vec<usize>,
}

/// Splits photos into training and validation, class by class; both keep the order of `samples`.
///
/// Equal files stay on one side, whatever their names and classes, and so do the photos of a group.
/// A photo's side depends on its content and the seed, neither on its name nor (beyond
/// [`SplitOptions::tolerance`]) on the other photos.
/// A class of two photos or more is on both sides, unless its photos must not be parted; a class that cannot be
/// parted is trained on, and so is a photo at least of every other.
///
/// # Errors
/// [`DataError::Fraction`] for a fraction that is not between 0 and 1.
pub fn stratified_split(samples: Vec<Sample>, classes: &[String], options: &SplitOptions) -> Result<Split, DataError> {
    let mut sides = Sides::new(&samples, classes.len(), options)?;
    (0..classes.len()).for_each(|class| sides.train_one(|i| samples[i].label == class));
    Ok(sides.part(samples))
}

/// Which photos to validate on.
pub(super) struct Sides {
    units: Vec<Unit>,
    is_val: Vec<bool>,
}

impl Sides {
    /// Gives each of the labels below `n_labels` its share.
    pub(super) fn new(samples: &[Sample], n_labels: usize, options: &SplitOptions) -> Result<Self, DataError> {
        let value = options.val_fraction;
        if !(value > 0.0 && value < 1.0) {
            return Err(DataError::Fraction { value });
        }
        let units = units(samples, &options.together, options.seed);
        let mut is_val: Vec<bool> = units.iter().map(|unit| unit.position < value).collect();
        for label in 0..n_labels {
            Class::of(label, &units, samples).balance(&mut is_val, options);
        }
        Ok(Self { units, is_val })
    }

    /// Sees to it that one at least of the photos that `is_of_class` is trained on, if there is any: what is never
    /// learnt need not be validated. The last unit to validate on, the one nearest to the border, changes sides.
    pub(super) fn train_one(&mut self, is_of_class: impl Fn(usize) -> bool) {
        let has_class: Vec<usize> =
            (0..self.units.len()).filter(|&unit| self.units[unit].members.iter().any(|&i| is_of_class(i))).collect();
        if let Some(&last) = has_class.last().filter(|_| has_class.iter().all(|&unit| self.is_val[unit])) {
            self.is_val[last] = false;
        }
    }

    /// The samples to train on, and those to validate on, both in the order they had.
    pub(super) fn part(&self, samples: Vec<Sample>) -> Split {
        let mut unit_of = vec![0; samples.len()];
        for (number, unit) in self.units.iter().enumerate() {
            unit.members.iter().for_each(|&i| unit_of[i] = number);
        }
        let (val, train): (Vec<_>, Vec<_>) = samples.into_iter().zip(unit_of).partition(|(_, unit)| self.is_val[*unit]);
        let (train, together) = train.into_iter().unzip();
        Split { train, together, val: val.into_iter().map(|(sample, _)| sample).collect() }
    }
}

/// The units that hold photos of one class, in the order of their positions: (unit, photos of this class).
struct Class {
    units: Vec<(usize, usize)>,
}

impl Class {
    fn of(label: usize, units: &[Unit], samples: &[Sample]) -> Self {
        let counted = units.iter().enumerate().map(|(i, unit)| (i, unit.n_of(label, samples)));
        Self { units: counted.filter(|(_, n)| *n > 0).collect() }
    }

    /// Moves the units nearest to the border until the class has its share, and both sides if it can have them.
    fn balance(&self, is_val: &mut [bool], options: &SplitOptions) {
        let (least, most) = self.bounds(options);
        // What is more than the share by itself is trained on.
        self.units.iter().filter(|(_, n)| *n > most).for_each(|&(unit, _)| is_val[unit] = false);
        let mut now = self.n_val(is_val);
        for &(unit, n) in &self.units {
            if now < least && !is_val[unit] && now + n <= most {
                is_val[unit] = true;
                now += n;
            }
        }
        for &(unit, n) in self.units.iter().rev() {
            if now > most && is_val[unit] && now - n >= least {
                is_val[unit] = false;
                now -= n;
            }
        }
        self.fill_empty_side(is_val);
    }

    /// Fewest and most validation photos.
    fn bounds(&self, options: &SplitOptions) -> (usize, usize) {
        if self.units.len() < 2 {
            return (0, 0);
        }
        let n: usize = self.units.iter().map(|(_, n)| n).sum();
        let share = n as f64 * options.val_fraction;
        let slack = share * options.tolerance.max(0.0);
        let most = ((share + slack).round() as usize).clamp(1, n - 1);
        (((share - slack).round() as usize).clamp(1, most), most)
    }

    /// Units too large for the bounds may leave a side empty: then the smallest of the other side goes there.
    fn fill_empty_side(&self, is_val: &mut [bool]) {
        let n_val = self.units.iter().filter(|(unit, _)| is_val[*unit]).count();
        let smallest = self.units.iter().min_by_key(|(_, n)| *n).map(|(unit, _)| *unit);
        let largest = self.units.iter().max_by_key(|(_, n)| *n).map(|(unit, _)| *unit);
        match (smallest, largest) {
            (Some(smallest), _) if n_val == 0 && self.units.len() > 1 => is_val[smallest] = true,
            (_, Some(largest)) if n_val == self.units.len() => is_val[largest] = false,
            _ => {}
        }
    }

    fn n_val(&self, is_val: &[bool]) -> usize {
        self.units.iter().filter(|(unit, _)| is_val[*unit]).map(|(_, n)| n).sum()
    }
}
