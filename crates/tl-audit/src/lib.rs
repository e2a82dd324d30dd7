//! What is wrong with a folder of photos, before a network learns from it.
//!
//! [`audit`] looks at every photo of a [`Folder`](tl_data::Folder) once and finds what endangers a training (the
//! same picture on both sides of a split, or under two labels; files that cannot be used) and what is worth a
//! look: duplicates, very dark, very bright, blurred, tiny and extremely shaped photos, unequal classes. The
//! [`Audit`] is plain data that serialises, prints as text, and makes a web page with thumbnails. The crate
//! deliberately knows no network and no screen, and changes no file.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use tl_audit::{AuditOptions, audit};
//! use tl_data::{ScanOptions, scan};
//!
//! # let home = tempfile::tempdir()?;
//! # let photos = home.path();
//! # for (class, shade) in [("day", 200), ("night", 9)] {
//! #     std::fs::create_dir(photos.join(class))?;
//! #     image::RgbImage::from_pixel(80, 60, image::Rgb([shade; 3])).save(photos.join(class).join("1.png"))?;
//! # }
//! let folder = scan(photos, &ScanOptions::default())?;
//! let audit = audit(&folder, &AuditOptions::default(), &mut |_| {}, &AtomicBool::new(false))?;
//! assert!(!audit.endangers_training());
//! println!("{}", audit.to_text());
//! # assert_eq!(audit.n_photos, 2);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod audit;
mod error;
mod examine;
mod group;
mod html;
mod look;
mod oddity;
mod options;
mod photo;
mod spread;
mod text;

pub use self::{
    audit::{Audit, ClassCount, FORMAT_VERSION, audit},
    error::AuditError,
    group::{Group, Sameness},
    oddity::{Oddity, OddityKind},
    options::AuditOptions,
    photo::{Part, Photo, Unusable},
    spread::Spread,
};
