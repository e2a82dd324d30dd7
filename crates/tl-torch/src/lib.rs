//! What libtorch has and tch does not wrap: checked conversions, memory formats, fused convolution, threads.
