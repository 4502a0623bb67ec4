// SPDX-License-Identifier: Apache-2.0
#pragma once

// The instructions of compute capability 9.0a that a product needs: barriers in shared memory,
// tiles copied by the tensor memory accelerator (TMA), and matrix products of a warp group. Names
// and semantics are those of the PTX manual, sections "mbarrier", "cp.async.bulk.tensor" and
// "wgmma".

#include <cuda.h>

#include <cstdint>

#include "mxscope/kernels/element_format.h"

namespace mxscope::kernels::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// Barriers, by their address in shared memory.
__device__ __forceinline__ void init_barrier(std::uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}
// Makes initialised barriers visible to the cluster and to the TMA.
__device__ __forceinline__ void fence_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void expect_bytes(std::uint32_t barrier, std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void wait_barrier(std::uint32_t barrier, std::uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra ready;\n"
      "bra again;\n"
      "ready:\n"
      "}\n" ::"r"(barrier),
      "r"(parity)
      : "memory");
}
// Arrives at the same barrier of block `rank` of the cluster. For who has only read: a release at
// the cluster's scope, which writes would need, is a fence of all memory (a third of the speed).
__device__ __forceinline__ void arrive_in_cluster(std::uint32_t barrier, std::uint32_t rank) {
  asm volatile(
      "{\n"
      ".reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
      "}\n" ::"r"(barrier),
      "r"(rank)
      : "memory");
}
__device__ __forceinline__ std::uint32_t cluster_rank() {
  std::uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ __forceinline__ void sync_cluster() {
  asm volatile(
      "barrier.cluster.arrive.release.aligned;\n"
      "barrier.cluster.wait.acquire.aligned;" ::
          : "memory");
}
__device__ __forceinline__ void sync_warp_group(int group) {
  asm volatile("bar.sync %0, 128;" ::"r"(group + 1) : "memory");
}

// Copies of a map's box whose first element is at (column, row).
__device__ __forceinline__ void load_tile(std::uint32_t target, const CUtensorMap& map,
                                          std::uint32_t barrier, int column, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
      " [%0], [%1, {%3, %4}], [%2];" ::"r"(target),
      "l"(&map), "r"(barrier), "r"(column), "r"(row)
      : "memory");
}
// To the same place of every block of the cluster in `blocks`; each one's barrier counts the bytes.
__device__ __forceinline__ void load_tile_for_all(std::uint32_t target, const CUtensorMap& map,
                                                  std::uint32_t barrier, int column, int row,
                                                  std::uint16_t blocks) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%4, %5}], [%2], %3;" ::"r"(target),
      "l"(&map), "r"(barrier), "h"(blocks), "r"(column), "r"(row)
      : "memory");
}
__device__ __forceinline__ void store_tile(const CUtensorMap& map, std::uint32_t source, int column,
                                           int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(&map),
      "r"(source), "r"(column), "r"(row)
      : "memory");
}
__device__ __forceinline__ void commit_stores() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
// Until this thread's stores have read their shared memory.
__device__ __forceinline__ void wait_stores_read() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}
// Before the TMA reads what threads wrote to shared memory.
__device__ __forceinline__ void fence_for_stores() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

template <int kCount>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}

// Four 8 x 8 matrices of 16-bit numbers from registers to shared memory; lane l names row l % 8 of
// matrix l / 8.
__device__ __forceinline__ void store_matrices(std::uint32_t row, std::uint32_t a, std::uint32_t b,
                                               std::uint32_t c, std::uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row),
               "r"(a), "r"(b), "r"(c), "r"(d)
               : "memory");
}

// A tile of rows of 128 bytes in shared memory, aligned to 1024 bytes, its 16-byte pieces swizzled
// as the TMA does in CU_TENSOR_MAP_SWIZZLE_128B; 8 rows are 1024 bytes. A step of 16 numbers along
// the row adds 2 to the descriptor.
__device__ __forceinline__ std::uint64_t tile_descriptor(std::uint32_t address) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62;
  constexpr std::uint64_t kStride = std::uint64_t{1024 >> 4} << 32;
  constexpr std::uint64_t kUnused = std::uint64_t{1} << 16;
  return kSwizzle128 | kStride | kUnused | ((address & 0x3FFFF) >> 4);
}

__device__ __forceinline__ void fence_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

#define MXSCOPE_F4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define MXSCOPE_F16(d, i) \
  MXSCOPE_F4(d, i), MXSCOPE_F4(d, i + 4), MXSCOPE_F4(d, i + 8), MXSCOPE_F4(d, i + 12)
#define MXSCOPE_F64(d, i) \
  MXSCOPE_F16(d, i), MXSCOPE_F16(d, i + 16), MXSCOPE_F16(d, i + 32), MXSCOPE_F16(d, i + 48)
#define MXSCOPE_WGMMA(types)                                                                    \
  asm volatile(                                                                                 \
      "{\n"                                                                                     \
      ".reg .pred add;\n"                                                                       \
      "setp.ne.b32 add, %130, 0;\n"                                                             \
      "wgmma.mma_async.sync.aligned.m64n256k16.f32." types                                      \
      " {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
      "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, "   \
      "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, "   \
      "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, "   \
      "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, "   \
      "%87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, "     \
      "%103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, "    \
      "%117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, %128, %129, add, 1, " \
      "1, 0, 0;\n"                                                                              \
      "}\n"                                                                                     \
      : MXSCOPE_F64(d, 0), MXSCOPE_F64(d, 64)                                                   \
      : "l"(a), "l"(b), "r"(add))

// d [64, 256] = a [64, 16] b [256, 16]^T, plus d where `add`, by the four warps of a group and
// asynchronously. Lane l of warp w holds in d[4 j .. 4 j + 3] the columns 8 j + 2 (l % 4) and the
// next, of rows 16 w + l / 4 and that + 8.
template <DType kType>
__device__ __forceinline__ void multiply(float (&d)[128], std::uint64_t a, std::uint64_t b,
                                         int add) {
  if constexpr (kType == DType::kBFloat16) {
    MXSCOPE_WGMMA("bf16.bf16");
  } else {
    MXSCOPE_WGMMA("f16.f16");
  }
}

#undef MXSCOPE_WGMMA
#undef MXSCOPE_F64
#undef MXSCOPE_F16
#undef MXSCOPE_F4

}  // namespace mxscope::kernels::cuda
