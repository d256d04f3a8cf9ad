// All epochs of gradient descent as one operator for torch on the CPU: see `operator.py`.
//
// OPERATORS is the namespace of the operator, and FEATURES the number of features: the compiler
// knows it, and keeps the sums over samples, which are vectors of samples, in registers.

#include "vectors.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace {

using torch::stable::Tensor;

// With few features an epoch may take no longer than a call, which passes numbers in memory. With
// more, GCC makes better use of registers in functions of their own.
#if FEATURES <= 4
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE __attribute__((noinline))
#endif

constexpr int64_t P = FEATURES;
// Samples that are added up at a time, and how many such blocks are worth waking another thread.
constexpr int64_t BLOCK = 4096, GRAIN = (31 + P) / P;
// With few features a core would wait for each sum: so many vectors side by side keep it busy.
constexpr int64_t RUNS = P <= 4 ? 3 : 1;

// From a column of n numbers to the next: an odd number of cache lines, since at a distance of
// 4 KiB they would drive each other out of the cache.
template <typename T>
int64_t column_of(int64_t n) {
  constexpr int64_t line = LINE_BYTES / sizeof(T);
  return (((n + line - 1) / line) | 1) * line;
}

// D = X' and y. One feature is a column already.
template <typename T>
struct Samples {
  int64_t n, column;
  Columns<T> columns;
  const T *D, *y;
  // The samples that do not fill a vector, filled up with zeros, and a 1 for each of them.
  T rest[(P + 1) * LANES<T>] = {};
  Vector<T> counts = {};

  Samples(const Tensor& X, const Tensor& targets)
      : n(X.size(0)), column(column_of<T>(n)), columns(P > 1 ? P * column : 0) {
    const T* x = X.const_data_ptr<T>();
    D = P > 1 ? columns.data() : x;
    y = targets.const_data_ptr<T>();
    for (int64_t i = 0; P > 1 && i < n; i++)
      for (int64_t j = 0; j < P; j++) columns.data()[j * column + i] = x[i * P + j];
    for (int64_t i = n / LANES<T> * LANES<T>, l = 0; i < n; i++, l++) {
      for (int64_t j = 0; j < P; j++) rest[j * LANES<T> + l] = x[i * P + j];
      rest[P * LANES<T> + l] = y[i];
      counts[l] = 1;
    }
  }
};

// D s, the sum of s, and that of the losses; s is the derivative of a loss: sign(r) or r. Without
// STEP only the last.
template <typename T>
using Sums = std::array<T, P + 2>;

// 1, -1 or 0: the sign bit of r, put to a 1.
template <typename T>
Vector<T> sign_of(Vector<T> r) {
  const Vector<T> zero = {}, one = zero + T(1);
  const Integers<T> bit = Integers<T>{} + std::numeric_limits<Integer<T>>::min();
  const auto sign = (reinterpret_cast<Integers<T>>(r) & bit) | reinterpret_cast<Integers<T>>(one);
  return r != zero ? reinterpret_cast<Vector<T>>(sign) : zero;
}

// Adds those of a vector of samples, D[column * j] being feature j, or of those that count.
template <bool L1, bool STEP, typename T>
void add(const T* D, int64_t column, const T* y, const Vector<T>* b, Sums<Vector<T>>& sums,
         const Vector<T>* counts = nullptr) {
  Vector<T> r = b[P] - load<Vector<T>>(y);
#pragma GCC unroll 64
  for (int64_t j = 0; j < P; j++) r += b[j] * load<Vector<T>>(D + j * column);
  if (counts) r = *counts > Vector<T>{} ? r : Vector<T>{};
  const Vector<T> s = L1 ? sign_of<T>(r) : r;
  sums[P + 1] += s * r;
  if constexpr (STEP) {
#pragma GCC unroll 64
    for (int64_t j = 0; j < P; j++) sums[j] += s * load<Vector<T>>(D + j * column);
    sums[P] += s;
  }
}

