// A'A of a matrix A of many rows and few columns, in about the time that its operations take.
//
// Blocks of samples are copied to columns, so that sums of products are vectors of samples, and
// none of their numbers is computed in vain, however few columns there are. Sums of 4 x 3 columns
// stay in registers: 12 products take 7 vectors from the cache, and do not wait for each other.
// Meanwhile the next block comes from memory.

#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

// Of a vector of sums, and of one of a transpose, which moves numbers within 16 bytes.
#if defined(__AVX512F__)
constexpr int64_t BYTES = 64, WIDE_BYTES = 32;
#elif defined(__AVX__)
constexpr int64_t BYTES = 32, WIDE_BYTES = 32;
#else
constexpr int64_t BYTES = 16, WIDE_BYTES = 16;
#endif

template <typename T>
struct Types;
template <>
struct Types<float> {
  typedef float Vector __attribute__((vector_size(BYTES)));
  typedef float Wide __attribute__((vector_size(WIDE_BYTES)));
  typedef int32_t Order __attribute__((vector_size(WIDE_BYTES)));
};
template <>
struct Types<double> {
  typedef double Vector __attribute__((vector_size(BYTES)));
  typedef double Wide __attribute__((vector_size(WIDE_BYTES)));
  typedef int64_t Order __attribute__((vector_size(WIDE_BYTES)));
};
template <typename T>
using Vector = typename Types<T>::Vector;
template <typename T>
using Wide = typename Types<T>::Wide;

// Numbers in a vector: LANES of samples; a transpose makes FEW columns of ROWS rows.
template <typename T>
constexpr int64_t LANES = BYTES / sizeof(T);
template <typename T>
constexpr int64_t ROWS = WIDE_BYTES / sizeof(T);
template <typename T>
constexpr int64_t FEW = 16 / sizeof(T);

// Samples that are added up at a time. Columns are some cache lines further apart: at a distance of
// 4 KiB they would drive each other out of the cache.
constexpr int64_t BLOCK = 512, COLUMN = BLOCK + 16;
constexpr int64_t TILE = 4;

// Memory of numbers as vectors, which need no more alignment than a number.
template <typename V, typename T>
struct Unaligned {
  typedef V type __attribute__((aligned(sizeof(T)), may_alias));
};

template <typename V, typename T>
V load(const T* a) {
  return *reinterpret_cast<const typename Unaligned<V, T>::type*>(a);
}

template <typename V, typename T>
void store(T* a, V v) {
  *reinterpret_cast<typename Unaligned<V, T>::type*>(a) = v;
}

// Memory for columns, all 0, from the start of a cache line on. The allocator's begins 16 bytes after
// one as often as not, and a vector in two lines takes twice as long to load: a fit would be quick or
// slow by chance.
template <typename T>
class Columns {
 public:
  explicit Columns(int64_t count) : lines_((count - 1) / Line::SIZE + 1) {}

  T* data() { return reinterpret_cast<T*>(lines_.data()); }

 private:
  struct alignas(64) Line {
    static constexpr int64_t SIZE = 64 / sizeof(T);
    T numbers[SIZE];
  };
  std::vector<Line> lines_;
};

// The low, or the high, numbers of each 16 bytes of two vectors in turn; or their first 16 bytes.
enum Picked { LOW, HIGH, FIRST };

template <typename T, Picked picked>
constexpr int source(int lane) {
  constexpr int few = FEW<T>, rows = ROWS<T>;
  if (picked == FIRST) return lane < few ? lane : rows + lane - few;
  return lane / few * few + lane % few / 2 + lane % 2 * rows + (picked == HIGH ? few / 2 : 0);
}

template <typename T, Picked picked, int... lane>
Wide<T> pick(Wide<T> a, Wide<T> b, std::integer_sequence<int, lane...>) {
#ifdef __clang__
  return __builtin_shufflevector(a, b, source<T, picked>(lane)...);
#else
  return __builtin_shuffle(a, b, typename Types<T>::Order{source<T, picked>(lane)...});
#endif
}

template <typename T, Picked picked>
Wide<T> pick(Wide<T> a, Wide<T> b) {
  return pick<T, picked>(a, b, std::make_integer_sequence<int, ROWS<T>>());
}

// Transposes FEW x FEW numbers in each 16 bytes of FEW vectors.
template <typename T>
void transpose(Wide<T>* v) {
  const auto interleave = [&](int i, int j) {
    const Wide<T> low = pick<T, LOW>(v[i], v[j]);
    v[j] = pick<T, HIGH>(v[i], v[j]);
    v[i] = low;
  };
  if constexpr (FEW<T> == 4) {
    interleave(0, 2);
    interleave(1, 3);
    interleave(2, 3);
  }
  interleave(0, 1);
}

