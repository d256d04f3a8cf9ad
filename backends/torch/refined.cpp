// Least squares by Cholesky of X'X, with corrections from residuals of twice the digits, as one
// operator for torch on the CPU: see `operator.py`. OPERATORS is the namespace of the operator.
//
// To be compiled without rearranging sums: what rounding takes from one is computed and kept.

#include "doubled.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using torch::stable::Tensor;
using Limits = std::numeric_limits<double>;

// Samples that are added up at a time, in vectors. Columns are somewhat further apart: at a
// distance of 4 KiB they would drive each other out of the cache.
constexpr int64_t BLOCK = 128, COLUMN = BLOCK + 8;
// Products of TILE x TILE columns are added up in registers.
constexpr int64_t TILE = 4;
// Numbers in X for each thread from which on it saves more time than it takes to start.
constexpr int64_t SHARE = 1 << 14;

// X, y and what is subtracted from their columns; sums over all samples, which threads share.
template <typename T>
struct Samples {
  const T *X, *y;
  int64_t n, p;
  std::vector<double> shift;  // of y at last

  // The number of columns 1, X - shift, y - shift, filled up to whole tiles.
  int64_t width() const { return (p + 2 + TILE - 1) / TILE * TILE; }

  // About the means: whole multiples of the size of a column, so that nothing is rounded.
  void find_shift() {
    const int64_t every = std::max<int64_t>(1, n / 256), count = (n + every - 1) / every;
    shift.assign(p + 1, 0);
    for (int64_t j = 0; j <= p; j++) {
      const T* column = j < p ? X + j : y;
      const int64_t step = every * (j < p ? p : 1);
      double mean = 0, deviation = 0;
      for (int64_t i = 0; i < count; i++) mean += column[i * step];
      mean /= count;
      for (int64_t i = 0; i < count; i++) deviation += std::abs(column[i * step] - mean);
      const double unit = std::exp2(std::round(std::log2(deviation / count)));
      shift[j] = unit > 0 ? std::round(mean / unit) * unit : mean;
    }
  }

