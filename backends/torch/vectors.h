// Vectors of samples, and memory for columns of them.

#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int64_t BYTES = 64;
#elif defined(__AVX__)
constexpr int64_t BYTES = 32;
#else
constexpr int64_t BYTES = 16;
#endif

constexpr int64_t LINE_BYTES = 64;  // of the cache

// An integer of as many bits, and a vector of each.
template <typename T>
using Integer = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
template <typename T>
struct VectorOf {
  typedef T type __attribute__((vector_size(BYTES)));
};
template <typename T>
using Vector = typename VectorOf<T>::type;
template <typename T>
using Integers = Vector<Integer<T>>;
template <typename T>
constexpr int64_t LANES = BYTES / sizeof(T);

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

// Memory for columns, all 0, from the start of a cache line on. The allocator's begins at any
// multiple of 16 bytes, and a vector in two lines takes twice as long to load: a fit would be quick
// or slow by chance.
template <typename T>
class Columns {
 public:
  explicit Columns(int64_t count) : lines_((count + Line::SIZE - 1) / Line::SIZE) {}

  T* data() { return reinterpret_cast<T*>(lines_.data()); }

 private:
  struct alignas(LINE_BYTES) Line {
    static constexpr int64_t SIZE = LINE_BYTES / sizeof(T);
    T numbers[SIZE];
  };
  std::vector<Line> lines_;
};

// What is added to the numbers of a vector on the way to their sum: those `half` a vector away.
template <typename T, int64_t half, int... lane>
Vector<T> other_half(Vector<T> v, std::integer_sequence<int, lane...>) {
#ifdef __clang__
  return __builtin_shufflevector(v, v, (lane ^ half)...);
#else
  return __builtin_shuffle(v, Integers<T>{(lane ^ half)...});
#endif
}

template <typename T, int64_t half = LANES<T> / 2>
T sum_of(Vector<T> v) {
  if constexpr (half == 0) {
    return v[0];
  } else {
    v += other_half<T, half>(v, std::make_integer_sequence<int, LANES<T>>());
    return sum_of<T, half / 2>(v);
  }
}

}  // namespace
