// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tensor types of the vector sources: how to load and store kLanes numbers, whole or in part.

#include "cpu/simd.h"

namespace mxscope::kernels::MXSCOPE_ISA {

struct Float32 {
  using Storage = float;
  static constexpr Storage kMinusInfinity = -__builtin_inff();
  MXSCOPE_INLINE Floats load(const Storage* from) { return load_floats(from); }
  MXSCOPE_INLINE void store(Storage* to, Floats value) { store_floats(to, value); }
  MXSCOPE_INLINE void store_exact(Storage* to, Floats value) { store_floats(to, value); }
};

struct BFloat16 {
  using Storage = std::uint16_t;
  static constexpr Storage kMinusInfinity = 0xFF80;
  MXSCOPE_INLINE Floats load(const Storage* from) { return from_bfloat16(load_halves(from)); }
  MXSCOPE_INLINE void store(Storage* to, Floats value) { store_halves(to, to_bfloat16(value)); }
  // A number quantised from bfloat16 fits bfloat16: its step is either finer than the input's, and
  // then the input came through unchanged, or a multiple of bfloat16's finest.
  MXSCOPE_INLINE void store_exact(Storage* to, Floats value) {
    store_halves(to, narrow(bits_as<Ints>(bits_as<Words>(value) >> 16)));
  }
#if defined(MXSCOPE_SIMD_PACKED)
  MXSCOPE_INLINE FloatPair unpack(Packed halves) {
    const IntPair pair = unpack_high(halves);
    return {bits_as<Floats>(pair.first), bits_as<Floats>(pair.second)};
  }
  MXSCOPE_INLINE Packed pack_exact(FloatPair values) { return pack_high(values); }
  MXSCOPE_INLINE float widen_one(Storage half) {
    return bits_as<float>(static_cast<std::uint32_t>(half) << 16);
  }
  // Of lanes that hold a half twice.
  MXSCOPE_INLINE Floats widen_lanes(Ints twice) {
    return bits_as<Floats>(twice & static_cast<std::int32_t>(0xFFFF0000));
  }
  // Lane of maxima_of_eights() for each lane of unpack(): first and second of parts[0].
  MXSCOPE_INLINE IntPair owners() {
    const Ints owner = lane_numbers() & -4;
    return {owner, owner};
  }
#endif
};

struct Float16 {
  using Storage = std::uint16_t;
  static constexpr Storage kMinusInfinity = 0xFC00;
  MXSCOPE_INLINE Floats load(const Storage* from) { return from_float16(load_halves(from)); }
  MXSCOPE_INLINE void store(Storage* to, Floats value) { store_halves(to, to_float16(value)); }
  MXSCOPE_INLINE void store_exact(Storage* to, Floats value) { store(to, value); }
#if defined(MXSCOPE_SIMD_PACKED)
  MXSCOPE_INLINE FloatPair unpack(Packed halves) { return unpack_float16(halves); }
  // Every NaN that the quantiser makes is the canonical one, which the conversion keeps.
  MXSCOPE_INLINE Packed pack_exact(FloatPair values) { return pack_float16(values); }
  MXSCOPE_INLINE float widen_one(Storage half) { return _cvtsh_ss(half); }
  MXSCOPE_INLINE Floats widen_lanes(Ints twice) { return from_float16(narrow(twice & 0xFFFF)); }
  MXSCOPE_INLINE IntPair owners() {
    const Ints owner = (lane_numbers() >> 3) << 2;
    return {owner, owner + kLanes / 2};
  }
#endif
};

// The first `count` numbers; `filler` in the other lanes.
template <class Type>
MXSCOPE_INLINE Floats load_part(const typename Type::Storage* from, int count,
                                typename Type::Storage filler = 0) {
  typename Type::Storage buffer[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    buffer[i] = filler;
  }
  __builtin_memcpy(buffer, from, static_cast<std::size_t>(count) * sizeof(buffer[0]));
  return Type::load(buffer);
}

template <class Type>
MXSCOPE_INLINE void store_part(typename Type::Storage* to, Floats value, int count) {
  typename Type::Storage buffer[kLanes];
  Type::store_exact(buffer, value);
  __builtin_memcpy(to, buffer, static_cast<std::size_t>(count) * sizeof(buffer[0]));
}

}  // namespace mxscope::kernels::MXSCOPE_ISA
