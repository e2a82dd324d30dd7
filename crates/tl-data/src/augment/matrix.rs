//! Projective maps of the plane.

/// A 3x3 matrix that maps where a pixel is shown to where it is taken from.
///
/// Coordinates go from -1 (left, top) to 1 (right, bottom) of the part of the photo that is seen unchanged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Matrix(pub(crate) [[f64; 3]; 3]);

impl Matrix {
    pub(crate) const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    pub(crate) fn scale(x: f64, y: f64) -> Self {
        Self([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])
    }

    pub(crate) fn translation(x: f64, y: f64) -> Self {
        Self([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    }

    pub(crate) fn rotation(degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    }

    pub(crate) fn shear(x: f64, y: f64) -> Self {
        Self([[1.0, x, 0.0], [y, 1.0, 0.0], [0.0, 0.0, 1.0]])
    }

    /// The map that takes the corners of the square (left top, right top, right bottom, left bottom) to `corners`.
    ///
    /// Heckbert 1989, "Fundamentals of texture mapping and image warping", section 2.2.3.
    pub(crate) fn quad(corners: [(f64, f64); 4]) -> Self {
        let [(x0, y0), (x1, y1), (x2, y2), (x3, y3)] = corners;
        let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
        let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
        let determinant = dx1 * dy2 - dx2 * dy1;
        if determinant == 0.0 {
            return Self::IDENTITY;
        }
        let (g, h) = ((sx * dy2 - dx2 * sy) / determinant, (dx1 * sy - sx * dy1) / determinant);
        let unit_to_quad =
            Self([[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]]);
        // From -1..1 to 0..1 first.
        unit_to_quad.after(Self::scale(0.5, 0.5).after(Self::translation(1.0, 1.0)))
    }

    /// First `first`, then `self`.
    pub(crate) fn after(self, first: Self) -> Self {
        let (a, b) = (self.0, first.0);
        Self([0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum())))
    }

    /// Where a point goes; a point at infinity goes far outside.
    pub(crate) fn map(&self, x: f64, y: f64) -> (f64, f64) {
        let [x, y, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        let w = if w.abs() < 1e-9 { 1e-9 } else { w };
        (x / w, y / w)
    }

    /// Whether rows stay rows and columns columns.
    pub(crate) fn is_axis_aligned(&self) -> bool {
        let [top, middle, bottom] = self.0;
        [top[1], middle[0], bottom[0], bottom[1], bottom[2] - 1.0].iter().all(|value| value.abs() < 1e-12)
    }

    /// Lengths, in the source, of a step to the right and a step down at the centre.
    pub(crate) fn steps(&self) -> (f64, f64) {
        const STEP: f64 = 1e-3;
        let (x, y) = self.map(0.0, 0.0);
        let length = |(u, v): (f64, f64)| (u - x).hypot(v - y) / STEP;
        (length(self.map(STEP, 0.0)), length(self.map(0.0, STEP)))
    }
}
