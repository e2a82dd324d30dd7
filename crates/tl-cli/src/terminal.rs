//! The terminal as a full screen, and back again whatever happens.

use std::{
    io::{self, IsTerminal},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::crossterm::{
    cursor::Show,
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};

static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Whether there is a terminal to draw on and to get keys from. Standard output may lead elsewhere.
pub(crate) fn is_there() -> bool {
    io::stderr().is_terminal() && io::stdin().is_terminal()
}

/// Whether the screen is full, where a line would be in the way.
pub(crate) fn is_taken() -> bool {
    IS_TAKEN.load(Ordering::Relaxed)
}

/// Switches standard error to an empty screen and lets every key through.
pub(crate) fn take() -> io::Result<()> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Else the message would vanish with the screen.
            release();
            before(info);
        }));
    });
    IS_TAKEN.store(true, Ordering::Relaxed);
    enable_raw_mode().and_then(|()| execute!(io::stderr(), EnterAlternateScreen)).inspect_err(|_| release())
}

/// Gives the terminal back as it was; once, however often it is called.
pub(crate) fn release() {
    if IS_TAKEN.swap(false, Ordering::Relaxed) {
        // A terminal that went away needs nothing.
        let _ = disable_raw_mode();
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    }
}
