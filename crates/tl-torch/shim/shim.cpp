// What tch does not wrap, behind a C interface.
//
// Only headers of the dispatcher are included: the umbrella header costs half a minute of compile time.
#include "guarded.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_pin_memory.h>
#include <torch/headeronly/version.h>

#include <array>
#include <cstdio>
#include <memory>
#include <tuple>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

using c10::IntArrayRef;
using c10::SymInt;
using c10::SymIntArrayRef;
using Scalars = c10::List<std::optional<at::Scalar>>;
using Name = std::optional<std::string_view>;

namespace {

using ConvOp = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, IntArrayRef, IntArrayRef,
                      IntArrayRef, int64_t, std::string_view, Scalars, Name);
using ConvAddOp = Tensor&(Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&, IntArrayRef,
                          IntArrayRef, IntArrayRef, int64_t, std::string_view, std::optional<at::Scalar>, Name,
                          Scalars, Name);
using ConvPackOp = Tensor(const Tensor&, SymIntArrayRef, SymIntArrayRef, SymIntArrayRef, SymInt,
                          at::OptionalSymIntArrayRef);
using ConvBackwardOp = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&,
                                                          at::OptionalSymIntArrayRef, SymIntArrayRef, SymIntArrayRef,
                                                          SymIntArrayRef, bool, SymIntArrayRef, SymInt,
                                                          std::array<bool, 3>);
using Ints = c10::List<int64_t>;
using Kind = std::optional<at::ScalarType>;
using ByteConvOp = Tensor(Tensor, double, int64_t, Tensor, Tensor, Tensor, std::optional<Tensor>, Ints, Ints, Ints, int64_t,
                          double, int64_t, Kind, std::string_view, Scalars, Name);
using ByteConvAddOp = Tensor(Tensor, double, int64_t, Tensor, Tensor, Tensor, Tensor, std::optional<Tensor>, Ints, Ints, Ints,
                             int64_t, double, int64_t, Kind, double, int64_t, std::string_view, std::optional<at::Scalar>,
                             Name, Scalars, Name);
using ByteConvPackOp = Tensor(Tensor, Tensor, double, int64_t, Ints, Ints, Ints, int64_t, std::optional<Ints>);
using LinearOp = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, Scalars, Name);
using LinearPackOp = Tensor(const Tensor&, std::optional<SymInt>);

template <class Signature>
c10::TypedOperatorHandle<Signature> find(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, overload).typed<Signature>();
}

bool has(const char* name, const char* overload = "") {
  auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  return found && found->hasKernelForAnyDispatchKey(c10::DispatchKeySet({c10::DispatchKey::CPU, c10::DispatchKey::MkldnnCPU}));
}

struct Activation {
  const char* name;
  Scalars scalars;
};

Activation activation(int code) {
  switch (code) {
    case 1: return {"relu", Scalars()};
    case 2: {
      Scalars bounds;
      bounds.push_back(at::Scalar(0.0));
      bounds.push_back(at::Scalar(6.0));
      return {"hardtanh", bounds};
    }
    case 3: return {"hardswish", Scalars()};
    case 4: return {"hardsigmoid", Scalars()};
    default: return {"none", Scalars()};
  }
}

}  // namespace

// How bytes stand for numbers: scale * (byte - zero). A scale of 0 means f32 instead of bytes.
struct ByteScale {
  double scale;
  int64_t zero;

  bool is_float() const { return scale == 0; }
  double factor() const { return is_float() ? 1 : scale; }
  at::ScalarType kind() const { return is_float() ? at::kFloat : at::kByte; }
};

struct Layer {
  virtual ~Layer() = default;
  virtual Tensor forward(const Tensor& input) const = 0;
  virtual void forward_add(const Tensor& input, Tensor residual) const { TORCH_CHECK(false, "this layer cannot add to a residual"); }
};

