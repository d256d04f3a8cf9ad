// Least squares by the normal equations as one operator for torch on the CPU: see `operator.py`.
//
// OPERATORS is the namespace of the operator.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using torch::stable::Tensor;

// Samples that are added up at a time. Columns are somewhat further apart: at a distance of 4 KiB
// they would drive each other out of the cache.
constexpr int64_t BLOCK = 512, COLUMN = BLOCK + 16;
// Products of TILE x TILE columns are added up in registers.
constexpr int64_t TILE = 4;
// Numbers in X for each thread from which on it saves more time than it takes to start.
constexpr int64_t SHARE = 1 << 16;

// Adds A'A, A = [1 X y], of samples from `first` to `last` to the lower triangle of the gram matrix,
// (width, width). Sums over a block are those of vectors in T, and from then on float64.
template <typename T>
void add_products(const T* X, const T* y, int64_t p, int64_t first, int64_t last, double* gram,
                  int64_t width) {
  std::vector<T> A(width * COLUMN);
  for (; first < last; first += BLOCK) {
    const int64_t n = std::min(BLOCK, last - first);
    if (n < BLOCK) std::fill(A.begin(), A.end(), T(0));
    std::fill_n(&A[0], n, T(1));
    // Columns of few are vectors; of many they would use up the ways of the cache.
    if (p < 24) {
      for (int64_t j = 0; j < p; j++)
        for (int64_t i = 0; i < n; i++) A[(1 + j) * COLUMN + i] = X[(first + i) * p + j];
    } else {
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < p; j++) A[(1 + j) * COLUMN + i] = X[(first + i) * p + j];
    }
    std::copy_n(y + first, n, &A[(1 + p) * COLUMN]);
    for (int64_t j = 0; j < width; j += TILE)
      for (int64_t k = j; k < width; k += TILE) {
        T sums[TILE][TILE] = {};
        const T *left = &A[j * COLUMN], *right = &A[k * COLUMN];
#pragma GCC unroll 4
        for (int64_t i = 0; i < BLOCK; i++) {
#pragma GCC unroll 4
          for (int64_t a = 0; a < TILE; a++) {
#pragma GCC unroll 4
            for (int64_t b = 0; b < TILE; b++)
              sums[a][b] += left[a * COLUMN + i] * right[b * COLUMN + i];
          }
        }
        for (int64_t a = 0; a < TILE; a++)
          for (int64_t b = 0; b < TILE; b++) gram[(k + b) * width + j + a] += sums[a][b];
      }
  }
}

// Solves R'R (bias, weight) = R'z, where (R z) is the Cholesky factor of the gram matrix, which it
// replaces. Returns the smallest pivot as a share of its column, and 0 if there is no factor.
double solve(double* gram, int64_t width, int64_t p, double* b) {
  const auto L = [&](int64_t i, int64_t j) -> double& { return gram[i * width + j]; };
  double smallest = 1;
  for (int64_t j = 0; j <= p; j++) {
    const double length = L(j, j);
    for (int64_t i = j; i <= p + 1; i++)
      for (int64_t k = 0; k < j; k++) L(i, j) -= L(i, k) * L(j, k);
    if (!(L(j, j) > 0)) return 0;
    smallest = std::min(smallest, L(j, j) / length);
    const double pivot = std::sqrt(L(j, j));
    for (int64_t i = j; i <= p + 1; i++) L(i, j) /= pivot;
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
