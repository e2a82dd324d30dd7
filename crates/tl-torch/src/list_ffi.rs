//! The functions of `shim/list.cpp`.
#![allow(unsafe_code)]

use std::ffi::c_char;

use torch_sys::C_tensor;

/// A list of tensors that the shim holds.
#[repr(C)]
pub(crate) struct List {
    _private: [u8; 0],
}

unsafe extern "C" {
    pub(crate) fn tlt_list_new(tensors: *const *const C_tensor, n: i64, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_free(list: *mut List);
    pub(crate) fn tlt_list_len(list: *const List) -> i64;
    pub(crate) fn tlt_list_get(list: *const List, i: i64, out: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn tlt_list_scaled(list: *const List, factors: *const f64, n: i64, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_scale(list: *mut List, factors: *const f64, n: i64) -> *mut c_char;
    pub(crate) fn tlt_list_product(list: *const List, other: *const List, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_sum(list: *const List, other: *const List, factor: f64, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_add(list: *mut List, other: *const List, factor: f64) -> *mut c_char;
    pub(crate) fn tlt_list_add_number(list: *mut List, number: f64) -> *mut c_char;
    pub(crate) fn tlt_list_quotient(list: *const List, other: *const List, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_lerp(list: *const List, to: *const List, weight: f64, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_move_towards(list: *mut List, to: *const List, weight: f64) -> *mut c_char;
    pub(crate) fn tlt_list_sqrt(list: *const List, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_sign(list: *const List, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_clamp(list: *const List, min: f64, max: f64, out: *mut *mut List) -> *mut c_char;
    pub(crate) fn tlt_list_copy(list: *mut List, from: *const List) -> *mut c_char;
    pub(crate) fn tlt_list_norms(list: *const List, out: *mut *mut List) -> *mut c_char;
}
