//! A length of time, as people type it.

/// Seconds of `90s`, `5m`, `1.5h` or `1h30m`; a number alone is seconds.
pub(crate) fn duration(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is no length of time; type 90s, 5m, 1.5h or 1h30m");
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let unit_end = rest[unit_at..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| unit_at + n);
        let number: f64 = rest[..unit_at].parse().map_err(|_| wrong())?;
        seconds += number * unit_seconds(&rest[unit_at..unit_end]).ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    if seconds > 0.0 { Ok(seconds) } else { Err(wrong()) }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "" | "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        "d" => Some(86_400.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, seconds) in [("90", 90.0), ("90s", 90.0), ("5m", 300.0), ("1.5h", 5400.0), ("1h30m", 5400.0)] {
            assert_eq!(duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "m", "5 m", "5x", "-5m", "0s", "1..2s", "5mm", "π"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