namespace {

struct Conv final : Layer {
  Tensor weight;
  std::optional<Tensor> bias;      // f32, added before the sum is rounded
  std::optional<Tensor> add_bias;  // of the input's kind: the operator that adds to a residual insists on it
  int64_t stride[2], padding[2], dilation[2] = {1, 1}, groups;
  Activation after;
  c10::TypedOperatorHandle<ConvOp> op = find<ConvOp>("mkldnn::_convolution_pointwise");
  c10::TypedOperatorHandle<ConvAddOp> add_op = find<ConvAddOp>("mkldnn::_convolution_pointwise_", "binary");

  Conv(const Tensor& weight_, const Tensor& bias_, const int64_t* input, int64_t stride_, int64_t padding_, int64_t groups_, int code)
      : bias(bias_), add_bias(bias_.to(weight_.scalar_type())), stride{stride_, stride_}, padding{padding_, padding_}, groups(groups_), after(activation(code)) {
    static auto pack = find<ConvPackOp>("mkldnn::_reorder_convolution_weight");
    std::vector<SymInt> p(2, padding_), s(2, stride_), d(2, 1), shape(input, input + 4);
    weight = pack.call(weight_, p, s, d, groups_, at::OptionalSymIntArrayRef(shape));
  }

  Tensor forward(const Tensor& input) const override {
    return op.call(input, weight, bias, padding, stride, dilation, groups, after.name, after.scalars, std::nullopt);
  }

  void forward_add(const Tensor& input, Tensor residual) const override {
    TORCH_CHECK(!std::strcmp(after.name, "none"), "a layer with an activation cannot add to a residual");
    add_op.call(residual, input, weight, add_bias, padding, stride, dilation, groups, "add", at::Scalar(1.0), std::nullopt, Scalars{}, std::nullopt);
  }
};

// Bytes in, bytes or f32 out. Bytes saturate, which is all of relu6 where they reach from 0 to 6.
struct ByteConv final : Layer {
  Tensor weight, scales, zeros;
  std::optional<Tensor> bias;
  Ints stride, padding, dilation{1, 1};
  int64_t groups;
  ByteScale input, output, residual;
  Activation after;
  c10::TypedOperatorHandle<ByteConvOp> op = find<ByteConvOp>("onednn::qconv2d_pointwise");
  c10::TypedOperatorHandle<ByteConvAddOp> add_op = find<ByteConvAddOp>("onednn::qconv2d_pointwise", "binary");

  ByteConv(const Tensor& weight_, const Tensor& scales_, const Tensor& bias_, const int64_t* shape, int64_t stride_, int64_t padding_,
           int64_t groups_, int code, const ByteScale* bytes)
      : scales(scales_), zeros(scales_.to(at::kInt).zero_()), bias(bias_), stride{stride_, stride_}, padding{padding_, padding_},
        groups(groups_), input(bytes[0]), output(bytes[1]), residual(bytes[2]), after(activation(output.is_float() ? code : 0)) {
    static auto pack = find<ByteConvPackOp>("onednn::qconv_prepack");
    weight = pack.call(weight_, scales, input.scale, input.zero, stride, padding, dilation, groups, Ints{shape[0], shape[1], shape[2], shape[3]});
  }

  Tensor forward(const Tensor& x) const override {
    return op.call(x, input.scale, input.zero, weight, scales, zeros, bias, stride, padding, dilation, groups, output.factor(), output.zero,
                   output.kind(), after.name, after.scalars, "");
  }

  void forward_add(const Tensor& x, Tensor sum) const override {
    TORCH_CHECK(!output.is_float() && !residual.is_float(), "this layer cannot add to a residual");
    add_op.call(x, input.scale, input.zero, weight, scales, zeros, sum, bias, stride, padding, dilation, groups, output.scale, output.zero,
                output.kind(), residual.scale, residual.zero, "sum", at::Scalar(1.0), "none", Scalars{}, "");
  }
};

struct Linear final : Layer {
  Tensor weight;
  std::optional<Tensor> bias;
  Activation after;
  c10::TypedOperatorHandle<LinearOp> op = find<LinearOp>("mkldnn::_linear_pointwise");

  Linear(const Tensor& weight_, const Tensor& bias_, int64_t batch, int code) : bias(bias_), after(activation(code)) {
    static auto pack = find<LinearPackOp>("mkldnn::_reorder_linear_weight");
    weight = pack.call(weight_, SymInt(batch));
  }

