// SPDX-License-Identifier: Apache-2.0
#pragma once

// Vectors of one instruction set, for sources that are compiled once per set. The including file
// defines MXSCOPE_ISA, the namespace of everything compiled for that set; nothing from the standard
// library that could be emitted as a shared inline function is used here, or the linker could keep
// a copy that the processor cannot run.

#include <cstdint>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace mxscope::kernels::MXSCOPE_ISA {

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define MXSCOPE_SIMD_AVX512 1
inline constexpr int kLanes = 16;
#elif defined(__AVX2__) && defined(__F16C__)
#define MXSCOPE_SIMD_AVX2 1
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef std::uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef std::uint16_t Halves __attribute__((vector_size(2 * kLanes)));
typedef std::uint16_t Packed __attribute__((vector_size(4 * kLanes)));  // 2 kLanes halves
typedef double Doubles __attribute__((vector_size(4 * kLanes)));        // kLanes / 2 numbers

#define MXSCOPE_INLINE static inline __attribute__((always_inline))

template <class To, class From>
MXSCOPE_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}

MXSCOPE_INLINE Floats splat(float value) { return value - Floats{}; }
MXSCOPE_INLINE Ints splat(std::int32_t value) { return value - Ints{}; }

MXSCOPE_INLINE Ints max_of(Ints a, Ints b) {
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Ints>(
      _mm512_max_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(MXSCOPE_SIMD_AVX2)
  return reinterpret_cast<Ints>(
      _mm256_max_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  return a > b ? a : b;
#endif
}
MXSCOPE_INLINE Ints min_of(Ints a, Ints b) {
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Ints>(
      _mm512_min_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(MXSCOPE_SIMD_AVX2)
  return reinterpret_cast<Ints>(
      _mm256_min_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  return a < b ? a : b;
#endif
}

// b where a is not a number, so a clamp with b = limit swallows NaN.
MXSCOPE_INLINE Floats min_of(Floats a, Floats b) {
#if defined(MXSCOPE_SIMD_AVX512)
  return _mm512_min_ps(a, b);
#elif defined(MXSCOPE_SIMD_AVX2)
  return _mm256_min_ps(a, b);
#elif defined(__SSE2__)
  return __builtin_ia32_minps(a, b);
#else
  return a < b ? a : b;
#endif
}
MXSCOPE_INLINE Floats max_of(Floats a, Floats b) {
#if defined(MXSCOPE_SIMD_AVX512)
  return _mm512_max_ps(a, b);
#elif defined(MXSCOPE_SIMD_AVX2)
  return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
  return __builtin_ia32_maxps(a, b);
#else
  return a > b ? a : b;
#endif
}

// a * b + c, rounded once where the processor has a fused operation.
MXSCOPE_INLINE Floats fused(Floats a, Floats b, Floats c) {
#if defined(MXSCOPE_SIMD_AVX512)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(MXSCOPE_SIMD_AVX2) && defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

// a between -limit and limit; any number within them for NaN.
MXSCOPE_INLINE Floats clamp_magnitude(Floats a, float limit) {
#if defined(MXSCOPE_SIMD_AVX512)
  constexpr int kSmallerMagnitude = 2;  // with the sign of the first operand
  return _mm512_range_ps(a, splat(limit), kSmallerMagnitude);
#else
  return max_of(min_of(a, splat(limit)), splat(-limit));
#endif
}

// Lane i of the result is lane index[i] of a.
MXSCOPE_INLINE Ints permute(Ints a, Ints index) { return __builtin_shuffle(a, index); }

MXSCOPE_INLINE Ints lane_numbers() {
  Ints numbers;
  for (int i = 0; i < kLanes; ++i) {
    numbers[i] = i;
  }
  return numbers;
}

template <int kDistance, class V, std::size_t... kIndex>
MXSCOPE_INLINE V exchange(V a, std::index_sequence<kIndex...>) {
  return __builtin_shufflevector(a, a, (static_cast<int>(kIndex) ^ kDistance)...);
}

// Every lane gets the maximum of its aligned group of `kGroup` lanes.
template <int kGroup, int kDistance = 1>
MXSCOPE_INLINE Ints group_max(Ints a) {
  if constexpr (kDistance < kGroup) {
    a = max_of(a, exchange<kDistance>(a, std::make_index_sequence<kLanes>{}));
    return group_max<kGroup, kDistance * 2>(a);
  } else {
    return a;
  }
}

template <int kFirst, std::size_t... kIndex>
MXSCOPE_INLINE Doubles widen_from(Floats a, std::index_sequence<kIndex...>) {
  return __builtin_convertvector(
      __builtin_shufflevector(a, a, (kFirst + static_cast<int>(kIndex))...), Doubles);
}
MXSCOPE_INLINE Doubles low_doubles(Floats a) {
  return widen_from<0>(a, std::make_index_sequence<kLanes / 2>{});
}
MXSCOPE_INLINE Doubles high_doubles(Floats a) {
  return widen_from<kLanes / 2>(a, std::make_index_sequence<kLanes / 2>{});
}
template <std::size_t... kIndex>
MXSCOPE_INLINE Floats join(Doubles low, Doubles high, std::index_sequence<kIndex...>) {
  typedef float Half __attribute__((vector_size(2 * kLanes)));
  return __builtin_shufflevector(__builtin_convertvector(low, Half),
                                 __builtin_convertvector(high, Half), static_cast<int>(kIndex)...);
}
// The inverse of low_doubles() and high_doubles(), rounded.
MXSCOPE_INLINE Floats join(Doubles low, Doubles high) {
  return join(low, high, std::make_index_sequence<kLanes>{});
}
MXSCOPE_INLINE double sum_of(Doubles a) {
  double sum = 0;
  for (int i = 0; i < kLanes / 2; ++i) {
    sum += a[i];
  }
  return sum;
}

MXSCOPE_INLINE Floats load_floats(const float* from) {
  Floats to;
  __builtin_memcpy(&to, from, sizeof(to));
  return to;
}
MXSCOPE_INLINE void store_floats(float* to, Floats from) {
  __builtin_memcpy(to, &from, sizeof(from));
}

template <std::size_t... kIndex>
MXSCOPE_INLINE Floats add_pairs(Floats a, Floats b, std::index_sequence<kIndex...>) {
  return __builtin_shufflevector(a, b, (2 * static_cast<int>(kIndex))...) +
         __builtin_shufflevector(a, b, (2 * static_cast<int>(kIndex) + 1)...);
}
// Lane i of the result is the sum over the lanes of rows[i]; the order of the sums is fixed.
MXSCOPE_INLINE Floats sums_of_rows(Floats (&rows)[kLanes]) {
  for (int count = kLanes; count > 1; count /= 2) {
    for (int i = 0; i < count / 2; ++i) {
      rows[i] = add_pairs(rows[2 * i], rows[2 * i + 1], std::make_index_sequence<kLanes>{});
    }
  }
  return rows[0];
}

#if defined(MXSCOPE_SIMD_AVX512) || defined(MXSCOPE_SIMD_AVX2)
#define MXSCOPE_SIMD_PACKED 1
MXSCOPE_INLINE Packed load_packed(const std::uint16_t* from) {
  Packed to;
  __builtin_memcpy(&to, from, sizeof(to));
  return to;
}
MXSCOPE_INLINE void store_packed(std::uint16_t* to, Packed from) {
  __builtin_memcpy(to, &from, sizeof(from));
}
MXSCOPE_INLINE Packed max_of(Packed a, Packed b) {
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Packed>(
      _mm512_max_epu16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#else
  return reinterpret_cast<Packed>(
      _mm256_max_epu16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#endif
}

// Largest of eight halves; the processor has a horizontal minimum only.
MXSCOPE_INLINE std::int32_t largest_of_eight(__m128i halves) {
  return 0xFFFF - _mm_extract_epi16(_mm_minpos_epu16(_mm_xor_si128(halves, _mm_set1_epi16(-1))), 0);
}
// Largest of `length` halves without their sign bits; length is 8 at least.
MXSCOPE_INLINE std::int32_t largest_half(const std::uint16_t* from, std::int64_t length) {
  constexpr std::int64_t kWidth = 2 * kLanes;
  if (length >= kWidth) {
    Packed wide = load_packed(from + length - kWidth) & 0x7FFF;
    for (std::int64_t i = 0; i + kWidth < length; i += kWidth) {
      wide = max_of(wide, load_packed(from + i) & 0x7FFF);
    }
#if defined(MXSCOPE_SIMD_AVX512)
    const __m512i all = reinterpret_cast<__m512i>(wide);
    const __m256i x =
        _mm256_max_epu16(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
#else
    const __m256i x = reinterpret_cast<__m256i>(wide);
#endif
    return largest_of_eight(
        _mm_max_epu16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
  }
  const __m128i magnitude = _mm_set1_epi16(0x7FFF);
  __m128i largest;
  __builtin_memcpy(&largest, from + length - 8, sizeof(largest));
  largest = _mm_and_si128(largest, magnitude);
  for (std::int64_t i = 0; i + 8 < length; i += 8) {
    __m128i halves;
    __builtin_memcpy(&halves, from + i, sizeof(halves));
    largest = _mm_max_epu16(largest, _mm_and_si128(halves, magnitude));
  }
  return largest_of_eight(largest);
}

// Every half gets the maximum of its aligned group of `kGroup` halves, 4 at most.
template <int kGroup>
MXSCOPE_INLINE Packed group_max(Packed a) {
  if constexpr (kGroup > 1) {
    const Words pairs = bits_as<Words>(a);
    a = max_of(a, bits_as<Packed>((pairs << 16) | (pairs >> 16)));
  }
  const auto with = [](Packed x, Ints y) { return max_of(x, bits_as<Packed>(y)); };
  constexpr auto kAll = std::make_index_sequence<kLanes>{};
  if constexpr (kGroup > 2) {
    a = with(a, exchange<1>(bits_as<Ints>(a), kAll));
  }
  return a;
}

#if defined(MXSCOPE_SIMD_AVX512)
#define MXSCOPE_LANEWISE(name, a, b, ...)                              \
  reinterpret_cast<Packed>(_mm512_##name(reinterpret_cast<__m512i>(a), \
                                         reinterpret_cast<__m512i>(b) __VA_OPT__(, ) __VA_ARGS__))
#else
#define MXSCOPE_LANEWISE(name, a, b, ...)                              \
  reinterpret_cast<Packed>(_mm256_##name(reinterpret_cast<__m256i>(a), \
                                         reinterpret_cast<__m256i>(b) __VA_OPT__(, ) __VA_ARGS__))
#endif
// Maxima of every eight halves of four registers that follow each other in memory: lane 4 i + k of
// the result holds, twice, that of the i-th eight of parts[k].
MXSCOPE_INLINE Ints maxima_of_eights(const Packed (&parts)[4]) {
  const auto by_four = [](Packed a, Packed b) {
    return max_of(MXSCOPE_LANEWISE(unpacklo_epi64, a, b), MXSCOPE_LANEWISE(unpackhi_epi64, a, b));
  };
  const Floats a = bits_as<Floats>(by_four(parts[0], parts[1]));
  const Floats b = bits_as<Floats>(by_four(parts[2], parts[3]));
#if defined(MXSCOPE_SIMD_AVX512)
  const Floats even = _mm512_shuffle_ps(a, b, 0x88);
  const Floats odd = _mm512_shuffle_ps(a, b, 0xDD);
#else
  const Floats even = _mm256_shuffle_ps(a, b, 0x88);
  const Floats odd = _mm256_shuffle_ps(a, b, 0xDD);
#endif
  return bits_as<Ints>(group_max<2>(max_of(bits_as<Packed>(even), bits_as<Packed>(odd))));
}
// The same with the maximum of every kBlock halves, 8 to a register, in place of that of its
// eights.
template <int kBlock>
MXSCOPE_INLINE Ints maxima_of_blocks(const Packed (&parts)[4]) {
  static_assert(kBlock >= 8 && kBlock <= 8 * kLanes);
  constexpr auto kAll = std::make_index_sequence<kLanes>{};
  Ints a = maxima_of_eights(parts);
  const auto join = [&](Ints other) {
    a = bits_as<Ints>(max_of(bits_as<Packed>(a), bits_as<Packed>(other)));
  };
  if constexpr (kBlock > 8) {
    join(exchange<4>(a, kAll));
  }
  if constexpr (kBlock > 16 && kLanes == 16) {
    join(exchange<8>(a, kAll));
  }
  if constexpr (kBlock > 2 * kLanes) {
    join(exchange<1>(a, kAll));
  }
  if constexpr (kBlock > 4 * kLanes) {
    join(exchange<2>(a, kAll));
  }
  return a;
}

// Two vectors of 32-bit lanes that hold what a Packed holds, in an order of their own.
struct IntPair {
  Ints first, second;
};
struct FloatPair {
  Floats first, second;
};
// Halves in the upper half of the lanes, zeros below: in order within each 128 bits.
MXSCOPE_INLINE IntPair unpack_high(Packed a) {
#if defined(MXSCOPE_SIMD_AVX512)
  const __m512i x = reinterpret_cast<__m512i>(a);
  const __m512i zero = _mm512_setzero_si512();
  return {reinterpret_cast<Ints>(_mm512_unpacklo_epi16(zero, x)),
          reinterpret_cast<Ints>(_mm512_unpackhi_epi16(zero, x))};
#else
  const __m256i x = reinterpret_cast<__m256i>(a);
  const __m256i zero = _mm256_setzero_si256();
  return {reinterpret_cast<Ints>(_mm256_unpacklo_epi16(zero, x)),
          reinterpret_cast<Ints>(_mm256_unpackhi_epi16(zero, x))};
#endif
}
// Undoes it: the upper halves of the lanes.
MXSCOPE_INLINE Packed pack_high(FloatPair a) {
  const Ints first = bits_as<Ints>(bits_as<Words>(a.first) >> 16);
  const Ints second = bits_as<Ints>(bits_as<Words>(a.second) >> 16);
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Packed>(
      _mm512_packus_epi32(reinterpret_cast<__m512i>(first), reinterpret_cast<__m512i>(second)));
#else
  return reinterpret_cast<Packed>(
      _mm256_packus_epi32(reinterpret_cast<__m256i>(first), reinterpret_cast<__m256i>(second)));
#endif
}
#endif

MXSCOPE_INLINE Halves load_halves(const std::uint16_t* from) {
  Halves to;
  __builtin_memcpy(&to, from, sizeof(to));
  return to;
}
MXSCOPE_INLINE void store_halves(std::uint16_t* to, Halves from) {
  __builtin_memcpy(to, &from, sizeof(from));
}
MXSCOPE_INLINE Halves narrow(Ints from) {
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Halves>(_mm512_cvtepi32_epi16(reinterpret_cast<__m512i>(from)));
#elif defined(MXSCOPE_SIMD_AVX2)
  const __m256i words = reinterpret_cast<__m256i>(from);
  return reinterpret_cast<Halves>(
      _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
#else
  return __builtin_convertvector(from, Halves);
#endif
}

MXSCOPE_INLINE Ints widen(Halves from) {
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Ints>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(from)));
#elif defined(MXSCOPE_SIMD_AVX2)
  return reinterpret_cast<Ints>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(from)));
#else
  return __builtin_convertvector(from, Ints);
#endif
}

MXSCOPE_INLINE Floats from_bfloat16(Halves from) { return bits_as<Floats>(widen(from) << 16); }

// Round to nearest even; NaN becomes the canonical one.
MXSCOPE_INLINE Halves to_bfloat16(Floats from) {
  const Ints bits = bits_as<Ints>(from);
  const Words word = bits_as<Words>(bits);
  const Words rounded = (word + 0x7FFFU + ((word >> 16) & 1U)) >> 16;
  return narrow((bits & 0x7FFFFFFF) > 0x7F800000 ? splat(0x7FC0) : bits_as<Ints>(rounded));
}

MXSCOPE_INLINE Floats from_float16(Halves from) {
#if defined(MXSCOPE_SIMD_AVX512)
  return _mm512_cvtph_ps(reinterpret_cast<__m256i>(from));
#elif defined(MXSCOPE_SIMD_AVX2)
  return _mm256_cvtph_ps(reinterpret_cast<__m128i>(from));
#else
  const Ints bits = widen(from);
  const Ints magnitude = (bits & 0x7FFF) << 13;
  const Ints value = bits_as<Ints>(bits_as<Floats>(magnitude) * 0x1p112F);
  const Ints special = magnitude | 0x7F800000;
  return bits_as<Floats>((magnitude >= 0x0F800000 ? special : value) | ((bits & 0x8000) << 16));
#endif
}

MXSCOPE_INLINE Halves to_float16(Floats from) {
#if defined(MXSCOPE_SIMD_AVX512)
  const Halves half = reinterpret_cast<Halves>(
      _mm512_cvtps_ph(from, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  return (half & 0x7FFF) > 0x7C00 ? Halves{} + 0x7E00 : half;
#elif defined(MXSCOPE_SIMD_AVX2)
  const Halves half = reinterpret_cast<Halves>(
      _mm256_cvtps_ph(from, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  return (half & 0x7FFF) > 0x7C00 ? Halves{} + 0x7E00 : half;
#else
  const Ints bits = bits_as<Ints>(from);
  const Ints magnitude = bits & 0x7FFFFFFF;
  const Ints sign = (bits >> 16) & 0x8000;
  // Adding 0.5 leaves exactly the bits of a multiple of 2^-24 in the mantissa.
  const Ints subnormal =
      bits_as<Ints>(bits_as<Floats>(magnitude) + 0.5F) - bits_as<std::int32_t>(0.5F);
  const Ints normal = (magnitude - (112 << 23) + 0xFFF + ((magnitude >> 13) & 1)) >> 13;
  Ints half = magnitude < 0x38800000 ? subnormal : normal;
  half = half > 0x7C00 ? splat(0x7C00) : half;
  half = half | sign;
  return narrow(magnitude > 0x7F800000 ? splat(0x7E00) : half);
#endif
}

#if defined(MXSCOPE_SIMD_PACKED)
MXSCOPE_INLINE FloatPair unpack_float16(Packed a) {
#if defined(MXSCOPE_SIMD_AVX512)
  const __m512i x = reinterpret_cast<__m512i>(a);
  return {_mm512_cvtph_ps(_mm512_castsi512_si256(x)),
          _mm512_cvtph_ps(_mm512_extracti64x4_epi64(x, 1))};
#else
  const __m256i x = reinterpret_cast<__m256i>(a);
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(x)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1))};
#endif
}
MXSCOPE_INLINE Packed pack_float16(FloatPair a) {
  constexpr int kRound = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
#if defined(MXSCOPE_SIMD_AVX512)
  return reinterpret_cast<Packed>(
      _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtps_ph(a.first, kRound)),
                         _mm512_cvtps_ph(a.second, kRound), 1));
#else
  return reinterpret_cast<Packed>(
      _mm256_inserti128_si256(_mm256_castsi128_si256(_mm256_cvtps_ph(a.first, kRound)),
                              _mm256_cvtps_ph(a.second, kRound), 1));
#endif
}
#endif

}  // namespace mxscope::kernels::MXSCOPE_ISA
