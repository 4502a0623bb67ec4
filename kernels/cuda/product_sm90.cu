// SPDX-License-Identifier: Apache-2.0
#include <cuda.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/detail/activation.cuh"
#include "cuda/detail/hopper.cuh"
#include "cuda/detail/pack.cuh"
#include "cuda/detail/quantize_pack.cuh"
#include "detail/quantize_math.h"
#include "detail/quantize_plan.h"
#include "mxscope/kernels/mx_quantize_cuda.h"
#include "mxscope/kernels/product.h"

// One block per multiprocessor takes tile after tile of the result. Two blocks, a cluster, work on
// tiles one below the other and share the weight's: each loads half of it for both. In a block one
// warp starts the copies, and two groups of four warps multiply 64 rows each.
namespace mxscope::kernels {
namespace {

using detail::QuantizePlan;

constexpr int kTileRows = 128;
constexpr int kTileFeatures = 256;  // rows of the weight's tile; for the gate 128 of gate and of up
constexpr int kTileDepth = 64;      // in_features of a stage: 128 bytes
constexpr int kCluster = 2;
constexpr int kGroups = 2;
constexpr int kGroupThreads = 128;
constexpr int kThreads = (1 + kGroups) * kGroupThreads;
constexpr int kLoaderRegisters = 40;
constexpr int kMultiplierRegisters = 232;

constexpr int kRowBytes = 128;                  // of a tile, swizzled
constexpr int kBoxColumns = 64;                 // of the result in such a row
constexpr int kXBytes = kTileRows * kRowBytes;  // of one stage
constexpr int kWeightBytes = kTileFeatures * kRowBytes;
constexpr int kStageBytes = kXBytes + kWeightBytes;
constexpr int kGroupRows = kTileRows / kGroups;
constexpr int kBoxBytes = kGroupRows * kRowBytes;  // of the result: 64 rows, 64 columns
constexpr int kTileAlignment = 1024;
constexpr int kGateColumns = kTileFeatures / 2;  // of the result in a tile
constexpr std::int64_t kMostRows = 1 << 30;      // tiles are counted in 32 bits

enum class Mode { kRotate, kGateSilu, kGateGeluTanh };
template <Mode kMode>
constexpr bool kIsGate = kMode == Mode::kGateSilu || kMode == Mode::kGateGeluTanh;
// The gate's result is half as wide, which leaves room for a fourth stage.
template <Mode kMode>
constexpr int kStagesOf = kIsGate<kMode> ? 4 : 3;
template <Mode kMode>
constexpr int kBoxesOf = kTileFeatures / kBoxColumns / (kIsGate<kMode> ? 2 : 1);
template <Mode kMode>
constexpr int kSharedBytes = kTileAlignment + kStagesOf<kMode>* kStageBytes +
                             kGroups* kBoxesOf<kMode>* kBoxBytes + 2 * kStagesOf<kMode> * 8;

// How the result's tiles are dealt to clusters: column by column through a chunk of rows, whose
// inputs then stay in the cache while all weights pass.
struct Tiles {
  int depth = 0;    // stages of a tile
  int pairs = 0;    // down
  int columns = 0;  // across
  int chunk = 1;    // pairs
  int up_row = 0;   // of the weight (gate)
};
constexpr int kChunk = 8;

struct Place {
  int row = 0;
  int column = 0;
};

__device__ __forceinline__ Place place_of(const Tiles& tiles, int index, std::uint32_t rank) {
  const int per_chunk = tiles.chunk * tiles.columns;
  const int first = index / per_chunk * tiles.chunk;
  const int height = min(tiles.chunk, tiles.pairs - first);
  const int in_chunk = index % per_chunk;
  const int pair = first + in_chunk % height;
  return {(pair * kCluster + static_cast<int>(rank)) * kTileRows, in_chunk / height};
}

// Address of the 16-byte piece `piece` of a row in a swizzled tile.
__device__ __forceinline__ std::uint32_t piece_address(std::uint32_t tile, int row, int piece) {
  return tile + static_cast<std::uint32_t>(row * kRowBytes + ((piece ^ (row & 7)) << 4));
}

// activation(gate) * up of one row's part of the tile, as two numbers of type in each word. The 128
// columns are in d as `multiply` leaves them: gate's, then up's; `half` chooses row 0 or row 8.
template <DType kType, GateActivation kActivation>
__device__ __forceinline__ void gate_row(const float (&d)[128], int half,
                                         std::uint32_t (&out)[16]) {
#pragma unroll
  for (int j = 0; j < 16; j += 2) {
    float x[4];
    float up[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int at = 4 * (j + i / 2) + 2 * half + i % 2;
      x[i] = d[at];
      up[i] = d[64 + at];
    }
    (void)cuda::round_pack<kType, 4>(x);
    (void)cuda::round_pack<kType, 4>(up);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      x[i] = cuda::activated<true>(kActivation, x[i]);
    }
    (void)cuda::round_pack<kType, 4>(x);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      x[i] *= up[i];
    }
    const auto pack = cuda::round_pack<kType, 4>(x);
    memcpy(&out[j], &pack, sizeof(pack));
  }
}

