// SPDX-License-Identifier: GPL-3.0-or-later
#include "window/dialogs.h"

#include <QAction>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFile>
#include <QFileInfo>
#include <QFontDatabase>
#include <QFormLayout>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTabWidget>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "bridge/engine_client.h"
#include "bridge/process_engine_client.h"
#include "models/queue_model.h"
#include "models/settings.h"
#include "plots/number_text.h"
#include "theme/icons.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

QDialogButtonBox* closeButtons(QDialog* dialog) {
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
  return buttons;
}

QPlainTextEdit* reader(const QString& text, const QString& name, QWidget* parent) {
  auto* view = new QPlainTextEdit(text, parent);
  view->setReadOnly(true);
  view->setLineWrapMode(QPlainTextEdit::NoWrap);
  view->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  view->setAccessibleName(name);
  return view;
}

}  // namespace

SettingsDialog::SettingsDialog(QWidget* parent) : QDialog(parent) {
  setObjectName(QStringLiteral("settingsDialog"));
  setWindowTitle(tr("Settings"));
  Theme& theme = Theme::instance();
  m_oldTheme = static_cast<int>(theme.mode());
  m_oldFont = theme.fontPercent();
  m_oldContrast = theme.highContrast();
  auto* layout = new QVBoxLayout(this);
  auto* form = new QFormLayout;
  layout->addLayout(form);
  m_theme = new QComboBox(this);
  m_theme->setObjectName(QStringLiteral("themeChooser"));
  m_theme->addItems({tr("As the system"), tr("Light"), tr("Dark")});
  m_theme->setCurrentIndex(m_oldTheme);
  form->addRow(tr("&Theme"), m_theme);
  m_contrast = new QCheckBox(tr("&High contrast"), this);
  m_contrast->setChecked(m_oldContrast);
  form->addRow(QString(), m_contrast);
  m_font = new QSpinBox(this);
  m_font->setObjectName(QStringLiteral("fontPercent"));
  m_font->setRange(80, 200);
  m_font->setSingleStep(10);
  m_font->setSuffix(tr(" %"));
  m_font->setValue(m_oldFont);
  m_font->setKeyboardTracking(false);
  form->addRow(tr("&Font size"), m_font);
  m_engine = new QLineEdit(Settings::engineCommand(), this);
  m_engine->setObjectName(QStringLiteral("engineCommand"));
  m_engine->setPlaceholderText(ProcessEngineClient::defaultCommand());
  m_engine->setToolTip(m_engine->placeholderText());  // a path may be of any length
  m_engine->setMinimumWidth(420);
  form->addRow(tr("&Engine command"), m_engine);
  auto* hint = new QLabel(tr("Empty: the engine beside this program. An engine on another machine: "
                             "\"ssh host mxscope serve\"."),
                          this);
  hint->setWordWrap(true);
  hint->setProperty("role", QStringLiteral("dim"));
  form->addRow(QString(), hint);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
  layout->addWidget(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &SettingsDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &SettingsDialog::reject);
  connect(m_theme, &QComboBox::currentIndexChanged, this,
          [](int index) { Theme::instance().setMode(static_cast<Theme::Mode>(index)); });
  connect(m_contrast, &QCheckBox::toggled, this,
          [](bool on) { Theme::instance().setHighContrast(on); });
  connect(m_font, &QSpinBox::valueChanged, this,
          [](int percent) { Theme::instance().setFontPercent(percent); });
}

void SettingsDialog::accept() {
  Settings::setThemeMode(m_theme->currentIndex());
  Settings::setHighContrast(m_contrast->isChecked());
  Settings::setFontPercent(m_font->value());
  m_engineChanged = m_engine->text().trimmed() != Settings::engineCommand();
  Settings::setEngineCommand(m_engine->text().trimmed());
  QDialog::accept();
}

void SettingsDialog::reject() {
  Theme& theme = Theme::instance();
  theme.setMode(static_cast<Theme::Mode>(m_oldTheme));
  theme.setHighContrast(m_oldContrast);
  theme.setFontPercent(m_oldFont);
  QDialog::reject();
}

