//! The machine's stack, and the values that its places hold.

use anyhow::{Context, Result, bail, ensure};

use super::{Machine, Place, Value};

impl Machine<'_> {
    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    pub(super) fn top(&self) -> Result<Place> {
        let floor = self.marks.last().copied().unwrap_or(0);
        ensure!(self.stack.len() > floor, "the stack is empty");
        self.stack.last().copied().context("the stack is empty")
    }

    pub(super) fn pop(&mut self) -> Result<Place> {
        let place = self.top()?;
        self.stack.pop();
        Ok(place)
    }

    pub(super) fn pop_n(&mut self, n: usize) -> Result<Vec<Place>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(n).filter(|start| *start >= floor);
        Ok(self.stack.split_off(start.context("the stack is empty")?))
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<Place>> {
        let mark = self.marks.pop().context("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn text_at(&self, place: Place) -> Result<String> {
        match &self.values[place] {
            Value::Text(text) => Ok(text.clone()),
            other => bail!("a text is wanted, this is {other:?}"),
        }
    }

    pub(super) fn tuple_at(&self, place: Place) -> Result<Vec<Place>> {
        match &self.values[place] {
            Value::Tuple(items) => Ok(items.clone()),
            other => bail!("a tuple is wanted, this is {other:?}"),
        }
    }

    pub(super) fn usize_at(&self, place: Place) -> Result<usize> {
        match &self.values[place] {
            Value::Int(value) => usize::try_from(*value).context("a size is negative or too large"),
            other => bail!("a number is wanted, this is {other:?}"),
        }
    }

    pub(super) fn usizes_at(&self, place: Place) -> Result<Vec<usize>> {
        self.tuple_at(place)?.into_iter().map(|item| self.usize_at(item)).collect()
    }
}
