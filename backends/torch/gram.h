// A'A of a matrix A of many rows and few columns, in about the time that its operations take.
//
// Blocks of samples are copied to columns, so that sums of products are vectors of samples, and
// none of their numbers is computed in vain, however few columns there are. Sums of 4 x 3 columns
// stay in registers: 12 products take 7 vectors from the cache, and do not wait for each other.
// Meanwhile the next block comes from memory.

#pragma once

#include "vectors.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

// A transpose moves numbers within 16 bytes.
constexpr int64_t WIDE_BYTES = BYTES > 32 ? 32 : BYTES;

// Vectors of 16 bytes of sums, and those that a transpose moves.
template <typename T>
struct Types;
template <>
struct Types<float> {
  typedef float Few __attribute__((vector_size(16)));
  typedef double FewDoubles __attribute__((vector_size(32)));
  typedef int32_t Bits __attribute__((vector_size(16)));
  typedef int32_t WideBits __attribute__((vector_size(WIDE_BYTES)));
};
template <>
struct Types<double> {
  typedef double Few __attribute__((vector_size(16)));
  typedef Few FewDoubles;
  typedef int64_t Bits __attribute__((vector_size(16)));
  typedef int64_t WideBits __attribute__((vector_size(WIDE_BYTES)));
};

// A transpose makes FEW columns of ROWS rows.
template <typename T>
constexpr int64_t ROWS = WIDE_BYTES / sizeof(T);
template <typename T>
constexpr int64_t FEW = 16 / sizeof(T);

// Samples that are added up at a time are columns of so many bytes. Columns are a cache line
// further apart: at a distance of 4 KiB they would drive each other out of the cache.
constexpr int64_t BLOCK_BYTES = 2048;
template <typename T>
constexpr int64_t BLOCK = BLOCK_BYTES / sizeof(T);
template <typename T>
constexpr int64_t COLUMN = (BLOCK_BYTES + LINE_BYTES) / sizeof(T);
constexpr int64_t TILE = 4;

// The low, or the high, numbers of each 16 bytes of two vectors in turn; or their first 16 bytes.
// Their bits are moved as integers, which some processors do twice as quickly.
enum Picked { LOW, HIGH, FIRST };

template <typename V>
constexpr int NUMBERS = sizeof(V) / sizeof(std::declval<V>()[0]);

template <Picked picked, int few, int numbers>
constexpr int source(int lane) {
  if (picked == FIRST) return lane < few ? lane : numbers + lane - few;
  return lane / few * few + lane % few / 2 + lane % 2 * numbers + (picked == HIGH ? few / 2 : 0);
}

template <Picked picked, typename V, int... lane>
V pick(V a, V b, std::integer_sequence<int, lane...>) {
  constexpr int numbers = NUMBERS<V>, few = numbers * 16 / sizeof(V);
#ifdef __clang__
  return __builtin_shufflevector(a, b, source<picked, few, numbers>(lane)...);
#else
  return __builtin_shuffle(a, b, V{source<picked, few, numbers>(lane)...});
#endif
}

template <Picked picked, typename V>
V pick(V a, V b) {
  return pick<picked>(a, b, std::make_integer_sequence<int, NUMBERS<V>>());
}

// Transposes few x few numbers in each 16 bytes of `few` vectors.
template <int64_t few, typename V>
void transpose(V* v) {
  const auto interleave = [&](int i, int j) {
    const V low = pick<LOW>(v[i], v[j]);
    v[j] = pick<HIGH>(v[i], v[j]);
    v[i] = low;
  };
  if constexpr (few == 4) {
    interleave(0, 2);
    interleave(1, 3);
    interleave(2, 3);
  }
  interleave(0, 1);
}

// ROWS rows, at a distance of p, to columns. Reads ROWS numbers of each, and uses FEW.
template <typename T>
void copy_columns(const T* rows, int64_t p, T* columns) {
  typedef typename Types<T>::WideBits Bits;
  Bits v[FEW<T>];
  for (int64_t i = 0; i < FEW<T>; i++) {
    v[i] = load<Bits>(rows + i * p);
    if (ROWS<T> > FEW<T>) v[i] = pick<FIRST>(v[i], load<Bits>(rows + (FEW<T> + i) * p));
  }
  transpose<FEW<T>>(v);
  for (int64_t j = 0; j < FEW<T>; j++) store(columns + j * COLUMN<T>, v[j]);
}

// X of n samples as columns. Of those from there on, `rest` are there, and others are 0; nothing
// may be read beyond them, as a transpose would, so that the last ones are copied to `rows` first.
template <typename T>
void copy_block(const T* X, int64_t p, int64_t n, int64_t rest, T* rows, T* columns) {
  for (int64_t i = 0; i < n; i += ROWS<T>) {
    const T* from = X + i * p;
    if (i + 2 * ROWS<T> > rest) {
      const int64_t left = std::clamp<int64_t>(rest - i, 0, ROWS<T>);
      std::fill(std::copy_n(from, left * p, rows), rows + ROWS<T> * (p + 1), T(0));
      from = rows;
    }
    for (int64_t j = 0; j < p; j += FEW<T>) copy_columns(from + j, p, columns + j * COLUMN<T> + i);
  }
}

// Products of the TILE columns from `left` with `count` columns from `right`.
struct Tile {
  int64_t left, right, count;
};