AboutDialog::AboutDialog(QWidget* parent) : QDialog(parent) {
  setObjectName(QStringLiteral("aboutDialog"));
  setWindowTitle(tr("About MXScope"));
  auto* layout = new QVBoxLayout(this);
  auto* title = new QLabel(tr("MXScope %1").arg(QStringLiteral(MXSCOPE_VERSION)), this);
  title->setProperty("role", QStringLiteral("headline"));
  layout->addWidget(title);
  auto* text = new QLabel(
      tr("<p>What microscaling quantisation does to a language model.</p>"
         "<p>The window is free software under the <b>GNU General Public License, version 3 or "
         "later</b>; it comes with no warranty. The engine and the command are under the Apache "
         "License 2.0. You get the complete source where you got this program; if not, ask those "
         "who gave it to you: they owe it to you for three years.</p>"
         "<p>Parts of others:</p>"
         "<ul><li>Qt %1 — LGPL-3.0 (The Qt Company and contributors)</li>"
         "<li>QCustomPlot 2.1 — GPL-3.0-or-later (Emanuel Eichhammer)</li>"
         "<li>nlohmann/json 3.11 — MIT (Niels Lohmann)</li>"
         "<li>RE2 — BSD-3-Clause (Google)</li>"
         "<li>Noto Sans — SIL Open Font License 1.1 (Google)</li></ul>")
          .arg(QLatin1String(qVersion())),
      this);
  text->setWordWrap(true);
  text->setTextFormat(Qt::RichText);
  text->setTextInteractionFlags(Qt::TextBrowserInteraction);
  text->setMinimumWidth(480);
  text->setMinimumHeight(text->heightForWidth(480));
  layout->addWidget(text);
  QDialogButtonBox* buttons = closeButtons(this);
  QPushButton* licence = buttons->addButton(tr("&Licence text"), QDialogButtonBox::ActionRole);
  layout->addWidget(buttons);
  connect(licence, &QPushButton::clicked, this, [this] {
    QString found =
        tr("The text of the licence was not installed with this program. It is at "
           "https://www.gnu.org/licenses/gpl-3.0.txt");
    const QString resources = Settings::resourceFolder();
    for (const QString& path :
         QStringList{resources + QLatin1String("/LICENSES/GPL-3.0-or-later.txt"),
                     resources + QLatin1String("/../LICENSES/GPL-3.0-or-later.txt"),
                     QStringLiteral("/usr/share/common-licenses/GPL-3")}) {
      QFile file(path);
      if (file.open(QIODevice::ReadOnly)) {
        found = QString::fromUtf8(file.readAll());
        break;
      }
    }
    QDialog dialog(this);
    dialog.setWindowTitle(tr("GNU General Public License"));
    auto* column = new QVBoxLayout(&dialog);
    column->addWidget(reader(found, tr("Text of the licence"), &dialog));
    column->addWidget(closeButtons(&dialog));
    dialog.resize(720, 560);
    dialog.exec();
  });
}

ShortcutsDialog::ShortcutsDialog(const QList<QAction*>& actions, QWidget* parent)
    : QDialog(parent) {
  setObjectName(QStringLiteral("shortcutsDialog"));
  setWindowTitle(tr("Keyboard shortcuts"));
  auto* layout = new QVBoxLayout(this);
  auto* list = new QTreeWidget(this);
  list->setAccessibleName(tr("Commands and their keys"));
  list->setHeaderLabels({tr("Command"), tr("Keys")});
  list->setRootIsDecorated(false);
  list->setAlternatingRowColors(true);
  for (const QAction* action : actions) {
    QStringList keys;
    for (const QKeySequence& key : action->shortcuts()) {
      keys << key.toString(QKeySequence::NativeText);
    }
    if (!keys.isEmpty()) {
      new QTreeWidgetItem(
          list, {action->text().remove(QLatin1Char('&')), keys.join(QStringLiteral(", "))});
    }
  }
  list->sortItems(0, Qt::AscendingOrder);
  list->header()->setSectionResizeMode(0, QHeaderView::Stretch);
  layout->addWidget(list);
  layout->addWidget(closeButtons(this));
  resize(560, 520);
}

