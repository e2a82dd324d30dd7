//! Which photos go where: validation parts, folds, and what must stay together.

mod by_sets;
mod content;
mod duplicates;
mod folds;
#[cfg(feature = "decode")]
mod memo;
#[cfg(feature = "decode")]
mod perceptual;
mod sets;
mod stratified;
mod units;

#[cfg(feature = "decode")]
pub use self::duplicates::{near_duplicates, same_pictures};
#[cfg(feature = "decode")]
pub use self::perceptual::{PerceptualHash, perceptual_hashes};
pub use self::{
    by_sets::stratified_split_by_sets,
    duplicates::{Leak, exact_duplicates, leaks, leaks_among},
    folds::{FoldOptions, Folds, stratified_folds},
    stratified::{Split, SplitOptions, stratified_split},
    units::{Together, kept_together},
};
