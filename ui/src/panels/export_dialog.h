// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "plots/plot_export.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace mxscope::ui {

class PlotView;

// Asks where and how to write a picture of one plot, with a preview; writes it on OK, on another
// thread, and closes when it is written. A target that cannot be written keeps the dialog open with
// the reason.
class PictureExportDialog : public QDialog {
  Q_OBJECT

 public:
  PictureExportDialog(const PlotView& view, const PlotInfo& info, const QString& fileStem,
                      QWidget* parent = nullptr);
  QString writtenFile() const { return m_written; }
  PictureOptions options() const;
  void setFile(const QString& path);

 public Q_SLOTS:
  void accept() override;

 private:
  void showPreview();
  void finish(const QString& path, const QString& error);
  const PlotView& m_view;
  PlotInfo m_info;
  QComboBox *m_format, *m_scale;
  QSpinBox *m_width, *m_height;
  QCheckBox *m_asOnScreen, *m_caption;
  QLineEdit* m_file;
  QLabel *m_preview, *m_error;
  QPushButton* m_save;
  bool m_previewing = false, m_previewWanted = false;
  QString m_written;
};

}  // namespace mxscope::ui
