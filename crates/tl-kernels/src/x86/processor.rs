//! The processor, asked for the instructions that kernels are compiled for.

use crate::{
    KernelError, Matrix,
    instructions::Instructions,
    numbers::Numbers,
    x86::{avx2::Avx2, avx512::Avx512, registers::Registers},
};

/// What a processor can, proved.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Processor {
    Avx2(Avx2),
    Avx512(Avx512),
}

impl Processor {
    /// Of these instructions, or of the fastest for these numbers.
    pub(crate) fn new(instructions: Option<Instructions>, numbers: Numbers) -> Result<Self, KernelError> {
        let found = match instructions {
            Some(wanted) => wanted.can(numbers).then_some(wanted),
            None => Instructions::fastest(numbers),
        };
        let proved = match found {
            Some(Instructions::Avx2) => Avx2::new().map(Self::Avx2),
            Some(Instructions::Amx) => Avx512::with_amx(numbers).map(Self::Avx512),
            Some(Instructions::AvxVnni) => Avx2::with_vnni().map(Self::Avx2),
            Some(Instructions::Avx512) => Avx512::new().map(Self::Avx512),
            None => None,
        };
        proved.ok_or(KernelError::Unsupported { numbers: numbers.name() })
    }

    /// As [`crate::multiply`], of matrices that fit together and into their slices, and are not empty.
    pub(crate) fn multiply(self, left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
        match self {
            Self::Avx2(r) => r.multiply(left, right, product),
            Self::Avx512(r) => r.multiply(left, right, product),
        }
    }
}