  // Calls part(first, last, sums) for parts of the samples, and returns the sum of their `sums`.
  template <typename Sums, typename Part>
  std::vector<Sums> over_parts(int64_t size, Part part) const {
    const int64_t threads = torch::stable::get_num_threads();
    const int64_t parts = std::clamp<int64_t>(n * p / SHARE, 1, threads);
    std::vector<Sums> all(parts * size);
    torch::stable::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t k = first; k < last; k++)
        part(n * k / parts, n * (k + 1) / parts, &all[k * size]);
    });
    for (int64_t i = size; i < int64_t(all.size()); i++) add(all[i % size], all[i]);
    all.resize(size);
    return all;
  }

  static void add(double& total, double more) { total += more; }
  static void add(Sum<Vector>& total, Sum<Vector> more) { total.add(more.high, more.low); }

  // Columns j of samples from `first`, n_block of them, minus the shift; zeros fill up the block.
  void copy(int64_t first, int64_t n_block, double* A, bool shifted) const {
    for (int64_t j = 0; j < p; j++) {
      const double by = shifted ? shift[j] : 0;
      for (int64_t i = 0; i < n_block; i++) A[j * COLUMN + i] = X[(first + i) * p + j] - by;
    }
    const double by = shifted ? shift[p] : 0;
    for (int64_t i = 0; i < n_block; i++) A[p * COLUMN + i] = y[first + i] - by;
    if (n_block < BLOCK)
      for (int64_t j = 0; j <= p; j++)
        std::fill(A + j * COLUMN + n_block, A + j * COLUMN + BLOCK, 0.0);
  }

  // The lower triangle of A'A, A = [1 X y] - shift: (width, width).
  std::vector<double> gram() const {
    const int64_t width = this->width();
    return over_parts<double>(width * width, [&](int64_t first, int64_t last, double* gram) {
      std::vector<double> A(width * COLUMN);
      for (; first < last; first += BLOCK) {
        const int64_t n_block = std::min(BLOCK, last - first);
        std::fill(std::fill_n(A.begin(), n_block, 1.0), A.begin() + BLOCK, 0.0);
        copy(first, n_block, &A[COLUMN], true);
        for (int64_t j = 0; j < width; j += TILE)
          for (int64_t k = j; k < width; k += TILE)
            add_tile(&A[j * COLUMN], &A[k * COLUMN], gram + k * width + j, width);
      }
    });
  }

  static void add_tile(const double* left, const double* right, double* gram, int64_t width) {
    Vector sums[TILE][TILE] = {};
    for (int64_t i = 0; i < BLOCK; i += LANES)
#pragma GCC unroll 4
      for (int64_t a = 0; a < TILE; a++) {
        const Vector column = load(left + a * COLUMN + i);
#pragma GCC unroll 4
        for (int64_t b = 0; b < TILE; b++)
          sums[a][b] = fma_(column, load(right + b * COLUMN + i), sums[a][b]);
      }
    for (int64_t a = 0; a < TILE; a++)
      for (int64_t b = 0; b < TILE; b++)
        for (int64_t l = 0; l < LANES; l++) gram[b * width + a] += sums[a][b][l];
  }

  // X'r and the sum of r = y - X weight - bias, with twice the digits; `b` is (weight, bias).
  std::vector<Sum<double>> gradient(const double* b) const {
    using Sums = Sum<Vector>;
    const auto add_products = [&](int64_t first, int64_t last, Sums* sums) {
      std::vector<double> A((p + 3) * COLUMN);
      double *r = &A[p * COLUMN], *r_low = r + COLUMN, *ones = r_low + COLUMN;
      for (; first < last; first += BLOCK) {
        const int64_t n_block = std::min(BLOCK, last - first);
        copy(first, n_block, A.data(), false);
        std::fill(std::fill_n(ones, n_block, 1.0), ones + BLOCK, 0.0);
        for (int64_t i = 0; i < BLOCK; i += LANES) {
          Sums residual = {load(r + i)};
          for (int64_t j = 0; j < p; j++)
            residual.add_product(load(&A[j * COLUMN + i]), Vector{} - b[j], Vector{});
          residual.add_product(load(ones + i), Vector{} - b[p], Vector{});
          const Vector high = residual.high + residual.low;
          store(r_low + i, (residual.high - high) + residual.low);
          store(r + i, high);
        }
        for (int64_t j = 0; j <= p; j++) {
          const double* column = j < p ? &A[j * COLUMN] : ones;
          Sums products = sums[j];
          for (int64_t i = 0; i < BLOCK; i += LANES)
            products.add_product(load(column + i), load(r + i), load(r_low + i));
          sums[j] = products;
        }
      }
    };
    std::vector<Sum<double>> all(p + 1);
    const std::vector<Sums> found = over_parts<Sums>(p + 1, add_products);
    for (int64_t j = 0; j <= p; j++)
      for (int64_t l = 0; l < LANES; l++) all[j].add(found[j].high[l], found[j].low[l]);
    return all;
  }
};

// The Cholesky factor L of the gram matrix of `size` columns in `width`, which it replaces.
struct Factor {
  double* gram;
  int64_t width, size;

  double& at(int64_t i, int64_t j) const { return gram[i * width + j]; }

  // Whether there is one.
  bool make() const {
    for (int64_t j = 0; j < size; j++) {
      for (int64_t i = j; i < size; i++)
        for (int64_t k = 0; k < j; k++) at(i, j) -= at(i, k) * at(j, k);
      if (!(at(j, j) > 0)) return false;
      const double pivot = std::sqrt(at(j, j));
      for (int64_t i = j; i < size; i++) at(i, j) /= pivot;
    }
    return true;
  }
  // b becomes inv(L) b, from its element `first` on: those before are 0.
  void forward(double* b, int64_t first = 0) const {
    for (int64_t i = first; i < size; i++) {
      for (int64_t j = first; j < i; j++) b[i] -= at(i, j) * b[j];
      b[i] /= at(i, i);
    }
  }
  void solve(double* b) const {
    forward(b);
    for (int64_t i = size - 1; i >= 0; i--) {
      for (int64_t j = i + 1; j < size; j++) b[i] -= at(j, i) * b[j];
      b[i] /= at(i, i);
    }
  }
  // The Frobenius norm of inv(L) D, D = diag(lengths).
  double condition(const std::vector<double>& lengths) const {
    double squares = 0;
    for (int64_t j = 0; j < size; j++) {
      std::vector<double> column(size);
      column[j] = lengths[j];
      forward(column.data(), j);
      for (const double a : column) squares += a * a;
    }
    return std::sqrt(squares);
  }
};