// ROWS rows, at a distance of p, to columns. Reads ROWS numbers of each, and uses FEW.
template <typename T>
void copy_columns(const T* rows, int64_t p, T* columns) {
  Wide<T> v[FEW<T>];
  for (int64_t i = 0; i < FEW<T>; i++) {
    v[i] = load<Wide<T>>(rows + i * p);
    if (ROWS<T> > FEW<T>) v[i] = pick<T, FIRST>(v[i], load<Wide<T>>(rows + (FEW<T> + i) * p));
  }
  transpose<T>(v);
  for (int64_t j = 0; j < FEW<T>; j++) store(columns + j * COLUMN, v[j]);
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
    for (int64_t j = 0; j < p; j += FEW<T>) copy_columns(from + j, p, columns + j * COLUMN + i);
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

// What is to be fetched from memory meanwhile: at most so many bytes of it for each vector.
struct Ahead {
  const char* next;
  int64_t step;

  void fetch() {
    __builtin_prefetch(next);
    next += step;
  }
};

// Adds a tile of A'A to the gram matrix: sums of vectors in T, and from then on float64.
template <typename T, int COUNT>
void add_tile(const T* left, const T* right, int64_t n, double* gram, int64_t width,
              Ahead& ahead) {
  constexpr bool triangle = COUNT == TILE;  // left and right are the same
  Vector<T> sums[COUNT][TILE];
#pragma GCC unroll 4
  for (int64_t b = 0; b < COUNT; b++)
#pragma GCC unroll 4
    for (int64_t a = 0; a < TILE; a++) sums[b][a] = Vector<T>{};
  for (int64_t i = 0; i < n; i += LANES<T>) {
    ahead.fetch();
    Vector<T> column[COUNT];
#pragma GCC unroll 4
    for (int64_t b = 0; b < COUNT; b++) column[b] = load<Vector<T>>(right + b * COLUMN + i);
#pragma GCC unroll 4
    for (int64_t a = 0; a < TILE; a++) {
      const Vector<T> by = triangle ? column[a % COUNT] : load<Vector<T>>(left + a * COLUMN + i);
      // Without this, GCC reads it again for each product, and not once into a register.
      asm volatile("" ::: "memory");
#pragma GCC unroll 4
      for (int64_t b = triangle ? a : 0; b < COUNT; b++) sums[b][a] += column[b] * by;
    }
  }
#pragma GCC unroll 4
  for (int64_t b = 0; b < COUNT; b++) {
    T lanes[TILE * LANES<T>];
#pragma GCC unroll 4
    for (int64_t a = 0; a < TILE; a++) store(lanes + a * LANES<T>, sums[b][a]);
    for (int64_t a = 0; a < TILE; a += FEW<T>) {
      Wide<T> v[FEW<T>] = {};
      for (int64_t e = 0; e < FEW<T>; e++)
        for (int64_t l = 0; l < LANES<T>; l += ROWS<T>)
          v[e] += load<Wide<T>>(lanes + (a + e) * LANES<T> + l);
      transpose<T>(v);
      for (int64_t e = 1; e < FEW<T>; e++) v[0] += v[e];
      for (int64_t e = 0; e < ROWS<T>; e++) gram[b * width + a + e % FEW<T>] += v[0][e];
    }
  }
}

// Adds the lower triangle of A'A, A = [1 X y], of samples from `first` to `last` to the gram
// matrix, (width, width), width being p + 2 filled up to whole tiles.
template <typename T>
void add_products(const T* X, const T* y, int64_t p, int64_t first, int64_t last, double* gram,
                  int64_t width) {
  // A transpose may write FEW - 1 columns too many.
  Columns<T> columns((width + FEW<T>) * COLUMN);
  std::vector<T> rows(ROWS<T> * (p + 1));
  T* const A = columns.data();
  const std::vector<Tile> tiles = lower_triangle(p + 2);
  decltype(&add_tile<T, 1>) const add[] = {add_tile<T, 1>, add_tile<T, 2>, add_tile<T, 3>,
                                           add_tile<T, TILE>};
  const double count = last - first;
  std::fill_n(A, BLOCK, T(1));
  for (; first < last; first += BLOCK) {
    const int64_t rest = last - first;
    const int64_t n = (std::min(BLOCK, rest) + LANES<T> - 1) / LANES<T> * LANES<T>;
    copy_block(X + first * p, p, n, rest, rows.data(), &A[COLUMN]);
    T* targets = &A[(1 + p) * COLUMN];
    std::fill(std::copy_n(y + first, std::min(n, rest), targets), targets + n, T(0));
    const int64_t next = std::clamp<int64_t>(rest - BLOCK, 0, BLOCK) * p * sizeof(T);
    Ahead ahead = {reinterpret_cast<const char*>(X + (first + BLOCK) * p),
                   next * LANES<T> / (n * int64_t(tiles.size()))};
    for (const auto [j, k, count] : tiles)
      add[count - 1](&A[j * COLUMN], &A[k * COLUMN], n, gram + k * width + j, width, ahead);
  }
  gram[0] = count;  // also of the ones that fill up the last vector
}

}  // namespace
