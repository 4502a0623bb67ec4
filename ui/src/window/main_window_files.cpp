// SPDX-License-Identifier: GPL-3.0-or-later
#include <QClipboard>
#include <QDir>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QGuiApplication>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QSaveFile>
#include <QTabWidget>

#include "models/settings.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "panels/experiment_panel.h"
#include "panels/problem_bar.h"
#include "panels/results_table.h"
#include "panels/welcome_page.h"
#include "window/main_window_impl.h"

namespace mxscope::ui {

namespace {

QString autosaveFile() { return Settings::stateFolder() + QLatin1String("/autosave.mxscope"); }

bool isModelFolder(const QFileInfo& info) {
  return info.isDir() && QFileInfo::exists(info.filePath() + QLatin1String("/config.json"));
}

bool isResultsFolder(const QFileInfo& info) {
  return info.isDir() && QFileInfo::exists(info.filePath() + QLatin1String("/results.json"));
}

// A word for a POSIX shell.
QString shellWord(const QString& word) {
  static const QString plain = QStringLiteral("_-+=./:,@%");
  bool safe = !word.isEmpty();
  for (const QChar c : word) {
    safe = safe && (c.isLetterOrNumber() || plain.contains(c));
  }
  return safe ? word
              : QLatin1Char('\'') +
                    QString(word).replace(QLatin1Char('\''), QLatin1String("'\\''")) +
                    QLatin1Char('\'');
}

}  // namespace

void MainWindow::Impl::refuse(const QString& title, const QString& text) {
  Problem problem;
  problem.title = title;
  problem.text = text;
  problem.log = m_engine->logTail();
  m_problems->show(problem);
}

QString MainWindow::Impl::dropAction(const QStringList& paths) const {
  QStringList actions;
  for (const QString& path : paths) {
    const QFileInfo info(path);
    const QString suffix = info.suffix().toLower();
    if (suffix == QLatin1String("mxscope")) {
      actions << tr("Open %1").arg(info.fileName());
    } else if (suffix == QLatin1String("json") || isResultsFolder(info)) {
      actions << tr("Open the results in %1").arg(info.fileName());
    } else if (isModelFolder(info) || suffix == QLatin1String("safetensors")) {
      actions << tr("Add the model %1").arg(info.isDir() ? info.fileName() : info.dir().dirName());
    }
  }
  return actions.join(QStringLiteral("; "));
}

bool MainWindow::Impl::openPath(const QString& path) {
  const QFileInfo info(path);
  if (!info.exists()) {
    refuse(tr("Not found."), tr("There is no file or folder %1.").arg(path));
    Settings::removeRecentFile(info.absoluteFilePath());
    m_welcome->refresh();
    return false;
  }
  if (info.isDir()) {
    return openFolder(path);
  }
  const QString suffix = info.suffix().toLower();
  if (suffix == QLatin1String("safetensors")) {
    return openFolder(info.absolutePath());
  }
  if (suffix == QLatin1String("mxscope")) {
    return openExperiment(path);
  }
  if (suffix == QLatin1String("json")) {
    QFile file(path);
    const bool experiment =
        file.open(QIODevice::ReadOnly) && file.read(4096).contains("\"mxscope-experiment\"");
    file.close();
    QFile again(path);
    const bool results =
        again.open(QIODevice::ReadOnly) && again.read(4096).contains("\"mxscope-results\"");
    return results || !experiment ? openResults(path) : openExperiment(path);
  }
  refuse(tr("This file cannot be opened."),
         tr("%1 is none of: an experiment (.mxscope), results (results.json or their folder), a "
            "model folder (config.json and *.safetensors).")
             .arg(info.fileName()));
  return false;
}

bool MainWindow::Impl::openFolder(const QString& path) {
  const QFileInfo info(path);
  if (isResultsFolder(info)) {
    return openResults(path + QLatin1String("/results.json"));
  }
  if (isModelFolder(info)) {
    m_experiment->addModel(info.absoluteFilePath());
    return true;
  }
  refuse(tr("This folder cannot be opened."),
         tr("%1 holds neither results.json nor a model (config.json with *.safetensors).")
             .arg(QDir::toNativeSeparators(path)));
  return false;
}

bool MainWindow::Impl::openExperiment(const QString& path) {
  if (!mayDiscard()) {
    return false;
  }
  QString error;
  if (!m_document.load(path, &error)) {
    refuse(tr("This experiment cannot be opened."), error);
    return false;
  }
  Settings::addRecentFile(path);
  m_welcome->refresh();
  return true;
}

void MainWindow::Impl::newExperiment() {
  if (mayDiscard()) {
    m_document.reset(ExperimentDocument::emptyExperiment(), {});
    clearAutosave();
  }
}

void MainWindow::Impl::askOpen() {
  const QString path = QFileDialog::getOpenFileName(
      m_window, tr("Open"), m_document.baseDir(),
      tr("Experiments and results (*.mxscope *.json);;Models (*.safetensors);;All files (*)"));
  if (!path.isEmpty()) {
    openPath(path);
  }
}

void MainWindow::Impl::openSample() {
  const QString sample = Settings::resourceFolder() + QLatin1String("/demo/demo.mxscope");
  if (openPath(sample)) {
    m_document.setReadOnly(true);
  }
}

bool MainWindow::Impl::save() {
  if (m_document.filePath().isEmpty() || m_document.isReadOnly()) {
    return saveAs();
  }
  QString error;
  if (!m_document.save(m_document.filePath(), &error)) {
    refuse(tr("Not saved."), error);
    return false;
  }
  clearAutosave();
  Settings::addRecentFile(m_document.filePath());
  return true;
}

bool MainWindow::Impl::saveAs() {
  const QString proposed = (m_document.isReadOnly() ? QDir::homePath() : m_document.baseDir()) +
                           QLatin1Char('/') + m_document.title() + QLatin1String(".mxscope");
  QString path = QFileDialog::getSaveFileName(m_window, tr("Save as"), proposed,
                                              tr("Experiments (*.mxscope)"));
  if (path.isEmpty()) {
    return false;
  }
  if (QFileInfo(path).suffix().isEmpty()) {
    path += QLatin1String(".mxscope");
  }
  // Relative paths start at the file's folder, which changes.
  const QString before = m_document.baseDir();
  if (QFileInfo(path).absolutePath() != before) {
    m_document.edit(tr("keep paths"), [&before](mxscope::Experiment& experiment) {
      const auto anchor = [&before](std::string& source) {
        const QString text = QString::fromStdString(source);
        if (QDir::isRelativePath(text) && QFileInfo::exists(before + QLatin1Char('/') + text)) {
          source = QDir(before).absoluteFilePath(text).toStdString();
        }
      };
      for (mxscope::ModelEntry& model : experiment.models) {
        anchor(model.source);
      }
      for (std::string& source : experiment.data.sources) {
        anchor(source);
      }
    });
  }
  QString error;
  if (!m_document.save(path, &error)) {
    refuse(tr("Not saved."), error);
    return false;
  }
  clearAutosave();
  Settings::addRecentFile(path);
  m_welcome->refresh();
  return true;
}

mxscope::Experiment MainWindow::Impl::anchored() const {
  mxscope::Experiment copy = m_document.experiment();
  const QDir base(m_document.baseDir());
  const auto anchor = [&base](std::string& source) {
    const QString text = QString::fromStdString(source);
    if (QDir::isRelativePath(text) && base.exists(text)) {
      source = base.absoluteFilePath(text).toStdString();
    }
  };
  for (mxscope::ModelEntry& model : copy.models) {
    anchor(model.source);
  }
  for (std::string& source : copy.data.sources) {
    anchor(source);
  }
  return copy;
}

void MainWindow::Impl::duplicate() {
  mxscope::Experiment copy = anchored();
  copy.name = (copy.name.empty() ? m_document.title().toStdString() : copy.name) + " (copy)";
  if (mayDiscard()) {
    m_document.reset(ExperimentDocument::emptyExperiment(), {});
    m_document.edit(tr("duplicate experiment"),
                    [&copy](mxscope::Experiment& experiment) { experiment = copy; });
  }
}

bool MainWindow::Impl::mayDiscard() {
  if (!m_document.isModified()) {
    return true;
  }
  QMessageBox box(QMessageBox::Question, tr("Unsaved changes"),
                  tr("Save the changes to \"%1\"?").arg(m_document.title()),
                  QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, m_window);
  box.setObjectName(QStringLiteral("discardBox"));
  box.setDefaultButton(QMessageBox::Save);
  switch (box.exec()) {
    case QMessageBox::Save:
      return save();
    case QMessageBox::Discard:
      return true;
    default:
      return false;
  }
}

bool MainWindow::Impl::mayQuit() {
  const Job* current = m_workspace.job(m_queue.currentJob());
  if (!current || !isActive(current->state)) {
    return true;
  }
  QMessageBox box(
      QMessageBox::Question, tr("A job is running"),
      tr("%1 is running. What it has finished is kept and can be resumed.").arg(current->model),
      QMessageBox::NoButton, m_window);
  box.setObjectName(QStringLiteral("quitBox"));
  QPushButton* quit = box.addButton(tr("&Pause and quit"), QMessageBox::AcceptRole);
  box.addButton(QMessageBox::Cancel);
  box.exec();
  return box.clickedButton() == quit;
}

void MainWindow::Impl::autosave() {
  if (!m_document.isModified()) {
    return;
  }
  // Recovered without its folder, where relative paths would start.
  const std::string text = mxscope::to_json_text(anchored());
  QSaveFile file(autosaveFile());
  if (file.open(QIODevice::WriteOnly)) {
    file.write(text.data(), static_cast<qint64>(text.size()));
    file.commit();
  }
}

void MainWindow::Impl::clearAutosave() { QFile::remove(autosaveFile()); }

void MainWindow::Impl::offerRecovery() {
  if (!QFileInfo::exists(autosaveFile()) || m_document.isModified() ||
      !m_document.filePath().isEmpty()) {
    return;
  }
  Problem problem;
  problem.title = tr("Unsaved work was found.");
  problem.text = tr("The program ended before an experiment was saved.");
  m_problems->show(problem, tr("Recover"), [this] {
    QFile file(autosaveFile());
    if (file.open(QIODevice::ReadOnly)) {
      mxscope::Issues issues;
      const std::string bytes = file.readAll().toStdString();
      const mxscope::Experiment experiment =
          mxscope::experiment_from_json(std::string_view(bytes), issues);
      m_document.edit(tr("recover unsaved work"),
                      [&experiment](mxscope::Experiment& current) { current = experiment; });
    }
    clearAutosave();
  });
}

void MainWindow::Impl::rebuildRecent() {
  m_recentMenu->clear();
  const QStringList files = Settings::recentFiles();
  for (const QString& path : files) {
    const QFileInfo info(path);
    QAction* entry = m_recentMenu->addAction(info.fileName() + QStringLiteral("  —  ") +
                                             QDir::toNativeSeparators(info.absolutePath()));
    entry->setEnabled(info.exists());
    connect(entry, &QAction::triggered, this, [this, path] { openPath(path); });
  }
  if (files.isEmpty()) {
    m_recentMenu->addAction(tr("No recent files"))->setEnabled(false);
  }
}

void MainWindow::Impl::copyAsCommand() {
  QString command;
  const QString output = m_document.title() + QLatin1String("-results");
  if (!m_document.filePath().isEmpty() && !m_document.isModified()) {
    command = QStringLiteral("mxscope run %1 -o %2")
                  .arg(shellWord(m_document.filePath()), shellWord(output));
  } else {
    // Without a file the experiment itself is part of the command.
    const mxscope::Experiment copy = anchored();
    const QString file = m_document.title() + QLatin1String(".mxscope");
    command = QStringLiteral("cat > %1 <<'MXSCOPE'\n%2MXSCOPE\nmxscope run %1 -o %3")
                  .arg(shellWord(file), QString::fromStdString(mxscope::to_json_text(copy)),
                       shellWord(output));
  }
  QGuiApplication::clipboard()->setText(command);
  showMessage(tr("The command is in the clipboard."));
}

}  // namespace mxscope::ui
