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
typedef double Doubles __attribute__((vector_size(4 * kLanes)));  // kLanes / 2 numbers

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

// Lane i of the result is lane index[i] of a.
MXSCOPE_INLINE Floats permute(Floats a, Ints index) { return __builtin_shuffle(a, index); }

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

#if defined(MXSCOPE_SIMD_AVX512) || defined(MXSCOPE_SIMD_AVX2)
#define MXSCOPE_SIMD_LARGEST_HALF 1
// Largest of `length` halves without their sign bits; length is a positive multiple of 8.
MXSCOPE_INLINE std::int32_t largest_half(const std::uint16_t* from, std::int64_t length) {
  const __m128i magnitude = _mm_set1_epi16(0x7FFF);
  __m128i largest = _mm_setzero_si128();
  for (std::int64_t i = 0; i < length; i += 8) {
    __m128i halves;
    __builtin_memcpy(&halves, from + i, sizeof(halves));
    largest = _mm_max_epu16(largest, _mm_and_si128(halves, magnitude));
  }
  // The processor has a horizontal minimum only.
  const __m128i least = _mm_minpos_epu16(_mm_xor_si128(largest, _mm_set1_epi16(-1)));
  return 0xFFFF - _mm_extract_epi16(least, 0);
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

}  // namespace mxscope::kernels::MXSCOPE_ISA
