// All epochs of gradient descent as one operator for torch on the CPU: see `operator.py`.
//
// OPERATORS is the namespace of the operator, and FEATURES the number of features: the compiler
// knows it, keeps the sums over samples in registers, and makes vectors of samples.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace {

using torch::stable::Tensor;

constexpr int64_t P = FEATURES;
// Samples that are added up at a time, and how many such blocks are worth waking another thread.
constexpr int64_t BLOCK = 4096, GRAIN = (31 + P) / P;
// With few features a core would wait for each sum: so many runs of samples side by side keep it
// busy. From LONG samples on that takes less time.
constexpr int64_t RUNS = 3, LONG = 96;

// D s, the sum of s, and that of the losses; s is the derivative of a loss: sign(r) or r. Without
// STEP only the last.
template <typename T>
using Sums = std::array<T, P + 2>;

// Adds those of N_RUNS runs of `count` samples from `first` on, side by side. Features are the rows of
// D.
template <bool L1, bool STEP, int64_t N_RUNS, typename T>
void add_runs(const T* D, const T* y, int64_t n, int64_t first, int64_t count, const T* b,
              Sums<T>& all) {
  T w[P + 1], sums[N_RUNS][P + 2] = {};
  std::copy_n(b, P + 1, w);
  for (int64_t i = first; i < first + count; i++)
#pragma GCC unroll 3
    for (int64_t run = 0; run < N_RUNS; run++) {
      const int64_t k = i + run * count;
      T r = w[P] - y[k];
#pragma GCC unroll 64
      for (int64_t j = 0; j < P; j++) r += w[j] * D[j * n + k];
      sums[run][P + 1] += L1 ? std::abs(r) : r * r;
      if constexpr (STEP) {
        const T s = L1 ? T((r > 0) - (r < 0)) : r;
#pragma GCC unroll 64
        for (int64_t j = 0; j < P; j++) sums[run][j] += s * D[j * n + k];
        sums[run][P] += s;
      }
    }
  for (const auto& of_run : sums)
    for (int64_t j = 0; j < P + 2; j++) all[j] += of_run[j];
}

// For samples from `first` to `last`.
template <bool L1, bool STEP, typename T>
Sums<T> of_block(const T* D, const T* y, int64_t n, int64_t first, int64_t last, const T* b) {
  Sums<T> all = {};
  if constexpr (P <= 4)
    if (last - first >= LONG) {
      const int64_t count = (last - first) / (RUNS * 16) * 16;  // whole vectors
      add_runs<L1, STEP, RUNS>(D, y, n, first, count, b, all);
      first += RUNS * count;
    }
  add_runs<L1, STEP, 1>(D, y, n, first, last - first, b, all);
  return all;
}

template <bool L1, bool STEP, typename T>
Sums<T> of_all(const T* D, const T* y, int64_t n, const T* b) {
  if (n <= BLOCK) return of_block<L1, STEP>(D, y, n, 0, n, b);
  std::vector<Sums<T>> parts((n + BLOCK - 1) / BLOCK);
  torch::stable::parallel_for(0, parts.size(), GRAIN, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++)
      parts[k] = of_block<L1, STEP>(D, y, n, k * BLOCK, std::min(n, (k + 1) * BLOCK), b);
  });
  Sums<T> total = {};
  for (const Sums<T>& part : parts)
    for (int64_t j = 0; j < P + 2; j++) total[j] += part[j];
  return total;
}

// D = X': (n_features, n).
template <typename T>
std::vector<T> transposed(const Tensor& X) {
  const int64_t n = X.size(0);
  const T* x = X.const_data_ptr<T>();
  std::vector<T> D(P * n);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < P; j++) D[j * n + i] = x[i * P + j];
  return D;
}

template <bool L1, typename T>
void descend(const Tensor& X, const Tensor& y, const Tensor& X_test, const Tensor& y_test, T rate,
             int64_t epochs, T* b, T* train, T* test) {
  const int64_t n = X.size(0), n_test = X_test.size(0);
  const std::vector<T> D = transposed<T>(X), D_test = transposed<T>(X_test);
  const T *y_ = y.const_data_ptr<T>(), *y_test_ = y_test.const_data_ptr<T>();
  for (int64_t epoch = 0; epoch < epochs; epoch++) {
    const Sums<T> sums = of_all<L1, true>(D.data(), y_, n, b);
    train[epoch] = sums[P + 1] / n;
    for (int64_t j = 0; j <= P; j++) b[j] -= rate * sums[j];
    test[epoch] = of_all<L1, false>(D_test.data(), y_test_, n_test, b)[P + 1] / n_test;
  }
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