// Quantises such a row in place. A block is the columns of `pieces` neighbouring words, a power of
// two, of the four lanes that share a row.
template <DType kType>
__device__ __forceinline__ void quantize_row(const QuantizePlan& plan, int pieces,
                                             std::uint32_t (&row)[16]) {
  using Word = cuda::Pack<cuda::StorageOf<kType>, 2>;
  // The first word of a block gets the largest magnitudes of it, then the largest of all.
  Word most[16];
#pragma unroll
  for (int j = 0; j < 16; ++j) {
    most[j].units[0] = cuda::magnitudes(row[j]);
  }
#pragma unroll
  for (int step = 1; step < 16; step *= 2) {
    if (step < pieces) {
#pragma unroll
      for (int j = 0; j < 16; j += 2 * step) {
        most[j].units[0] =
            cuda::larger_of_two<kType, true>(most[j].units[0], most[j + step].units[0]);
      }
    }
  }
  std::int32_t largest = 0;
  std::int32_t exponent = 0;
#pragma unroll
  for (int j = 0; j < 16; ++j) {
    if ((j & (pieces - 1)) == 0) {
      largest = cuda::largest_bits<kType, 2>(most[j]);
      largest = max(largest, __shfl_xor_sync(cuda::kFullWarp, largest, 1));
      largest = max(largest, __shfl_xor_sync(cuda::kFullWarp, largest, 2));
      exponent = detail::block_exponent(plan, plan.rule, largest);
    }
    const Word word = {{row[j]}};
    row[j] = cuda::quantize_pack<kType, kType, true, 2>(plan, exponent, largest, word).units[0];
  }
}

struct Rotation {
  int columns = 0;
  std::int64_t rows = 0;
  const std::int64_t* positions = nullptr;
  const float* cos = nullptr;
  const float* sin = nullptr;
};

// Angles of some pieces of 8 columns, for rows `row` and row + 8 of this thread and its columns
// `lane_column` and the next.
constexpr int kAnglePieces = 4;
struct Angles {
  float2 cos[2][kAnglePieces];
  float2 sin[2][kAnglePieces];
};

template <int kHalf>
__device__ __forceinline__ void load_angles(const Rotation& rotation, int row, int lane_column,
                                            int first_piece, Angles& angles) {
#pragma unroll
  for (int below = 0; below < 2; ++below) {
    const std::int64_t at = row + 8 * below;
    const std::int64_t angle =
        (at < rotation.rows ? rotation.positions[at] * kHalf : 0) + 8 * first_piece + lane_column;
#pragma unroll
    for (int piece = 0; piece < kAnglePieces; ++piece) {
      angles.cos[below][piece] = *reinterpret_cast<const float2*>(rotation.cos + angle + 8 * piece);
      angles.sin[below][piece] = *reinterpret_cast<const float2*>(rotation.sin + angle + 8 * piece);
    }
  }
}