SetupDialog::SetupDialog(EngineClient* engine, QWidget* parent) : QDialog(parent) {
  setObjectName(QStringLiteral("setupDialog"));
  setWindowTitle(tr("Check setup"));
  auto* layout = new QVBoxLayout(this);
  m_list = new QTreeWidget(this);
  m_list->setObjectName(QStringLiteral("setupList"));
  m_list->setAccessibleName(tr("Parts of the set-up"));
  m_list->setHeaderLabels({tr("Part"), tr("Found"), tr("What to do")});
  m_list->setRootIsDecorated(false);
  m_list->setWordWrap(true);
  layout->addWidget(m_list);
  layout->addWidget(closeButtons(this));

  const bool ready = engine->state() == EngineClient::State::kReady && engine->hello();
  add(ready, tr("Engine"),
      ready
          ? tr("version %1 (%2)")
                .arg(QString::fromStdString(engine->hello()->engine_version), engine->description())
          : tr("does not answer: %1").arg(engine->description()),
      tr("Build or install the command mxscope, or set the engine command in Settings."));
  int gpus = 0;
  if (ready) {
    for (const mxscope::DeviceDescription& device : engine->hello()->devices) {
      gpus += device.id.rfind("cuda", 0) == 0 ? 1 : 0;
      add(true, QString::fromStdString(device.id),
          QString::fromStdString(device.name) + QStringLiteral(" · ") +
              bytesText(static_cast<double>(device.total_bytes)),
          {});
    }
  }
  if (gpus == 0) {
    add(true, tr("GPU"), tr("none found; runs use the CPU"),
        tr("For GPU runs install NVIDIA's driver and a CUDA build of the engine."));
  }
  const QString family = QGuiApplication::font().family();
  add(QFontDatabase::families().contains(QStringLiteral("Noto Sans")), tr("Font"), family,
      tr("Install fonts-noto-core for even digits."));
  for (const QString& folder : {Settings::dataFolder(), Settings::stateFolder()}) {
    add(QFileInfo(folder).isWritable(), tr("Folder"), folder,
        tr("Make it writable for your user."));
  }
  const QString resources = Settings::resourceFolder();
  add(!resources.isEmpty(), tr("Demo"),
      resources.isEmpty() ? tr("not installed") : resources + QLatin1String("/demo"),
      tr("Install the share folder of MXScope, or set MXSCOPE_RESOURCES."));
  m_list->resizeColumnToContents(0);
  m_list->resizeColumnToContents(1);
  resize(820, 320);
}

void SetupDialog::add(bool ok, const QString& what, const QString& found, const QString& fix) {
  auto* item = new QTreeWidgetItem(m_list, {what, found, ok ? QString() : fix});
  item->setIcon(0, icon(ok ? QStringLiteral("done") : QStringLiteral("warning")));
  item->setToolTip(1, found);
  item->setToolTip(2, fix);
}

DetailsDialog::DetailsDialog(const QString& title, const QString& text, const QStringList& log,
                             const QString& command, const QString& configuration, QWidget* parent)
    : QDialog(parent) {
  setObjectName(QStringLiteral("detailsDialog"));
  setWindowTitle(tr("Details"));
  auto* layout = new QVBoxLayout(this);
  auto* headline = new QLabel(title, this);
  headline->setProperty("role", QStringLiteral("title"));
  headline->setWordWrap(true);
  layout->addWidget(headline);
  auto* sentence = new QLabel(text, this);
  sentence->setWordWrap(true);
  sentence->setTextFormat(Qt::PlainText);
  sentence->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  sentence->setVisible(!text.isEmpty());
  layout->addWidget(sentence);
  auto* tabs = new QTabWidget(this);
  tabs->setDocumentMode(true);
  tabs->addTab(reader(log.join(QLatin1Char('\n')), tr("Last lines of the engine"), tabs),
               tr("Engine log"));
  tabs->addTab(reader(configuration, tr("Configuration of the job"), tabs), tr("Configuration"));
  tabs->addTab(reader(command, tr("Command line of the engine"), tabs), tr("Command line"));
  layout->addWidget(tabs, 1);
  QDialogButtonBox* buttons = closeButtons(this);
  QPushButton* copy = buttons->addButton(tr("&Copy report"), QDialogButtonBox::ActionRole);
  layout->addWidget(buttons);
  const QString report = QStringLiteral("MXScope ") + QStringLiteral(MXSCOPE_VERSION) +
                         QLatin1Char('\n') + title + QLatin1Char('\n') + text +
                         QStringLiteral("\n\nEngine: ") + command + QStringLiteral("\n\nLog:\n") +
                         log.join(QLatin1Char('\n')) + QStringLiteral("\n\nConfiguration:\n") +
                         configuration;
  connect(copy, &QPushButton::clicked, this,
          [report] { QGuiApplication::clipboard()->setText(report); });
  resize(760, 480);
}

}  // namespace mxscope::ui
