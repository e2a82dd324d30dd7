//! The bytes of the program, in order.

use anyhow::{Context, Result, ensure};

use super::Machine;

impl Machine<'_> {
    pub(super) fn slice(&mut self, n: usize) -> Result<&[u8]> {
        let rest = &self.bytes[self.position..];
        ensure!(n <= rest.len(), "it ends too early: the file is truncated");
        self.position += n;
        Ok(&rest[..n])
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.slice(N)?.try_into()?)
    }

    pub(super) fn line(&mut self) -> Result<String> {
        let rest = &self.bytes[self.position..];
        let n = rest.iter().position(|byte| *byte == b'\n').context("a name has no end")?;
        let line = std::str::from_utf8(&rest[..n]).context("a name is not UTF-8")?.to_owned();
        self.position += n + 1;
        Ok(line)
    }
}
