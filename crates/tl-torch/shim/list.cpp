// Lists of tensors that are computed on together: libtorch's `_foreach` operators, of which one takes a few kernels of a
// GPU where as many operators on single tensors take one each.
#include "guarded.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sign.h>
#include <ATen/ops/_foreach_sqrt.h>

#include <memory>
#include <vector>

struct List {
  std::vector<Tensor> tensors;
};

namespace {

std::vector<at::Scalar> scalars(const double* values, int64_t n) { return std::vector<at::Scalar>(values, values + n); }

// Runs `body`, which gives tensors, where there are any: libtorch refuses lists without.
template <class Body>
char* made(const List* list, List** out, Body body) {
  return guarded([&] { *out = new List{list->tensors.empty() ? std::vector<Tensor>() : body(list->tensors)}; });
}

template <class Body>
char* changed(List* list, Body body) {
  return guarded([&] {
    if (!list->tensors.empty()) body(list->tensors);
  });
}

}  // namespace

extern "C" {

char* tlt_list_new(const void* const* tensors, int64_t n, List** out) {
  return guarded([&] {
    auto list = std::make_unique<List>();
    list->tensors.reserve(n);
    for (int64_t i = 0; i < n; i++) list->tensors.push_back(tensor(tensors[i]));
    *out = list.release();
  });
}

void tlt_list_free(List* list) { delete list; }

int64_t tlt_list_len(const List* list) { return static_cast<int64_t>(list->tensors.size()); }

char* tlt_list_get(const List* list, int64_t i, void** out) {
  return guarded([&] { *out = new Tensor(list->tensors.at(i)); });
}

char* tlt_list_scaled(const List* list, const double* factors, int64_t n, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_mul(x, scalars(factors, n)); });
}

char* tlt_list_scale(List* list, const double* factors, int64_t n) {
  return changed(list, [&](auto& x) { at::_foreach_mul_(x, scalars(factors, n)); });
}

char* tlt_list_product(const List* list, const List* other, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_mul(x, other->tensors); });
}

char* tlt_list_sum(const List* list, const List* other, double factor, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_add(x, other->tensors, factor); });
}

char* tlt_list_add(List* list, const List* other, double factor) {
  return changed(list, [&](auto& x) { at::_foreach_add_(x, other->tensors, factor); });
}

char* tlt_list_add_number(List* list, double number) {
  return changed(list, [&](auto& x) { at::_foreach_add_(x, number); });
}

char* tlt_list_quotient(const List* list, const List* other, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_div(x, other->tensors); });
}

char* tlt_list_lerp(const List* list, const List* to, double weight, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_lerp(x, to->tensors, weight); });
}

char* tlt_list_move_towards(List* list, const List* to, double weight) {
  return changed(list, [&](auto& x) { at::_foreach_lerp_(x, to->tensors, weight); });
}

char* tlt_list_sqrt(const List* list, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_sqrt(x); });
}

char* tlt_list_sign(const List* list, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_sign(x); });
}

char* tlt_list_clamp(const List* list, double min, double max, List** out) {
  return made(list, out, [&](auto& x) {
    auto clamped = at::_foreach_clamp_min(x, min);
    at::_foreach_clamp_max_(clamped, max);
    return clamped;
  });
}

char* tlt_list_copy(List* list, const List* from) {
  return changed(list, [&](auto& x) { at::_foreach_copy_(x, from->tensors); });
}

// Scalars, one for each tensor.
char* tlt_list_norms(const List* list, List** out) {
  return made(list, out, [&](auto& x) { return at::_foreach_norm(x, 2); });
}
}
