//! ImageNet labels from names: `n01440764_tench/x.jpg`, `n01440764_18.JPEG`, `0/x.jpg`, `000_x.jpg`.

use std::path::Path;

use anyhow::{Result, bail};
use tl_backbone::imagenet_classes;
use tl_data::{Sample, Skipped, find_photos};

/// All photos under a folder, each with the label that its own name or the nearest folder's gives.
pub(crate) fn scan(root: &Path) -> Result<(Vec<Sample>, Vec<Skipped>)> {
    let (photos, skipped) = find_photos(&[root.to_owned()])?;
    let mut samples = Vec::with_capacity(photos.len());
    for path in photos {
        let inside = path.strip_prefix(root).unwrap_or(&path);
        let Some(label) = label_of(inside) else {
            bail!(
                "{} has no ImageNet label: neither its name nor a folder's starts with a WordNet id (n01440764) or a class index (0 to 999)",
                path.display()
            );
        };
        samples.push(Sample { path, label });
    }
    match samples.is_empty() {
        true => bail!("there are no photos in {}", root.display()),
        false => Ok((samples, skipped)),
    }
}

/// Folders speak before the file: a folder per class may hold files of any name.
fn label_of(inside: &Path) -> Option<usize> {
    let folders = inside.parent().into_iter().flat_map(Path::components).map(|c| c.as_os_str().to_string_lossy());
    let file = inside.file_name().map(|name| name.to_string_lossy());
    folders.chain(file).find_map(|name| label_of_name(&name))
}

fn label_of_name(name: &str) -> Option<usize> {
    let word = name.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let is_index = !word.is_empty() && word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
    match is_index {
        true => word.parse().ok(),
        false => imagenet_classes().iter().position(|class| class.wnid == word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_from_ids_and_indices() {
        let cases = [
            ("n01440764/a.jpg", Some(0)),
            ("n01440764_tench/999.jpg", Some(0)),
            ("n15075141_3.JPEG", Some(999)),
            ("val/7/a.jpg", Some(7)),
            ("012_cock.png", Some(12)),
            ("cat/dog.jpg", None),
            ("2024/1000.jpg", None),
        ];
        for (path, label) in cases {
            assert_eq!(label_of(Path::new(path)), label, "{path}");
        }
    }
}