// Rotates those pieces of a tile's heads in d, with the roundings of rotate_cuda.
template <DType kType, int kHalf>
__device__ __forceinline__ void rotate_pieces(const Rotation& rotation, int column, int first_piece,
                                              const Angles& angles, float (&d)[128]) {
  constexpr int kPieces = kHalf / 8;
#pragma unroll
  for (int head = 0; head < kTileFeatures / (2 * kHalf); ++head) {
    if (column + head * 2 * kHalf < rotation.columns) {
#pragma unroll
      for (int piece = 0; piece < kAnglePieces; ++piece) {
#pragma unroll
        for (int below = 0; below < 2; ++below) {
          const int first = 4 * (head * 2 * kPieces + first_piece + piece) + 2 * below;
          const int second = first + 4 * kPieces;
          float a[2];
          float b[2];
          cuda::widen_two<kType>(cuda::narrow_two<kType>(d[first], d[first + 1]), a);
          cuda::widen_two<kType>(cuda::narrow_two<kType>(d[second], d[second + 1]), b);
          const float2 cos = angles.cos[below][piece];
          const float2 sin = angles.sin[below][piece];
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const float c = i == 0 ? cos.x : cos.y;
            const float s = i == 0 ? sin.x : sin.y;
            d[first + i] = a[i] * c - b[i] * s;
            d[second + i] = b[i] * c + a[i] * s;
          }
        }
      }
    }
  }
}

struct GateQuantizer {
  QuantizePlan plan;
  int pieces = 0;  // of 8 columns in a block; 0: not here
};

