//! State dicts of torch. The two files were written by torch 2.13 with `tests/it/state_dicts.py`.

use xtask::convert::tensors::Tensor;
use xtask::convert::torch_file::read_state_dict;

use crate::fetch::zip_of;

const ZIP: &[u8] = include_bytes!("state_dict_zip.pth");
const LEGACY: &[u8] = include_bytes!("state_dict_legacy.pth");

/// A state dict with one tensor, `w`.
pub(crate) fn zip_state_dict() -> Vec<u8> {
    let program = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
        X\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.";
    let storage: Vec<u8> = [0.5_f32, -1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    zip_of(&[("tiny/data.pkl", program), ("tiny/data/0", &storage)])
}

/// A module's state dict with a transposed view, a slice of the same storage, and a count of batches.
#[test]
fn both_formats_of_torch_give_the_same_tensors() {
    for file in [ZIP, LEGACY] {
        let tensors = read_state_dict(file).unwrap();
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["bn.running_mean", "slice", "transposed"]);
        assert_eq!(tensors["transposed"], Tensor::new(vec![3, 2], vec![0., 3., 1., 4., 2., 5.]).unwrap());
        assert_eq!(tensors["slice"], Tensor::new(vec![2], vec![1., 4.]).unwrap());
        assert_eq!(tensors["bn.running_mean"].values, [0.5, -0.25]);
    }
}

#[test]
fn every_truncation_is_an_error() {
    for n in 0..LEGACY.len() {
        assert!(read_state_dict(&LEGACY[..n]).is_err(), "legacy, after {n} bytes");
    }
    for n in (0..ZIP.len()).step_by(7) {
        assert!(read_state_dict(&ZIP[..n]).is_err(), "zip, after {n} bytes");
    }
}

#[test]
fn a_hostile_pickle_in_a_zip_is_refused() {
    let program = b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.";
    let error = format!("{:#}", read_state_dict(&zip_of(&[("x/data.pkl", program)])).unwrap_err());
    assert!(error.contains("os.system"), "{error}");
}

#[test]
fn a_storage_of_another_size_than_announced_is_refused() {
    let whole = zip_state_dict();
    assert!(read_state_dict(&whole).is_ok());
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(whole)).unwrap();
    let mut program = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("tiny/data.pkl").unwrap(), &mut program).unwrap();
    let short = zip_of(&[("tiny/data.pkl", &program), ("tiny/data/0", &[0; 4])]);
    assert!(format!("{:#}", read_state_dict(&short).unwrap_err()).contains("storage 0"));
}
