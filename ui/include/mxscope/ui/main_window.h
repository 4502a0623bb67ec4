// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMainWindow>
#include <memory>

namespace mxscope::ui {

class EngineClient;
class Workspace;

// The workbench: builder, queue, cards, results and files of one workspace. GUI thread only.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  // Takes the client; without one, the engine of the settings (`mxscope serve` beside this
  // program by default) is started with the first request.
  explicit MainWindow(std::unique_ptr<EngineClient> client = nullptr, QWidget* parent = nullptr);
  ~MainWindow() override;

  // Opens an experiment or results file, or adds a model folder; false: refused, and said why in
  // the bar above the centre.
  bool openPath(const QString& path);
  // Opens the bundled demo, queues its runs and starts them.
  void runDemo();
  [[nodiscard]] Workspace* workspace() const;
  // No job waits or runs, and no reply is outstanding.
  [[nodiscard]] bool isIdle() const;

 Q_SIGNALS:
  void becameIdle();

 protected:
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dragLeaveEvent(QDragLeaveEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  class Impl;
  std::unique_ptr<Impl> d;
};

// Writes one plot of a results file without a window: kind "bars", "heatmap", "live" or "scatter",
// the format by the ending of `output`. False: `error` says why.
bool writePlot(const QString& kind, const QString& results, const QString& output, QString* error);

}  // namespace mxscope::ui