template <DType kType, Mode kMode, int kHalf = 0>
__global__ void __cluster_dims__(kCluster, 1, 1) __launch_bounds__(kThreads, 1)
    product_kernel(const __grid_constant__ CUtensorMap x_map,
                   const __grid_constant__ CUtensorMap weight_map,
                   const __grid_constant__ CUtensorMap out_map, const Tiles tiles,
                   const __grid_constant__ Rotation rotation,
                   const __grid_constant__ GateQuantizer quantizer) {
  constexpr int kStages = kStagesOf<kMode>;
  constexpr int kBoxes = kBoxesOf<kMode>;
  constexpr int kColumns = kBoxes * kBoxColumns;
  extern __shared__ std::uint8_t raw[];
  const std::uint32_t stages =
      (cuda::shared_address(raw) + kTileAlignment - 1) / kTileAlignment * kTileAlignment;
  const std::uint32_t results = stages + kStages * kStageBytes;
  const std::uint32_t full = results + kGroups * kBoxes * kBoxBytes;
  const std::uint32_t empty = full + kStages * 8;

  const std::uint32_t rank = cuda::cluster_rank();
  const int role = static_cast<int>(threadIdx.x) / kGroupThreads;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      cuda::init_barrier(full + s * 8, 1);
      cuda::init_barrier(empty + s * 8, kGroups * kCluster);
    }
    cuda::fence_barriers();
  }
  cuda::sync_cluster();

  const int total = tiles.pairs * tiles.columns;
  const int first = static_cast<int>(blockIdx.x) / kCluster;
  const int step = static_cast<int>(gridDim.x) / kCluster;
  int stage = 0;
  std::uint32_t parity = 0;
  const auto advance = [&] {
    if (++stage == kStages) {
      stage = 0;
      parity ^= 1;
    }
  };

  if (role == 0) {
    cuda::give_registers<kLoaderRegisters>();
    if (threadIdx.x == 0) {
      for (int index = first; index < total; index += step) {
        const Place place = place_of(tiles, index, rank);
        // Each block brings its half of the weight's rows; for the gate one brings up's.
        const int weight_row =
            kIsGate<kMode>
                ? place.column * kColumns + static_cast<int>(rank) * tiles.up_row
                : place.column * kColumns + static_cast<int>(rank) * (kTileFeatures / kCluster);
        for (int k = 0; k < tiles.depth; ++k) {
          const std::uint32_t x_tile = stages + stage * kStageBytes;
          const std::uint32_t weight_tile = x_tile + kXBytes + rank * (kWeightBytes / kCluster);
          cuda::wait_barrier(empty + stage * 8, parity ^ 1);
          cuda::expect_bytes(full + stage * 8, kStageBytes);
          cuda::load_tile(x_tile, x_map, full + stage * 8, k * kTileDepth, place.row);
          cuda::load_tile_for_all(weight_tile, weight_map, full + stage * 8, k * kTileDepth,
                                  weight_row, (1 << kCluster) - 1);
          advance();
        }
      }
    }
  } else {
    cuda::take_registers<kMultiplierRegisters>();
    const int group = role - 1;
    const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
    const int lane = thread % cuda::kWarp;
    const bool leads = thread == 0;
    const std::uint32_t result = results + group * kBoxes * kBoxBytes;
    // The row and piece that this lane names when matrices are stored: see store_matrices.
    const int lane_row = thread / cuda::kWarp * 16 + (lane & 7) + (lane & 8);
    const int lane_piece = lane >> 4;
    const auto release = [&](int s) {
      if (thread < kCluster) {
        cuda::arrive_in_cluster(empty + s * 8, static_cast<std::uint32_t>(thread));
      }
    };
    for (int index = first; index < total; index += step) {
      const Place place = place_of(tiles, index, rank);
      const int row = place.row + group * kGroupRows;
      const int column = place.column * kColumns;
      float d[128];
      int before = 0;
      for (int k = 0; k < tiles.depth; ++k) {
        const std::uint32_t x_tile = stages + stage * kStageBytes;
        const std::uint64_t x_rows = cuda::tile_descriptor(x_tile + group * kGroupRows * kRowBytes);
        const std::uint64_t weight_rows = cuda::tile_descriptor(x_tile + kXBytes);
        cuda::wait_barrier(full + stage * 8, parity);
        cuda::fence_products();
#pragma unroll
        for (int part = 0; part < kTileDepth / 16; ++part) {
          cuda::multiply<kType>(d, x_rows + 2 * part, weight_rows + 2 * part,
                                k > 0 || part > 0 ? 1 : 0);
        }
        cuda::commit_products();
        // The stage before is done when this one alone is under way.
        cuda::wait_products<1>();
        if (k > 0) {
          release(before);
        }
        before = stage;
        advance();
      }
      // Asked for while the last products are under way.
      const bool rotates = kMode == Mode::kRotate && column < rotation.columns;
      const int lane_own_row = row + thread / cuda::kWarp * 16 + lane / 4;
      const int lane_column = 2 * (lane % 4);
      Angles angles;
      if constexpr (kMode == Mode::kRotate) {
        if (rotates) {
          load_angles<kHalf>(rotation, lane_own_row, lane_column, 0, angles);
        }
      }
      cuda::wait_products<0>();
      release(before);

      // The tile before has left the shared memory that this one's result takes.
      if (leads) {
        cuda::wait_stores_read();
      }
      cuda::sync_warp_group(group);
      if constexpr (kIsGate<kMode>) {
        constexpr GateActivation kActivation =
            kMode == Mode::kGateSilu ? GateActivation::kSilu : GateActivation::kGeluTanh;
        std::uint32_t rows[2][16];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          gate_row<kType, kActivation>(d, half, rows[half]);
          if (quantizer.pieces > 0) {
            quantize_row<kType>(quantizer.plan, quantizer.pieces, rows[half]);
          }
        }
#pragma unroll
        for (int p = 0; p < 8; ++p) {
          cuda::store_matrices(
              piece_address(result + p / 4 * kBoxBytes, lane_row, p % 4 * 2 + lane_piece),
              rows[0][2 * p], rows[1][2 * p], rows[0][2 * p + 1], rows[1][2 * p + 1]);
        }
      } else {
        if (rotates) {
#pragma unroll
          for (int piece = 0; piece < kHalf / 8; piece += kAnglePieces) {
            if (piece > 0) {
              load_angles<kHalf>(rotation, lane_own_row, lane_column, piece, angles);
            }
            rotate_pieces<kType, kHalf>(rotation, column, piece, angles, d);
          }
        }
#pragma unroll
        for (int p = 0; p < 4 * kBoxes; ++p) {
          cuda::store_matrices(
              piece_address(result + p / 4 * kBoxBytes, lane_row, p % 4 * 2 + lane_piece),
              cuda::narrow_two<kType>(d[8 * p], d[8 * p + 1]),
              cuda::narrow_two<kType>(d[8 * p + 2], d[8 * p + 3]),
              cuda::narrow_two<kType>(d[8 * p + 4], d[8 * p + 5]),
              cuda::narrow_two<kType>(d[8 * p + 6], d[8 * p + 7]));
        }
      }
      cuda::fence_for_stores();
      cuda::sync_warp_group(group);
      if (leads) {
#pragma unroll
        for (int box = 0; box < kBoxes; ++box) {
          cuda::store_tile(out_map, result + box * kBoxBytes, column + box * kBoxColumns, row);
        }
        cuda::commit_stores();
      }
    }
    if (leads) {
      cuda::wait_stores_read();
    }
  }
  // No block may end while the other still copies to it or arrives at its barriers.
  cuda::sync_cluster();
}

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

