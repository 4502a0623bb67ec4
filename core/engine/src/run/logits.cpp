// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "decoder/decoder.h"
#include "mxscope/core/base/error.h"
#include "mxscope/core/checkpoint/safetensors.h"
#include "mxscope/engine/engine.h"
#include "run/device_guard.h"
#include "run/prepare.h"
#include "tensor/tensors.h"

namespace mxscope::engine {
namespace {

// Only weights as they are loaded.
class PlainWeights : public WeightSource {
 public:
  explicit PlainWeights(const Model& model) : model_(model) {}
  at::Tensor weight(int linear, int /*operand*/, bool /*narrow*/) const override {
    return model_.linears[static_cast<std::size_t>(linear)].weight;
  }

 private:
  const Model& model_;
};

struct Ids {
  std::vector<std::int64_t> values;
  std::int64_t rows = 0;
  std::int64_t length = 0;
};

Ids read_ids(const std::filesystem::path& file, const std::string& name, const DecoderSpec& spec) {
  const SafetensorsFile source = SafetensorsFile::open(file);
  const TensorInfo* info = source.find(name);
  const std::string where = file.string() + ": tensor '" + name + "'";
  if (info == nullptr) {
    std::string known;
    for (const TensorInfo& tensor : source.tensors()) {
      known += (known.empty() ? "" : ", ") + tensor.name;
    }
    throw Error(ErrorCode::kNotFound, where + " does not exist; the file has " + known);
  }
  if (info->shape.empty() || info->shape.size() > 2 || info->elements() == 0) {
    throw Error(ErrorCode::kInvalidInput,
                where + " has shape " + info->shape_text() + "; accepted is [batch, time]");
  }
  Ids ids;
  ids.length = info->shape.back();
  ids.rows = info->elements() / ids.length;
  const std::int64_t limit = spec.max_positions;
  if (limit > 0 && ids.length > limit) {
    throw Error(ErrorCode::kInvalidInput, where + " has rows of " + std::to_string(ids.length) +
                                              " tokens; the model takes up to " +
                                              std::to_string(limit));
  }
  const auto bytes = source.data(*info);
  const auto read = [&](auto type) {
    using T = decltype(type);
    for (std::int64_t i = 0; i < info->elements(); ++i) {
      T value;
      std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
      ids.values.push_back(static_cast<std::int64_t>(value));
    }
  };
  if (info->type == TensorType::kI64) {
    read(std::int64_t{});
  } else if (info->type == TensorType::kI32) {
    read(std::int32_t{});
  } else {
    throw Error(
        ErrorCode::kInvalidInput,
        where + " has type " + std::string(to_string(info->type)) + "; accepted are I64 and I32");
  }
  for (std::int64_t id : ids.values) {
    if (id < 0 || id >= spec.vocab_size) {
      throw Error(ErrorCode::kInvalidInput, where + " holds id " + std::to_string(id) +
                                                "; the vocabulary has " +
                                                std::to_string(spec.vocab_size) + " tokens");
    }
  }
  return ids;
}

}  // namespace

void write_logits(const std::filesystem::path& model_path, const std::filesystem::path& ids_file,
                  const std::string& ids_tensor, const std::string& dtype,
                  const std::string& device, const std::filesystem::path& output) {
  const DeviceGuard guard(device);
  try {
    const OpenedModel opened = open_model(model_path.string(), {}, "main");
    const DecoderSpec& spec = opened.inventory.spec;
    const Ids ids = read_ids(ids_file, ids_tensor, spec);
    const at::ScalarType type =
        dtype_of(dtype == "auto" ? compute_dtype(ModelDtype::kAuto, opened.inventory) : dtype);
    const auto model =
        load_model(opened.checkpoint, opened.inventory, type, torch_device(device), {});
    const Decoder decoder(model, ids.length);
    const PlainWeights weights(*model);
    const std::vector<OperandSpec> operands(1);

    std::vector<float> logits(static_cast<std::size_t>(ids.rows * ids.length * spec.vocab_size));
    for (std::int64_t row = 0; row < ids.rows; ++row) {
      MicroBatch batch;
      batch.offsets = {0, ids.length};
      batch.valid = {ids.length};
      batch.ids = at::from_blob(const_cast<std::int64_t*>(ids.values.data()) + row * ids.length,
                                {ids.length}, at::kLong)
                      .to(model->device);
      batch.positions = at::arange(spec.position_offset, spec.position_offset + ids.length,
                                   at::TensorOptions().dtype(at::kLong).device(model->device));
      at::Tensor hidden = decoder.embed(batch);
      for (std::size_t s = 0; s + 1 < decoder.steps().size(); ++s) {
        const std::vector<LinearOps> ops(decoder.steps()[s].linears.size());
        hidden = decoder.run_step(s, hidden, batch,
                                  {decoder.steps()[s].linears, ops, operands, weights});
      }
      const std::vector<LinearOps> ops(1);
      const at::Tensor out = decoder
                                 .logits(decoder.final_norm(hidden),
                                         {decoder.steps().back().linears, ops, operands, weights})
                                 .to(at::kFloat)
                                 .cpu()
                                 .contiguous();
      std::memcpy(logits.data() + static_cast<std::size_t>(row * ids.length * spec.vocab_size),
                  out.const_data_ptr(), out.nbytes());
    }
    const TensorToWrite tensor{"logits",
                               TensorType::kF32,
                               {ids.rows, ids.length, spec.vocab_size},
                               std::as_bytes(std::span(logits))};
    write_safetensors(output, std::span(&tensor, 1));
  } catch (...) {
    rethrow_as_error(device);
  }
}

}  // namespace mxscope::engine
