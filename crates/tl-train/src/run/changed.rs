//! What has become of the photos since a run was interrupted.

use std::collections::BTreeMap;

/// Label and part by path, as `photos.csv` has them.
type Photos = BTreeMap<String, (String, String)>;

/// The first difference between two of a run's lists, in words; none where the photos lie elsewhere by now.
pub(super) fn first_change(before: &[u8], now: &[u8]) -> Option<String> {
    let (before, now) = (photos(before), photos(now));
    if !now.keys().any(|path| before.contains_key(path)) {
        return None;
    }
    let gone = before.keys().find(|path| !now.contains_key(*path)).map(|path| format!("{path} is gone"));
    let new = || now.keys().find(|path| !before.contains_key(*path)).map(|path| format!("{path} is new"));
    let moved = || {
        let (path, (label, part)) = now.iter().find(|(path, row)| before.get(*path) != Some(row))?;
        Some(format!("{path} is `{label}` in {part} now"))
    };
    let changed = || "their names are the same, and one at least is another picture".to_owned();
    Some(gone.or_else(new).or_else(moved).unwrap_or_else(changed))
}

fn photos(list: &[u8]) -> Photos {
    let mut rows = csv::Reader::from_reader(list);
    let rows = rows.deserialize::<(String, String, String)>().flatten();
    rows.map(|(path, label, part)| (path, (label, part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_named() {
        let list = |rows: &[&str]| [&["path,label,split"], rows].concat().join("\n");
        let before = list(&["/a,x,train", "/b,x,val"]);
        let change = |now: &[&str]| first_change(before.as_bytes(), list(now).as_bytes());
        assert_eq!(change(&["/a,x,train"]).unwrap(), "/b is gone");
        assert_eq!(change(&["/a,x,train", "/b,x,val", "/c,x,val"]).unwrap(), "/c is new");
        assert_eq!(change(&["/a,y,train", "/b,x,val"]).unwrap(), "/a is `y` in train now");
        assert!(change(&["/a,x,train", "/b,x,val"]).unwrap().contains("another picture"));
        assert_eq!(change(&["/elsewhere/a,x,train"]), None);
    }
}
