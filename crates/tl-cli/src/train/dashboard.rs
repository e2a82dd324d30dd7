//! A run on a full screen: curves, throughput, the time that is left.
//!
//! A thread of its own draws and listens to keys, so that both go on while a step of training takes seconds.

mod draw;
mod state;

use std::{
    io::{self, Stderr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::event::{self, Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use tl_train::{Event, Observer};

use self::{draw::draw, state::State};
use crate::{output, signal, terminal, train::lines::lines};

/// How often keys are looked for and the screen is drawn.
const FRAME: Duration = Duration::from_millis(200);

/// Shows the events of a run on the full screen until it is dropped; then the lines of the run stand where the screen
/// was.
pub(crate) struct Dashboard {
    shared: Arc<Shared>,
    run: PathBuf,
    drawer: Option<JoinHandle<()>>,
}

/// What the run and the thread that draws both use.
struct Shared {
    state: Mutex<State>,
    is_over: AtomicBool,
    stop: Arc<AtomicBool>,
    started: Instant,
}

impl Observer for Dashboard {
    fn event(&mut self, event: &Event<'_>) {
        let seconds = self.shared.started.elapsed().as_secs_f64();
        self.shared.state().hear(event, seconds, lines(event, &self.run));
    }
}

impl Dashboard {
    /// Takes the terminal over. Keys that end the run set `stop`, as Ctrl-C does elsewhere.
    pub(crate) fn start(run: &Path, stop: &Arc<AtomicBool>) -> io::Result<Self> {
        let state = Mutex::new(State::new(&run.display().to_string()));
        let (is_over, stop) = (AtomicBool::new(false), Arc::clone(stop));
        let shared = Arc::new(Shared { state, is_over, stop, started: Instant::now() });
        terminal::take()?;
        let in_thread = Arc::clone(&shared);
        let drawer = Terminal::new(CrosstermBackend::new(io::stderr()))
            .and_then(|terminal| {
                thread::Builder::new().name("dashboard".to_owned()).spawn(move || in_thread.show(terminal))
            })
            .inspect_err(|_| terminal::release())?;
        Ok(Self { shared, run: run.to_owned(), drawer: Some(drawer) })
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(drawer) = self.drawer.take() {
            // A thread that panicked has nothing left to say.
            let _ = drawer.join();
        }
        terminal::release();
        for line in self.shared.state().lines() {
            output::note(line);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // What a thread that panicked left is still worth showing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws until the run is over. A terminal that went away is no reason to end the run.
    fn show(&self, mut screen: Terminal<CrosstermBackend<Stderr>>) {
        while !self.is_over.load(Ordering::Relaxed) {
            let mut state = self.state();
            state.set_time(self.started.elapsed().as_secs_f64(), self.stop.load(Ordering::Relaxed));
            let drawn = screen.draw(|frame| draw(frame, &state));
            drop(state);
            if drawn.and_then(|_| self.listen()).is_err() {
                // With nobody to listen to keys, Ctrl-C has to be a signal again.
                return terminal::release();
            }
        }
    }

    /// Waits for a key, at most until the next frame.
    fn listen(&self) -> io::Result<()> {
        if event::poll(FRAME)?
            && let Input::Key(key) = event::read()?
            && ends_the_run(key)
        {
            signal::stop(&self.stop);
        }
        Ok(())
    }
}

/// `q`, or Ctrl-C, which a terminal that hands on every key does not turn into a signal.
fn ends_the_run(key: KeyEvent) -> bool {
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (is_ctrl_c || key.code == KeyCode::Char('q'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_ctrl_c_end_the_run() {
        let press = |code, modifiers| KeyEvent::new(KeyCode::Char(code), modifiers);
        assert!(ends_the_run(press('q', KeyModifiers::NONE)));
        assert!(ends_the_run(press('c', KeyModifiers::CONTROL)));
        assert!(!ends_the_run(press('c', KeyModifiers::NONE)));
        assert!(!ends_the_run(press('x', KeyModifiers::CONTROL)));
    }
}