// From the driver, without linking it.
EncodeTiled encode_tiled() noexcept {
  static const EncodeTiled function = [] {
    void* address = nullptr;
    cudaDriverEntryPointQueryResult found{};
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &address, 12000,
                                         cudaEnableDefault, &found) != cudaSuccess ||
        found != cudaDriverEntryPointSuccess) {
      (void)cudaGetLastError();
      address = nullptr;
    }
    return reinterpret_cast<EncodeTiled>(address);
  }();
  return function;
}

// A row-major matrix of 16-bit numbers, read or written in boxes of `box_rows` x 64.
bool make_map(CUtensorMap& map, DType dtype, const void* data, std::int64_t rows, std::int64_t cols,
              std::int64_t stride, int box_rows) noexcept {
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride) * 2};
  const cuuint32_t box[2] = {kBoxColumns, static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[2] = {1, 1};
  return encode_tiled()(&map,
                        dtype == DType::kBFloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                  : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
                        2, const_cast<void*>(data), sizes, strides, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                        CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

struct DeviceFacts {
  bool supported = false;
  int multiprocessors = 0;
};

DeviceFacts facts_of_current_device() noexcept {
  int device = 0;
  int major = 0;
  int minor = 0;
  DeviceFacts facts;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess ||
      cudaDeviceGetAttribute(&facts.multiprocessors, cudaDevAttrMultiProcessorCount, device) !=
          cudaSuccess) {
    (void)cudaGetLastError();
    return facts;
  }
  facts.supported = major == 9 && minor == 0 && encode_tiled() != nullptr;
  return facts;
}

bool fits(std::int64_t value) { return value >= kTileFeatures && value % 8 == 0; }

struct Launch {
  CUtensorMap x;
  CUtensorMap weight;
  CUtensorMap out;
  Tiles tiles;
  Rotation rotation;
  GateQuantizer quantizer;
  int multiprocessors = 0;
};

int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

// Maps and tiles of a product whose tiles are `columns` wide, with `weights` matrices in the
// weight; false where it is not supported.
bool prepare(const ProductArguments& a, int columns, int weights, Launch& launch) noexcept {
  const DeviceFacts facts = facts_of_current_device();
  if (!facts.supported || (a.dtype != DType::kBFloat16 && a.dtype != DType::kFloat16) ||
      !fits(a.in_features) || !fits(a.out_features) || !fits(a.x_stride) || !fits(a.out_stride) ||
      !cuda::is_aligned(a.x, a.x_stride, a.dtype, cuda::kPackBytes) ||
      !cuda::is_aligned(a.weight, a.in_features, a.dtype, cuda::kPackBytes) ||
      !cuda::is_aligned(a.out, a.out_stride, a.dtype, cuda::kPackBytes) || a.rows > kMostRows ||
      a.out_features > kMostRows) {
    return false;
  }
  launch.multiprocessors = facts.multiprocessors;
  launch.tiles.depth = ceil_div(a.in_features, kTileDepth);
  launch.tiles.pairs = ceil_div(a.rows, kTileRows * kCluster);
  launch.tiles.columns = ceil_div(a.out_features, columns);
  launch.tiles.chunk = std::min(kChunk, launch.tiles.pairs);
  launch.tiles.up_row = static_cast<int>(a.out_features);
  return make_map(launch.x, a.dtype, a.x, a.rows, a.in_features, a.x_stride, kTileRows) &&
         make_map(launch.weight, a.dtype, a.weight, weights * a.out_features, a.in_features,
                  a.in_features, kTileFeatures / kCluster) &&
         make_map(launch.out, a.dtype, a.out, a.rows, a.out_features, a.out_stride, kGroupRows);
}

template <DType kType, Mode kMode, int kHalf = 0>
int run(const Launch& l, cudaStream_t stream) {
  // Per device, and cheap.
  const cudaError_t prepared =
      cudaFuncSetAttribute(product_kernel<kType, kMode, kHalf>,
                           cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes<kMode>);
  if (prepared != cudaSuccess) {
    return static_cast<int>(prepared);
  }
  const int blocks =
      std::min(l.multiprocessors / kCluster, l.tiles.pairs * l.tiles.columns) * kCluster;
  product_kernel<kType, kMode, kHalf>
      <<<static_cast<unsigned>(blocks), kThreads, kSharedBytes<kMode>, stream>>>(
          l.x, l.weight, l.out, l.tiles, l.rotation, l.quantizer);
  return static_cast<int>(cudaGetLastError());
}

template <Mode kMode, int kHalf = 0>
int run_as(DType dtype, const Launch& launch, cudaStream_t stream) {
  return dtype == DType::kBFloat16 ? run<DType::kBFloat16, kMode, kHalf>(launch, stream)
                                   : run<DType::kFloat16, kMode, kHalf>(launch, stream);
}

// Blocks that lie within the columns of a tile, and share their scale by the usual rules.
int pieces_of(const QuantizePlan& plan) {
  const bool here = plan.path == detail::Path::kBlocks && !cuda::is_per_element(plan) &&
                    plan.rule != detail::ExponentRule::kMse && plan.rounding == Rounding::kEven &&
                    cuda::is_power_of_two(plan.block) && plan.block >= 8 &&
                    plan.block <= kGateColumns;
  return here ? static_cast<int>(plan.block / 8) : 0;
}

}  // namespace