// `found` becomes (weight, bias, kappa, corrections), with -1 corrections if `most`, the largest
// part of an error that a correction may leave, is exceeded. No more than `enough` is left of it at
// the end.
template <typename T>
void fit(const Tensor& X, const Tensor& y, double most, double enough, double* found) {
  Samples<T> samples = {X.const_data_ptr<T>(), y.const_data_ptr<T>(), X.size(0), X.size(1)};
  const int64_t p = samples.p, width = samples.width();
  double *b = found, &kappa = found[p + 1], &corrections = found[p + 2];
  samples.find_shift();
  const double* shift = samples.shift.data();
  std::vector<double> gram = samples.gram(), lengths(p + 1), d(p + 1);
  for (int64_t j = 0; j <= p; j++) {
    lengths[j] = std::sqrt(gram[j * width + j]);
    d[j] = gram[(p + 1) * width + j];
  }
  const Factor factor = {gram.data(), width, p + 1};
  kappa = factor.make() ? factor.condition(lengths) : Limits::infinity();
  // By about how much a correction multiplies the error (Higham, Accuracy and Stability, 20.6).
  double shrinks = 8 * Limits::epsilon() * kappa * kappa, last = 1;
  corrections = -1;
  // Squares of smaller numbers lose digits to underflow.
  const double least = std::sqrt(samples.n * Limits::min() / Limits::epsilon());
  if (!(shrinks <= most && *std::min_element(lengths.begin(), lengths.end()) > least)) return;
  std::fill_n(b, p, 0.0);
  b[p] = shift[p];
  double whole = 0;
  for (int64_t steps = 0; steps < 20; steps++) {
    factor.solve(d.data());  // the changes of bias and weight where X is shifted
    double changed = 0;
    for (int64_t j = 0; j <= p; j++) changed += std::pow(lengths[j] * d[j], 2);
    if (steps == 0) whole = changed;
    const double size = whole > 0 ? std::sqrt(changed / whole) : 0;
    if (steps == 1 && !(size <= most)) return;
    Sum<double> bias = {b[p]};
    bias.add(d[0], 0);
    for (int64_t j = 0; j < p; j++) {
      bias.add_product(-shift[j], d[j + 1], 0);
      b[j] += d[j + 1];
    }
    b[p] = bias.high + bias.low;
    corrections = steps;
    // Each step shrinks by about the same factor as the last, the first against b.
    if (steps > 0) shrinks = std::min(shrinks, steps == 1 ? 10 * size : size / last);
    // What does not shrink is the rounding of the result itself.
    if (!(shrinks * size > enough) || (steps > 1 && size > last / 2)) return;
    last = size;
    const std::vector<Sum<double>> sums = samples.gradient(b);
    d[0] = sums[p].high + sums[p].low;
    for (int64_t j = 0; j < p; j++) {
      Sum<double> shifted = sums[j];
      shifted.add_product(-shift[j], sums[p].high, sums[p].low);
      d[j + 1] = shifted.high + shifted.low;
    }
  }
}

void refined(Tensor X, Tensor y, double most, double enough, Tensor found) {
  const bool single = X.scalar_type() == torch::headeronly::ScalarType::Float;
  (single ? fit<float> : fit<double>)(X, y, most, enough, found.mutable_data_ptr<double>());
}

}  // namespace

STABLE_TORCH_LIBRARY(OPERATORS, m) {
  m.def("refined(Tensor X, Tensor y, float most, float enough, Tensor(a!) found) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(OPERATORS, CPU, m) { m.impl("refined", TORCH_BOX(&refined)); }