  Tensor forward(const Tensor& input) const override {
    return op.call(input, weight, bias, after.name, after.scalars, std::nullopt);
  }
};

}  // namespace

extern "C" {

void tlt_free_message(char* message) { std::free(message); }

void tlt_exact_f32() {
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

void tlt_keep_allocations() {
#if defined(__GLIBC__)
  // Before glibc 2.35 there was a highest threshold, and to ask for more changed nothing.
  if (!mallopt(M_MMAP_THRESHOLD, 1 << 30)) mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void tlt_skip_destructors() {
#if defined(__GLIBC__)
  // Registered after libtorch's own, so it comes before them.
  on_exit([](int code, void*) {
    std::fflush(nullptr);
    std::_Exit(code);
  }, nullptr);
#endif
}

void tlt_exit_now(int code) { std::_Exit(code); }

const char* tlt_libtorch_version() { return TORCH_VERSION; }

int tlt_has_operators() {
  static const bool found = has("mkldnn::_convolution_pointwise") && has("mkldnn::_convolution_pointwise_", "binary") &&
                            has("mkldnn::_reorder_convolution_weight") && has("mkldnn::_linear_pointwise") &&
                            has("mkldnn::_reorder_linear_weight");
  return found;
}

int tlt_has_byte_operators() {
  static const bool found = has("onednn::qconv2d_pointwise") && has("onednn::qconv2d_pointwise", "binary") && has("onednn::qconv_prepack");
  return found;
}

void tlt_layer_free(Layer* layer) { delete layer; }

char* tlt_conv_new(const void* weight, const void* bias, const int64_t* input_shape, int64_t stride, int64_t padding,
                   int64_t groups, int activation, Layer** layer) {
  return guarded([&] { *layer = new Conv(tensor(weight), tensor(bias), input_shape, stride, padding, groups, activation); });
}

// `bytes`: how input, output and residual are written.
char* tlt_byte_conv_new(const void* weight, const void* scales, const void* bias, const int64_t* input_shape, int64_t stride, int64_t padding,
                        int64_t groups, int activation, const ByteScale* bytes, Layer** layer) {
  return guarded([&] {
    *layer = new ByteConv(tensor(weight), tensor(scales), tensor(bias), input_shape, stride, padding, groups, activation, bytes);
  });
}

char* tlt_linear_new(const void* weight, const void* bias, int64_t batch, int activation, Layer** layer) {
  return guarded([&] { *layer = new Linear(tensor(weight), tensor(bias), batch, activation); });
}

char* tlt_layer_forward(const Layer* layer, const void* input, void** output) {
  return guarded([&] { *output = new Tensor(layer->forward(tensor(input))); });
}

char* tlt_layer_forward_add(const Layer* layer, const void* input, const void* residual) {
  return guarded([&] { layer->forward_add(tensor(input), tensor(residual)); });
}

// Gradients that are not wanted are left null.
char* tlt_conv_backward(const void* gradient, const void* input, const void* weight, int64_t stride, int64_t padding,
                        int64_t groups, int wants_input, int wants_weight, void** of_input, void** of_weight) {
  return guarded([&] {
    static auto op = find<ConvBackwardOp>("aten::convolution_backward");
    std::vector<SymInt> s(2, stride), p(2, padding), d(2, 1), none(2, 0);
    auto [x, w, bias] = op.call(tensor(gradient), tensor(input), tensor(weight), std::nullopt, s, p, d, false, none,
                                groups, {wants_input != 0, wants_weight != 0, false});
    if (wants_input) *of_input = new Tensor(std::move(x));
    if (wants_weight) *of_weight = new Tensor(std::move(w));
  });
}

// A copy in memory that the system may not move. Never the tensor itself, which `Tensor::pin_memory` hands out where it
// lies in such memory already.
char* tlt_pinned(const void* source, void** pinned) {
  return guarded([&] { *pinned = new Tensor(at::_pin_memory(tensor(source))); });
}
}