// Those of the lower triangle of A'A. The first of a column of tiles is a triangle itself. Sums of
// one column would have to wait for each other: two and two are better than three and one.
inline std::vector<Tile> lower_triangle(int64_t width) {
  std::vector<Tile> tiles;
  for (int64_t j = 0; j < width; j += TILE) {
    tiles.push_back({j, j, TILE});
    for (int64_t k = j + TILE; k < width; k += tiles.back().count) {
      const int64_t rest = width - k;
      tiles.push_back({j, k, rest == 4 ? 2 : std::min<int64_t>(rest, 3)});
    }
  }
  return tiles;
}

// The sum of all 16 bytes of a vector.
template <typename T>
typename Types<T>::Few folded(Vector<T> v) {
  typedef typename Types<T>::Few Few;
  T lanes[LANES<T>];
  store(lanes, v);
  Few sum = load<Few>(lanes);
  for (int64_t l = FEW<T>; l < LANES<T>; l += FEW<T>) sum += load<Few>(lanes + l);
  return sum;
}

// Adds a tile of A'A to the gram matrix: sums of vectors in T, and from then on float64. Meanwhile
// fetches what is at `ahead` from memory, so many bytes of it for each vector.
template <typename T, int COUNT>
void add_tile(const T* left, const T* right, int64_t n, double* gram, int64_t width,
              const char* ahead, int64_t bytes) {
  constexpr bool triangle = COUNT == TILE;  // left and right are the same
  Vector<T> sums[COUNT][TILE];
#pragma GCC unroll 4
  for (int64_t b = 0; b < COUNT; b++)
#pragma GCC unroll 4
    for (int64_t a = 0; a < TILE; a++) sums[b][a] = Vector<T>{};
  for (int64_t i = 0; i < n; i += LANES<T>) {
    __builtin_prefetch(ahead);
    ahead += bytes;
    Vector<T> column[COUNT];
#pragma GCC unroll 4
    for (int64_t b = 0; b < COUNT; b++) column[b] = load<Vector<T>>(right + b * COLUMN<T> + i);
#pragma GCC unroll 4
    for (int64_t a = 0; a < TILE; a++) {
      const Vector<T> by = triangle ? column[a % COUNT] : load<Vector<T>>(left + a * COLUMN<T> + i);
      // Without this, GCC reads it again for each product, and not once into a register.
      asm volatile("" ::: "memory");
#pragma GCC unroll 4
      for (int64_t b = triangle ? a : 0; b < COUNT; b++) sums[b][a] += column[b] * by;
    }
  }
  typedef typename Types<T>::Few Few;
  typedef typename Types<T>::FewDoubles Doubles;
  typedef typename Types<T>::Bits Bits;
#pragma GCC unroll 4
  for (int64_t b = 0; b < COUNT; b++) {
    Bits v[TILE];
#pragma GCC unroll 4
    for (int64_t a = 0; a < TILE; a++) v[a] = reinterpret_cast<Bits>(folded<T>(sums[b][a]));
    for (int64_t a = 0; a < TILE; a += FEW<T>) {
      transpose<FEW<T>>(v + a);
      double* const to = gram + b * width + a;
      Doubles total = load<Doubles>(to);
      for (int64_t e = a; e < a + FEW<T>; e += 2) {
        const Few sum = reinterpret_cast<Few>(v[e]) + reinterpret_cast<Few>(v[e + 1]);
        total += __builtin_convertvector(sum, Doubles);
      }
      store(to, total);
    }
  }
}

// Adds the lower triangle of A'A, A = [1 X y], of samples from `first` to `last` to the gram
// matrix, (width, width), width being p + 2 filled up to whole tiles.
template <typename T>
void add_products(const T* X, const T* y, int64_t p, int64_t first, int64_t last, double* gram,
                  int64_t width) {
  // A transpose may write FEW - 1 columns too many.
  Columns<T> columns((width + FEW<T>) * COLUMN<T>);
  std::vector<T> rows(ROWS<T> * (p + 1));
  T* const A = columns.data();
  const std::vector<Tile> tiles = lower_triangle(p + 2);
  decltype(&add_tile<T, 1>) const add[] = {add_tile<T, 1>, add_tile<T, 2>, add_tile<T, 3>,
                                           add_tile<T, TILE>};
  const double count = last - first;
  std::fill_n(A, BLOCK<T>, T(1));
  for (; first < last; first += BLOCK<T>) {
    const int64_t rest = last - first;
    const int64_t n = (std::min(BLOCK<T>, rest) + LANES<T> - 1) / LANES<T> * LANES<T>;
    copy_block(X + first * p, p, n, rest, rows.data(), &A[COLUMN<T>]);
    T* targets = &A[(1 + p) * COLUMN<T>];
    std::fill(std::copy_n(y + first, std::min(n, rest), targets), targets + n, T(0));
    // The next block comes from memory in equal steps.
    const char* ahead = reinterpret_cast<const char*>(X + (first + BLOCK<T>) * p);
    const int64_t steps = n / LANES<T>;
    const int64_t bytes = std::clamp<int64_t>(rest - BLOCK<T>, 0, BLOCK<T>) * p * sizeof(T) /
                          (steps * int64_t(tiles.size()));
    for (const auto [j, k, count] : tiles) {
      add[count - 1](&A[j * COLUMN<T>], &A[k * COLUMN<T>], n, gram + k * width + j, width, ahead,
                     bytes);
      ahead += steps * bytes;
    }
  }
  gram[0] = count;  // also of the ones that fill up the last vector
}

}  // namespace
