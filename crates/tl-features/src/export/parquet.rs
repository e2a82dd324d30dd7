//! Parquet: columns `path`, `label`, `f0`, `f1` and so on, plain and uncompressed.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, Type as Physical},
    column::reader::ColumnReader,
    data_type::{ByteArray, ByteArrayType, DataType, FloatType},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        reader::{FileReader, RowGroupReader, SerializedFileReader},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};

use super::{Failure, FeatureTable, PARTED, shard_of, shard_text};

/// Rows that a reader can take at a time.
const GROUP_ROWS: usize = 16_384;
/// Keys of the metadata.
const NETWORK: &str = "network";
const SHARD: &str = "shard";

pub(super) fn write(table: &FeatureTable, out: &mut dyn Write) -> io::Result<()> {
    // The writer wants to be sent between threads, which `out` need not bear.
    let mut bytes = Vec::new();
    write_groups(table, &mut bytes)?;
    out.write_all(&bytes)
}

fn write_groups(table: &FeatureTable, bytes: &mut Vec<u8>) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by("tl".to_owned())
        // Features hardly repeat, and nobody looks for a range of them.
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(metadata(table)));
    let mut writer = SerializedFileWriter::new(bytes, schema(table.width)?, Arc::new(properties.build()))?;
    for first in (0..table.len()).step_by(GROUP_ROWS) {
        let rows = first..(first + GROUP_ROWS).min(table.len());
        let mut group = writer.next_row_group()?;
        write_column::<ByteArrayType>(&mut group, &texts(&table.paths[rows.clone()]))?;
        write_column::<ByteArrayType>(&mut group, &texts(&table.labels[rows.clone()]))?;
        for feature in 0..table.width {
            let column: Vec<f32> = rows.clone().map(|row| table.row(row)[feature]).collect();
            write_column::<FloatType>(&mut group, &column)?;
        }
        group.close()?;
    }
    writer.close().map(drop)
}

/// What a file says of the table beside its rows.
fn metadata(table: &FeatureTable) -> Vec<KeyValue> {
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let shard = table.shard.map(|shard| [entry(SHARD, shard_text(shard)), entry(PARTED, table.parted.clone())]);
    std::iter::once(entry(NETWORK, table.network.clone())).chain(shard.into_iter().flatten()).collect()
}

fn schema(width: usize) -> Result<TypePtr, ParquetError> {
    let text = |name: &str| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .with_converted_type(ConvertedType::UTF8)
            .build()
    };
    let feature = |i| {
        Type::primitive_type_builder(&format!("f{i}"), Physical::FLOAT).with_repetition(Repetition::REQUIRED).build()
    };
    let columns = [text("path"), text("label")].into_iter().chain((0..width).map(feature));
    let columns = columns.map(|column| column.map(Arc::new)).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("features").with_fields(columns).build()?))
}

fn texts(values: &[String]) -> Vec<ByteArray> {
    values.iter().map(|value| ByteArray::from(value.as_str())).collect()
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

/// Reads what [`write`] wrote: the columns in their order, none of them null.
pub(super) fn read(path: &Path) -> Result<FeatureTable, Failure> {
    let file = SerializedFileReader::new(fs_err::File::open(path)?.into_file())?;
    let columns = file.metadata().file_metadata().schema_descr().columns();
    if columns.iter().take(2).map(|column| column.name()).ne(["path", "label"]) {
        return Err("its first columns are not path and label".into());
    }
    let text = |key: &str| {
        let found = file.metadata().file_metadata().key_value_metadata()?.iter().find(|known| known.key == key)?;
        found.value.clone()
    };
    let shard = text(SHARD).map(|shard| shard_of(&shard)).transpose()?;
    let mut table = FeatureTable {
        width: columns.len() - 2,
        network: text(NETWORK).unwrap_or_default(),
        shard,
        parted: text(PARTED).unwrap_or_default(),
        ..FeatureTable::default()
    };
    for i in 0..file.num_row_groups() {
        let group = file.get_row_group(i)?;
        let (first, n) = (table.len(), usize::try_from(group.metadata().num_rows())?);
        table.paths.extend(read_texts(group.as_ref(), 0, n)?);
        table.labels.extend(read_texts(group.as_ref(), 1, n)?);
        table.rows.resize((first + n) * table.width, 0.0);
        for feature in 0..table.width {
            let rows = table.rows[first * table.width..].chunks_exact_mut(table.width);
            for (row, value) in rows.zip(read_floats(group.as_ref(), feature + 2, n)?) {
                row[feature] = value;
            }
        }
    }
    Ok(table)
}

fn read_texts(group: &dyn RowGroupReader, column: usize, n: usize) -> Result<Vec<String>, Failure> {
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(column)? else {
        return Err("path and label are no text".into());
    };
    let mut values = Vec::with_capacity(n);
    reader.read_records(n, None, None, &mut values)?;
    values.iter().map(|value| Ok(value.as_utf8()?.to_owned())).collect()
}

fn read_floats(group: &dyn RowGroupReader, column: usize, n: usize) -> Result<Vec<f32>, Failure> {
    let ColumnReader::FloatColumnReader(mut reader) = group.get_column_reader(column)? else {
        return Err("a feature is no 32-bit float".into());
    };
    let mut values = Vec::with_capacity(n);
    reader.read_records(n, None, None, &mut values)?;
    Ok(values)
}
