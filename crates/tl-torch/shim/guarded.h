// What the shim's files share.
//
// Every function that may fail returns a message (to be freed by tlt_free_message) or null, because a C++
// exception must not cross into Rust.
#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <cstring>

using at::Tensor;

inline char* copy(const char* text) {
  char* message = static_cast<char*>(std::malloc(std::strlen(text) + 1));
  if (message) std::strcpy(message, text);
  return message;
}

// Runs `body` without autograd, and turns what it throws into a message.
template <class Body>
char* guarded(Body body) {
  try {
    at::AutoDispatchBelowADInplaceOrView guard;
    body();
    return nullptr;
  } catch (const c10::Error& error) {
    return copy(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return copy(error.what());
  } catch (...) {
    return copy("unknown C++ exception");
  }
}

inline const Tensor& tensor(const void* pointer) { return *static_cast<const Tensor*>(pointer); }
