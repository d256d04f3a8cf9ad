// Sums of vectors that keep what rounding takes from them. To be compiled as written: without
// rearranging sums, and without fusing a product and a sum on its own.

#pragma once

#include <cstdint>

namespace {

#ifdef __AVX512F__
constexpr int64_t LANES = 8;
#else
constexpr int64_t LANES = 4;
#endif

typedef double Vector __attribute__((vector_size(8 * LANES)));

inline Vector load(const double* a) {
  Vector v;
  __builtin_memcpy(&v, a, sizeof v);
  return v;
}

inline void store(double* a, Vector v) { __builtin_memcpy(a, &v, sizeof v); }

inline double fma_(double a, double b, double c) { return __builtin_fma(a, b, c); }

inline Vector fma_(Vector a, Vector b, Vector c) {
  Vector result;
  for (int64_t l = 0; l < LANES; l++) result[l] = __builtin_fma(a[l], b[l], c[l]);
  return result;
}

// A sum and what rounding took from it (Ogita, Rump & Oishi, SIAM J. Sci. Comput. 26, 2005).
template <typename T>
struct Sum {
  T high = {}, low = {};

  void add(T a, T rest) {
    const T sum = high + a, part = sum - high;
    low += ((high - (sum - part)) + (a - part)) + rest;
    high = sum;
  }
  // Adds a (b + b_low).
  void add_product(T a, T b, T b_low) {
    const T product = a * b;
    add(product, fma_(a, b, -product) + a * b_low);
  }
};

}  // namespace
