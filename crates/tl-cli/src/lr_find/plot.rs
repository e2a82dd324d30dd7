//! The curve of the learning-rate finder as a picture.

use std::fmt::Write;

use tl_train::{LrCurve, LrPoint};

use super::of_tenth;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Room for the numbers at the axes.
const MARGIN: f64 = 50.0;

/// Where learning rates (by their logarithm) and losses lie in the picture.
struct Frame {
    low: f64,
    high: f64,
    top: f64,
}

impl Frame {
    /// Up to twice the first loss: what diverges would press the rest to the ground.
    fn new(points: &[LrPoint]) -> Self {
        let rate = |point: Option<&LrPoint>, or: f64| point.map_or(or, |p| p.learning_rate.log10());
        let highest = points.iter().map(|point| point.smoothed_loss).fold(1e-9, f64::max);
        let top = highest.min(points.first().map_or(1.0, |point| 2.0 * point.loss.max(1e-9)));
        Self { low: rate(points.first(), -7.0), high: rate(points.last(), 1.0), top }
    }

    fn x(&self, rate: f64) -> f64 {
        MARGIN + (rate.log10() - self.low) / (self.high - self.low).max(1e-9) * (WIDTH - 2.0 * MARGIN)
    }

    fn y(&self, loss: f64) -> f64 {
        HEIGHT - MARGIN - (loss / self.top).clamp(0.0, 1.0) * (HEIGHT - 2.0 * MARGIN)
    }

    fn line(&self, points: &[LrPoint], loss: impl Fn(&LrPoint) -> f64, colour: &str) -> String {
        let places = points.iter().map(|p| format!("{:.1},{:.1}", self.x(p.learning_rate), self.y(loss(p))));
        let places: Vec<String> = places.collect();
        format!(r#"<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{}"/>"#, places.join(" "))
    }

    fn mark(&self, rate: Option<f64>, name: &str, colour: &str) -> String {
        let Some(rate) = rate else { return String::new() };
        let (x, bottom) = (self.x(rate), HEIGHT - MARGIN);
        format!(
            r#"<line x1="{x:.1}" x2="{x:.1}" y1="{MARGIN}" y2="{bottom}" stroke="{colour}" stroke-dasharray="4"><title>{name}: {rate:.1e}</title></line>"#
        )
    }
}

/// Losses of single steps in grey, their average in blue, and both suggestions as dashed lines.
pub(super) fn svg(curve: &LrCurve) -> String {
    let (frame, points) = (Frame::new(&curve.points), &curve.points[..]);
    let (bottom, right) = (HEIGHT - MARGIN, WIDTH - MARGIN);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<path d="M{MARGIN},{MARGIN} V{bottom} H{right}" fill="none" stroke="black"/>
"#
    );
    for decade in frame.low.ceil() as i32..=frame.high.floor() as i32 {
        let x = frame.x(10f64.powi(decade));
        let y = bottom + 18.0;
        // Writing into a string cannot fail.
        let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y}" text-anchor="middle">1e{decade}</text>"#);
    }
    for part in [0.0, 0.5, 1.0] {
        let (loss, x) = (part * frame.top, MARGIN - 6.0);
        let _ = writeln!(svg, r#"<text x="{x}" y="{:.1}" text-anchor="end">{loss:.2}</text>"#, frame.y(loss) + 4.0);
    }
    let lines = [
        frame.line(points, |point| point.loss, "#bbbbbb"),
        frame.line(points, |point| point.smoothed_loss, "#1f77b4"),
        frame.mark(curve.steepest(), "steepest descent", "#2ca02c"),
        frame.mark(curve.tenth_of_lowest(), &format!("a tenth of {}", of_tenth(curve)), "#ff7f0e"),
        format!(r#"<text x="{right}" y="{:.0}" text-anchor="end">learning rate</text>"#, HEIGHT - 10.0),
        format!(r#"<text x="{MARGIN}" y="{:.0}">loss</text>"#, MARGIN - 12.0),
    ];
    svg + &lines.join("\n") + "\n</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_lies_within_its_picture() {
        let point =
            |exponent: i32, loss: f64| LrPoint { learning_rate: 10f64.powi(exponent), loss, smoothed_loss: loss };
        let points = [(-4, 1.0), (-3, 0.95), (-2, 0.3), (-1, 0.2), (0, 9.0)].map(|(e, loss)| point(e, loss)).to_vec();
        let svg = svg(&LrCurve { points });
        let line = svg.lines().find(|line| line.contains("#1f77b4")).unwrap();
        assert!(line.contains(r#"points="50.0,200.0 205.0,207.5 360.0,305.0 515.0,320.0 670.0,50.0""#), "{line}");
        assert!(svg.contains("steepest descent: 1.0e-2") && svg.contains("rate: 1.0e-2"), "{svg}");
        assert!(svg.contains(">1e-4<") && svg.contains(">1e0<") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(super::svg(&LrCurve::default()).contains("<svg"));
    }
}
