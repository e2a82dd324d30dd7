//! An event file for TensorBoard, written.

use std::io::{self, Write};

use prost::Message;

use crate::{
    proto::{
        Datum, Dim, Event, Metadata, Plugin, START, STRING, SessionLog, Shape, Source, Summary, TENSOR, Tensor, Value,
        What,
    },
    tfrecord::write_record,
};

/// What every event file begins with; the 2 is the version in which a restart is told by a session log.
pub(crate) const VERSION: &str = "brain.Event:2";
const WRITER: &str = "tl";

/// Writes the events of TensorBoard. Times are seconds since 1970.
#[derive(Debug)]
pub struct TfEvents<W: Write> {
    out: W,
}

impl<W: Write> TfEvents<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn new(out: W, time: f64) -> io::Result<Self> {
        let mut file = Self { out };
        let source = Some(Source { writer: WRITER.to_owned() });
        let what = Some(What::FileVersion(VERSION.to_owned()));
        file.write(&Event { wall_time: time, step: 0, what, source })?;
        Ok(file)
    }

    /// Says that the run goes on at `step`: what earlier files say of it and of later steps counts no more.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn restart(&mut self, time: f64, step: usize) -> io::Result<()> {
        self.event(time, step, What::SessionLog(SessionLog { status: START }))
    }

    /// Numbers of one step, each with the tag of its curve.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn scalars(&mut self, time: f64, step: usize, scalars: &[(&str, f64)]) -> io::Result<()> {
        let values = scalars.iter().map(|&(tag, value)| Value {
            tag: tag.to_owned(),
            datum: Some(Datum::Scalar(value as f32)),
            metadata: None,
        });
        self.event(time, step, What::Summary(Summary { values: values.collect() }))
    }

    /// A text, which TensorBoard shows as Markdown.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn text(&mut self, time: f64, step: usize, tag: &str, text: &str) -> io::Result<()> {
        let plugin = Some(Plugin { name: "text".to_owned() });
        let tensor = Tensor {
            dtype: STRING,
            shape: Some(Shape { dims: vec![Dim { size: 1 }] }),
            strings: vec![text.as_bytes().to_owned()],
        };
        let value = Value {
            tag: tag.to_owned(),
            datum: Some(Datum::Tensor(tensor)),
            metadata: Some(Metadata { plugin, data_class: TENSOR }),
        };
        self.event(time, step, What::Summary(Summary { values: vec![value] }))
    }

    /// Hands on what was written.
    ///
    /// # Errors
    /// What `out` refuses.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn event(&mut self, time: f64, step: usize, what: What) -> io::Result<()> {
        self.write(&Event { wall_time: time, step: step as i64, what: Some(what), source: None })
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        write_record(&mut self.out, &event.encode_to_vec())
    }
}
