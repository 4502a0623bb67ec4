// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "bridge/replay_engine_client.h"
#include "ui/support/window_support.h"

namespace mxscope::ui::testing {

// What `inspect` tells of a model of two blocks with three linears each, and a head.
inline nlohmann::ordered_json inspection() {
  nlohmann::ordered_json reply = {
      {"architecture", {{"model_type", "llama"}, {"layers", 2}, {"max_positions", 512}}},
      {"stored_type", "float32"},
      {"bytes", 114688},
      {"parameters", 28672},
      {"linears", nlohmann::ordered_json::array()}};
  const auto add = [&reply](const std::string& name, int block, const char* role) {
    reply["linears"].push_back({{"name", name},
                                {"block", block},
                                {"role", role},
                                {"in_features", 64},
                                {"out_features", 64}});
  };
  for (int block = 0; block < 2; ++block) {
    const std::string prefix = "model.layers." + std::to_string(block) + ".";
    add(prefix + "self_attn.q_proj", block, "attention");
    add(prefix + "mlp.up_proj", block, "mlp");
    add(prefix + "mlp.down_proj", block, "mlp");
  }
  add("lm_head", -1, "head");
  return reply;
}

// An experiment of so many models; `pattern` selects what its two variants quantise.
inline QByteArray smallExperiment(int models = 1,
                                  const QString& pattern = QStringLiteral("*.mlp.*"),
                                  int context = 64) {
  QStringList entries;
  for (int i = 0; i < models; ++i) {
    entries << QStringLiteral(R"({"name": "model %1", "source": "model%1"})").arg(i + 1);
  }
  const auto variant = [&pattern](const QString& name, const QString& format) {
    return QStringLiteral(
               R"({"name": "%1", "rules": [{"match": ["%2"], "weight": "%3", "activation": "%3"}]})")
        .arg(name, pattern, format);
  };
  return QStringLiteral(R"({"format": "mxscope-experiment", "version": 1, "name": "small",
"models": [%1], "data": {"source": "text.txt"}, "protocol": {"name": "windows", "context": %2},
"variants": [%3, %4], "devices": ["cpu"]})")
      .arg(entries.join(QLatin1Char(',')))
      .arg(context)
      .arg(variant(QStringLiteral("fp8"), QStringLiteral("mxfp8_e4m3")),
           variant(QStringLiteral("fp4"), QStringLiteral("mxfp4_e2m1")))
      .toUtf8();
}

inline mxscope::Event engineEvent(decltype(mxscope::Event::body) body) {
  mxscope::Event made;
  made.job = "recorded";
  made.body = std::move(body);
  return made;
}

// What an engine says of a job whose variants are those of smallExperiment().
inline std::vector<mxscope::Event> wholeRun() {
  const std::vector<std::string> variants = {"baseline", "fp8", "fp4"};
  std::vector<mxscope::Event> stream;
  mxscope::StartedEvent started;
  started.windows = 4;
  started.tokens = 40;
  started.variants = variants;
  stream.push_back(engineEvent(started));
  mxscope::WindowsEvent windows;
  std::vector<std::vector<mxscope::WindowSums>> sums(variants.size());
  for (std::size_t v = 0; v < variants.size(); ++v) {
    mxscope::VariantWindows entry;
    entry.variant = variants[v];
    for (int w = 0; w < 4; ++w) {
      mxscope::IndexedSums one;
      one.window = w;
      one.sums.tokens = 10;
      one.sums.nll_sum = 20 + w * 0.7 + double(v) * (0.3 + 0.05 * w);
      one.sums.entropy_sum = 19 + w * 0.5;
      one.sums.argmax_positions = 10;
      one.sums.argmax_xent_sum = 8;
      one.sums.argmax_entropy_sum = 19;
      entry.windows.push_back(one);
      sums[v].push_back(one.sums);
    }
    windows.variants.push_back(entry);
  }
  stream.push_back(engineEvent(windows));
  mxscope::ProgressEvent progress;
  progress.done = 4;
  progress.total = 10;
  progress.seconds_left = 30;
  stream.push_back(engineEvent(progress));
  for (std::size_t v = 0; v < variants.size(); ++v) {
    mxscope::ResultEvent result;
    result.run.model = "model 1";
    result.run.variant = variants[v];
    result.run.baseline = v == 0;
    result.run.windows = 4;
    result.run.tokens = 40;
    result.run.layers = v == 0 ? 0 : 4;
    result.run.config_hash = "hash of " + variants[v];
    result.run.metrics = mxscope::compute_metrics(sums[v]);
    if (v > 0) {
      result.run.delta = mxscope::compute_delta(sums[v], sums[0], {});
      const std::string label = v == 1 ? "mxfp8_e4m3/32" : "mxfp4_e2m1/32";
      result.run.linears.push_back({"model.layers.0.mlp.up_proj", {label, label, {}}});
    }
    stream.push_back(engineEvent(result));
  }
  stream.push_back(engineEvent(mxscope::DoneEvent{"done", 1.5}));
  return stream;
}

// The window on a profile, with an engine that replays.
struct Shown {
  ReplayEngineClient* engine = nullptr;
  std::unique_ptr<MainWindow> window;

  explicit Shown(const QTemporaryDir& profile, const QSize& size = {1680, 1050}) {
    useFreshProfile(profile);
    auto client = std::make_unique<ReplayEngineClient>();
    engine = client.get();
    engine->setReply(QStringLiteral("inspect"), inspection());
    window = std::make_unique<MainWindow>(std::move(client));
    window->resize(size);
    window->show();
    window->activateWindow();
    [&] { QVERIFY(QTest::qWaitForWindowActive(window.get())); }();
    QTest::qWait(20);  // restores the session
  }
  [[nodiscard]] Workspace& workspace() const { return *window->workspace(); }
  template <class T>
  [[nodiscard]] T* find(const char* name) const {
    return window->findChild<T*>(QLatin1String(name));
  }
  void trigger(const char* name) const { command(*window, name)->trigger(); }
  bool open(const QString& path, const QByteArray& text) const {
    return writeText(path, text) && window->openPath(path);
  }
  // Opens smallExperiment() in `folder`, queues it and replays all of it; the job.
  QString runOne(const QTemporaryDir& folder, int context = 64) const {
    engine->setStream(wholeRun());
    const QSet<QString> before(workspace().jobIds().begin(), workspace().jobIds().end());
    open(folder.filePath(QStringLiteral("small.mxscope")),
         smallExperiment(1, QStringLiteral("*.mlp.*"), context));
    trigger("experimentAdd");
    trigger("queueStart");
    for (const QString& id : workspace().jobIds()) {
      if (!before.contains(id)) {
        [&] { QTRY_COMPARE(workspace().job(id)->state, JobState::kDone); }();
        [&] { QTRY_VERIFY(window->isIdle()); }();
        return id;
      }
    }
    return {};
  }
};

}  // namespace mxscope::ui::testing
