//! The dashboard, drawn: a function of the state alone.

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Style, Stylize},
    symbols::Marker,
    text::Line,
    widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph},
};

use super::state::{Curve, State};
use crate::train::eta::in_words;

const TRAIN: Color = Color::Cyan;
const VAL: Color = Color::Yellow;
const STEP: Color = Color::DarkGray;

/// A line of a chart.
struct Graph<'a> {
    name: &'static str,
    curve: &'a Curve,
    color: Color,
}

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State) {
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(8),
        Constraint::Length(1),
    ]);
    let [title, gauge, curves, speed, messages, help] = rows.areas(frame.area());
    let halves = |area| Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas::<2>(area);
    frame.render_widget(title_line(state), title);
    frame.render_widget(Gauge::default().ratio(state.done.clamp(0.0, 1.0)).gauge_style(TRAIN), gauge);
    let [loss, accuracy] = halves(curves);
    chart(
        frame,
        loss,
        "loss",
        None,
        &[
            Graph { name: "step", curve: &state.step_loss, color: STEP },
            Graph { name: "train", curve: &state.train_loss, color: TRAIN },
            Graph { name: "validation", curve: &state.val_loss, color: VAL },
        ],
    );
    chart(
        frame,
        accuracy,
        "accuracy",
        Some([0.0, 1.0]),
        &[
            Graph { name: "train", curve: &state.train_accuracy, color: TRAIN },
            Graph { name: "validation", curve: &state.val_accuracy, color: VAL },
        ],
    );
    let [rate, photos] = halves(speed);
    chart(frame, rate, "learning rate", None, &[Graph { name: "", curve: &state.learning_rate, color: TRAIN }]);
    chart(frame, photos, "photos/s", None, &[Graph { name: "", curve: &state.photos_per_second, color: TRAIN }]);
    frame.render_widget(last_lines(state, messages), messages);
    frame.render_widget(Line::from(help_text(state)).dim(), help);
}

fn title_line(state: &State) -> Line<'static> {
    let left = state.left_now().map(|left| format!(", {} left", in_words(left))).unwrap_or_default();
    let text = format!("{}  {}, {} so far{left}", state.run, state.phase, in_words(state.elapsed));
    Line::from(text).bold()
}

fn help_text(state: &State) -> &'static str {
    match state.is_stopping {
        true => "Stopping after this step; all of it is saved. q or Ctrl-C again leaves at once.",
        false => "q or Ctrl-C stops after this step and saves; --resume goes on.",
    }
}

/// The newest lines that fit.
fn last_lines(state: &State, area: Rect) -> Paragraph<'_> {
    let n = usize::from(area.height.saturating_sub(2));
    let lines: Vec<Line<'_>> = state.lines().iter().flat_map(|line| line.lines()).map(Line::from).collect();
    let first = lines.len().saturating_sub(n);
    Paragraph::new(lines[first..].to_vec()).block(Block::bordered().title("messages"))
}

/// A chart of curves over the steps. The last number of each stands in its title.
fn chart(frame: &mut Frame<'_>, area: Rect, title: &str, bounds: Option<[f64; 2]>, graphs: &[Graph<'_>]) {
    let last_step =
        graphs.iter().filter_map(|graph| graph.curve.last()).fold(1.0, |last: f64, point| last.max(point.0));
    let y = bounds.unwrap_or_else(|| bounds_of(graphs));
    let datasets = graphs.iter().map(|graph| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(graph.color))
            .data(graph.curve)
    });
    let axis = |[low, high]: [f64; 2]| Axis::default().bounds([low, high]).style(Style::new().fg(STEP));
    let chart = Chart::new(datasets.collect())
        .block(Block::bordered().title(heading(title, graphs)))
        .x_axis(
            axis([0.0, last_step]).labels(["0".to_owned(), format!("{last_step}")]).labels_alignment(Alignment::Right),
        )
        .y_axis(axis(y).labels(y.map(number)))
        .legend_position(None);
    frame.render_widget(chart, area);
}

fn heading<'a>(title: &'a str, graphs: &[Graph<'a>]) -> Line<'a> {
    let mut line = Line::from(title);
    for Graph { name, curve, color } in graphs {
        if let Some((_, last)) = curve.last() {
            line.push_span(format!(" {name}{}{}", if name.is_empty() { "" } else { " " }, number(*last)).fg(*color));
        }
    }
    line
}

/// From the smallest to the largest, and never nothing.
fn bounds_of(graphs: &[Graph<'_>]) -> [f64; 2] {
    let values =
        graphs.iter().flat_map(|graph| graph.curve.iter().map(|point| point.1)).filter(|value| value.is_finite());
    let [low, high] = values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)]);
    match low < high {
        true => [low, high],
        false if low.is_finite() => [low - 0.5 * low.abs(), low + 0.5 * low.abs().max(1e-9)],
        false => [0.0, 1.0],
    }
}

/// Three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};
    use tl_events::Step;
    use tl_metrics::EpochRecord;
    use tl_train::Event;

    use super::*;

    /// A run of five epochs of eight steps, three of them done.
    fn state() -> State {
        let mut state = State::new("runs/pizza-1");
        state.hear(&Event::Extracting { n_done: 300, n_total: 300 }, 1.0, vec!["Read 300 photos in 0.67 s".to_owned()]);
        for step in 1..=24_usize {
            let (epoch, at) = ((step - 1) / 8 + 1, step as f64);
            let (loss, learning_rate) = (2.0 / at, 1e-3 * (1.0 - at / 40.0));
            let photos_per_second = 30.0 + at % 5.0;
            let record = Step { epoch, step, n_steps: 40, loss, learning_rate, photos_per_second };
            state.hear(&Event::Step(record), at, Vec::new());
            if step % 8 == 0 {
                let record = EpochRecord {
                    epoch,
                    train_loss: 4.0 / at,
                    train_accuracy: 1.0 - 3.0 / at,
                    val_loss: Some(6.0 / at),
                    val_accuracy: Some(1.0 - 4.0 / at),
                    learning_rate,
                    seconds: 8.0,
                };
                let line = format!("Epoch {epoch}/5: loss {:.4}", record.train_loss);
                state.hear(&Event::Epoch { record: &record, n_epochs: 5, step, n_photos: 256 }, at, vec![line]);
            }
        }
        state.set_time(25.0, false);
        state
    }

    fn drawn(state: &State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, state)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_run_in_the_middle_is_drawn() {
        insta::assert_snapshot!("middle", drawn(&state(), 100, 32));
    }

    #[test]
    fn a_run_without_numbers_is_drawn() {
        let mut state = State::new("runs/pizza-1");
        state.set_time(0.4, true);
        insta::assert_snapshot!("beginning", drawn(&state, 80, 24));
    }

    #[test]
    fn no_size_of_terminal_is_too_small() {
        for (width, height) in [(1, 1), (3, 40), (200, 2), (10, 10), (20, 15)] {
            assert_eq!(drawn(&state(), width, height).lines().count(), usize::from(height), "{width}x{height}");
        }
    }

    #[test]
    fn a_number_has_three_digits() {
        assert_eq!([0.0, 1234.5, 12.345, 0.12345, 1.2e-5].map(number), ["0", "1234", "12.35", "0.1235", "1.2e-5"]);
    }
}
