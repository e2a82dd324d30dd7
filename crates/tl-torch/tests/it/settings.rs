use tl_torch::{CpuCapability, keep_allocations, libtorch_version, set_intra_op_threads};

#[test]
fn the_version_is_a_version() {
    let version = libtorch_version();
    assert!(version.split('.').take(2).all(|part| part.parse::<u32>().is_ok()), "{version}");
}

#[test]
fn threads_are_as_asked_and_never_none() {
    std::thread::spawn(|| {
        set_intra_op_threads(2);
        assert_eq!(tch::get_num_threads(), 2);
        set_intra_op_threads(0);
        assert_eq!(tch::get_num_threads(), 1);
    })
    .join()
    .unwrap();
}

#[test]
fn bf16_is_fast_only_with_its_instructions() {
    let none = CpuCapability { avx512: true, avx512_bf16: false, avx512_vnni: false, avx_vnni: false, amx: false };
    assert!(!none.has_fast_bf16());
    assert!(CpuCapability { avx512_bf16: true, ..none }.has_fast_bf16());
    assert!(none.has_onednn_bf16() && !CpuCapability { avx512: false, ..none }.has_onednn_bf16());
    // What has the bf16 part of AVX-512 has AVX-512.
    let here = CpuCapability::detect();
    assert!(here.avx512 || !here.avx512_bf16);
}

#[test]
fn allocations_still_work_when_kept() {
    keep_allocations();
    assert_eq!(vec![1_u8; 1 << 25].iter().map(|&b| u64::from(b)).sum::<u64>(), 1 << 25);
}

#[test]
fn a_thread_keeps_its_number_whatever_others_set() {
    std::thread::spawn(|| {
        set_intra_op_threads(1);
        std::thread::spawn(|| set_intra_op_threads(3)).join().unwrap();
        let ones = tch::Tensor::ones([1 << 20], (tch::Kind::Int64, tch::Device::Cpu));
        assert_eq!(ones.sum(tch::Kind::Int64).int64_value(&[]), 1 << 20);
        assert_eq!(tch::get_num_threads(), 1);
    })
    .join()
    .unwrap();
}