int rotated_product_cuda(const ProductArguments& a, const ProductRotation& rotation,
                         CUstream_st* stream) noexcept {
  if (a.rows <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  Launch launch;
  if (rotation.half <= 0 || rotation.columns < 0 || rotation.columns % (2 * rotation.half) != 0 ||
      rotation.columns > a.out_features ||
      !cuda::is_aligned(rotation.cos, rotation.half, DType::kFloat32, cuda::kPackBytes) ||
      !cuda::is_aligned(rotation.sin, rotation.half, DType::kFloat32, cuda::kPackBytes) ||
      !prepare(a, kTileFeatures, 1, launch)) {
    return static_cast<int>(cudaErrorNotSupported);
  }
  launch.rotation = {static_cast<int>(rotation.columns), a.rows, rotation.positions, rotation.cos,
                     rotation.sin};
  switch (rotation.half) {
    case 32:
      return run_as<Mode::kRotate, 32>(a.dtype, launch, stream);
    case 64:
      return run_as<Mode::kRotate, 64>(a.dtype, launch, stream);
    case 128:
      return run_as<Mode::kRotate, 128>(a.dtype, launch, stream);
    default:
      return static_cast<int>(cudaErrorNotSupported);
  }
}

int gated_product_cuda(const ProductArguments& a, GateActivation activation,
                       const QuantizeSpec* quantized, CUstream_st* stream) noexcept {
  if (a.rows <= 0) {
    return static_cast<int>(cudaSuccess);
  }
  Launch launch;
  if ((activation != GateActivation::kSilu && activation != GateActivation::kGeluTanh) ||
      a.out_features % kGateColumns != 0 || !prepare(a, kGateColumns, 2, launch)) {
    return static_cast<int>(cudaErrorNotSupported);
  }
  if (quantized != nullptr) {
    launch.quantizer.plan = detail::make_plan(*quantized, a.out_features);
    launch.quantizer.pieces = pieces_of(launch.quantizer.plan);
  }
  const int result = activation == GateActivation::kSilu
                         ? run_as<Mode::kGateSilu>(a.dtype, launch, stream)
                         : run_as<Mode::kGateGeluTanh>(a.dtype, launch, stream);
  if (result != 0 || quantized == nullptr || launch.quantizer.pieces > 0) {
    return result;
  }
  return quantize_cuda(*quantized, a.dtype, a.out, a.out, a.rows, a.out_features, a.out_stride,
                       a.out_stride, stream);
}

}  // namespace mxscope::kernels
