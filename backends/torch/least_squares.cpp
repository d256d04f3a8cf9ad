// Least squares by the normal equations as one operator for torch on the CPU: see `operator.py`.
//
// OPERATORS is the namespace of the operator.

#include "gram.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using torch::stable::Tensor;

// Numbers in X for each thread from which on it saves more time than it takes to start.
constexpr int64_t SHARE = 1 << 15;

// Solves R'R (bias, weight) = R'z, where (R z) is the Cholesky factor of the gram matrix, which it
// replaces. Returns the smallest pivot as a share of its column, and 0 if there is no factor.
double solve(double* gram, int64_t width, int64_t p, double* b) {
  const auto L = [&](int64_t i, int64_t j) -> double& { return gram[i * width + j]; };
  std::vector<double> lengths(p + 1), column(p + 2);
  for (int64_t j = 0; j <= p; j++) lengths[j] = L(j, j);
  double smallest = 1;
  for (int64_t j = 0; j <= p; j++) {
    if (!(L(j, j) > 0)) return 0;
    smallest = std::min(smallest, L(j, j) / lengths[j]);
    const double pivot = std::sqrt(L(j, j));
    for (int64_t i = j; i <= p + 1; i++) column[i] = L(i, j) /= pivot;
    for (int64_t i = j + 1; i <= p + 1; i++)
      for (int64_t k = j + 1; k <= i; k++) L(i, k) -= column[i] * column[k];
  }
  for (int64_t j = p; j >= 0; j--) {
    b[j] = L(p + 1, j);
    for (int64_t i = j + 1; i <= p; i++) b[j] -= L(i, j) * b[i];
    b[j] /= L(j, j);
  }
  return smallest;
}

template <typename T>
void fit(const Tensor& X, const Tensor& y, Tensor& result) {
  const int64_t n = X.size(0), p = X.size(1), width = (p + 2 + TILE - 1) / TILE * TILE;
  const int64_t threads = torch::stable::get_num_threads();
  const int64_t parts = std::clamp<int64_t>(n * p / SHARE, 1, threads);
  std::vector<double> grams(parts * width * width), b(p + 1);
  torch::stable::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++)
      add_products(X.const_data_ptr<T>(), y.const_data_ptr<T>(), p, n * k / parts,
                   n * (k + 1) / parts, &grams[k * width * width], width);
  });
  for (int64_t i = width * width; i < int64_t(grams.size()); i++)
    grams[i % (width * width)] += grams[i];
  T* found = result.mutable_data_ptr<T>();
  found[p + 1] = solve(grams.data(), width, p, b.data());
  std::copy_n(&b[1], p, found);
  found[p] = b[0];
}

// `result` becomes (weight, bias, smallest pivot).
void least_squares(Tensor X, Tensor y, Tensor result) {
  const bool single = X.scalar_type() == torch::headeronly::ScalarType::Float;
  (single ? fit<float> : fit<double>)(X, y, result);
}

}  // namespace

STABLE_TORCH_LIBRARY(OPERATORS, m) {
  m.def("least_squares(Tensor X, Tensor y, Tensor(a!) result) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(OPERATORS, CPU, m) { m.impl("least_squares", TORCH_BOX(&least_squares)); }