// For samples from `first` to `last`.
template <bool L1, bool STEP, typename T>
INLINE Sums<T> of_block(const Samples<T>& samples, int64_t first, int64_t last, const T* b) {
  constexpr int64_t lanes = LANES<T>;
  Vector<T> w[P + 1];
  for (int64_t j = 0; j <= P; j++) w[j] = Vector<T>{} + b[j];
  Sums<Vector<T>> sums[RUNS] = {};
  const auto add_vector = [&](int64_t i, Sums<Vector<T>>& to) {
    add<L1, STEP>(samples.D + i, samples.column, samples.y + i, w, to);
  };
  int64_t i = first;
  for (; i + RUNS * lanes <= last; i += RUNS * lanes)
#pragma GCC unroll 4
    for (int64_t run = 0; run < RUNS; run++) add_vector(i + run * lanes, sums[run]);
#pragma GCC unroll 4
  for (int64_t run = 0; run + 1 < RUNS; run++)
    if (i + lanes <= last) {
      add_vector(i, sums[run]);
      i += lanes;
    }
  if (i < last)
    add<L1, STEP>(samples.rest, lanes, samples.rest + P * lanes, w, sums[RUNS - 1],
                  &samples.counts);
  Sums<T> total = {};
#pragma GCC unroll 64
  for (int64_t j = STEP ? 0 : P + 1; j < P + 2; j++) {
    for (int64_t run = 1; run < RUNS; run++) sums[0][j] += sums[run][j];
    total[j] = sum_of<T>(sums[0][j]);
  }
  return total;
}

template <bool L1, bool STEP, typename T>
INLINE Sums<T> of_all(const Samples<T>& samples, const T* b) {
  const int64_t n = samples.n;
  if (n <= BLOCK) return of_block<L1, STEP>(samples, 0, n, b);
  std::vector<Sums<T>> parts((n + BLOCK - 1) / BLOCK);
  torch::stable::parallel_for(0, parts.size(), GRAIN, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++)
      parts[k] = of_block<L1, STEP>(samples, k * BLOCK, std::min(n, (k + 1) * BLOCK), b);
  });
  Sums<T> total = {};
  for (const Sums<T>& part : parts)
    for (int64_t j = 0; j < P + 2; j++) total[j] += part[j];
  return total;
}

template <bool L1, typename T>
void descend(const Tensor& X, const Tensor& y, const Tensor& X_test, const Tensor& y_test, T rate,
             int64_t epochs, T* b, T* train, T* test) {
  const Samples<T> samples(X, y), tested(X_test, y_test);
  T w[P + 1];
  std::copy_n(b, P + 1, w);
  for (int64_t epoch = 0; epoch < epochs; epoch++) {
    const Sums<T> sums = of_all<L1, true>(samples, w);
    train[epoch] = sums[P + 1] / samples.n;
    for (int64_t j = 0; j <= P; j++) w[j] -= rate * sums[j];
    test[epoch] = of_all<L1, false>(tested, w)[P + 1] / tested.n;
  }
  std::copy_n(w, P + 1, b);
}

template <typename T>
void descend(const Tensor& X, const Tensor& y, const Tensor& X_test, const Tensor& y_test,
             const Tensor& start, double rate, bool l1, int64_t epochs, Tensor& result) {
  T *b = result.mutable_data_ptr<T>(), *train = b + P + 1, *test = train + epochs;
  std::copy_n(start.const_data_ptr<T>(), P + 1, b);
  const auto loop = l1 ? descend<true, T> : descend<false, T>;
  loop(X, y, X_test, y_test, T(rate), epochs, b, train, test);
}

// `result` becomes (weight, bias), the train losses and the test losses, one after the other.
void descent(Tensor X, Tensor y, Tensor X_test, Tensor y_test, Tensor start, double rate, bool l1,
             int64_t epochs, Tensor result) {
  const bool single = X.scalar_type() == torch::headeronly::ScalarType::Float;
  const auto loop = single ? descend<float> : descend<double>;
  loop(X, y, X_test, y_test, start, rate, l1, epochs, result);
}

}  // namespace

STABLE_TORCH_LIBRARY(OPERATORS, m) {
  m.def(
      "descent(Tensor X, Tensor y, Tensor X_test, Tensor y_test, Tensor start, float rate, "
      "bool l1, int epochs, Tensor(a!) result) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(OPERATORS, CPU, m) { m.impl("descent", TORCH_BOX(&descent)); }
