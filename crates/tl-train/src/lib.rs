//! A training run: plan, loop, optimizer, checkpoint, resume.
