//! What holds for any folder.

use proptest::prelude::*;

use crate::work::{Work, scene};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// However copies are spread, each photo is in at most one group, and groups are what was copied.
    #[test]
    fn copies_form_one_group_each(copies in prop::collection::vec((0_u32..4, any::<bool>(), any::<bool>()), 0..10)) {
        let work = Work::with_photos(4);
        work.save("val/cat/own.png", &scene(500, 300, 280));
        for (n, (of, in_val, as_dog)) in copies.iter().enumerate() {
            let part = if *in_val { "val" } else { "train" };
            let class = if *as_dog { "dog" } else { "cat" };
            work.copy(&format!("train/cat/{of}.png"), &format!("{part}/{class}/copy {n}.png"));
        }
        let audit = work.audit();
        for of in 0..4 {
            let mine: Vec<_> = copies.iter().filter(|copy| copy.0 == of).collect();
            let original = work.path(&format!("train/cat/{of}.png"));
            let groups: Vec<_> =
                audit.groups.iter().filter(|group| group.photos.iter().any(|p| p.path == original)).collect();
            prop_assert_eq!(groups.len(), usize::from(!mine.is_empty()));
            for group in groups {
                prop_assert_eq!(group.photos.len(), mine.len() + 1);
                prop_assert_eq!(group.leaks, mine.iter().any(|copy| copy.1));
                prop_assert_eq!(group.has_two_labels, mine.iter().any(|copy| copy.2));
            }
        }
        prop_assert_eq!(audit.n_photos, 9 + copies.len());
    }
}
