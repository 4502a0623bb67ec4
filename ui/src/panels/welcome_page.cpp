// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/welcome_page.h"

#include <QDateTime>
#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include "models/settings.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

QString ageText(const QFileInfo& file) {
  const qint64 days = file.lastModified().date().daysTo(QDate::currentDate());
  if (days <= 0) {
    return WelcomePage::tr("today");
  }
  if (days == 1) {
    return WelcomePage::tr("yesterday");
  }
  return days < 30 ? WelcomePage::tr("%n day(s) ago", nullptr, static_cast<int>(days))
                   : QLocale().toString(file.lastModified().date(), QLocale::ShortFormat);
}

}  // namespace

WelcomePage::WelcomePage(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("welcomePage"));
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  // Scrolled: a large font in a small window must not squeeze the texts.
  auto* scroll = new QScrollArea(this);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setFocusPolicy(Qt::NoFocus);
  outer->addWidget(scroll);
  auto* page = new QWidget(scroll);
  scroll->setWidget(page);
  auto* layout = new QVBoxLayout(page);
  layout->addStretch(2);
  auto* title = new QLabel(tr("No results yet"), this);
  title->setObjectName(QStringLiteral("welcomeTitle"));
  title->setAlignment(Qt::AlignCenter);
  title->setFont(Theme::instance().hugeFont());
  layout->addWidget(title);
  layout->addSpacing(10);
  auto* text = new QLabel(tr("Choose models, layers and formats on the left and add them to the "
                             "queue,\nor run the demo and look at its results first."),
                          this);
  text->setAlignment(Qt::AlignCenter);
  text->setWordWrap(true);
  layout->addWidget(text);
  layout->addSpacing(6);
  auto* buttons = new QHBoxLayout;
  buttons->addStretch();
  m_demo = new QPushButton(tr("&Run a 1-minute demo"), this);
  m_demo->setObjectName(QStringLiteral("demoButton"));
  m_demo->setProperty("role", QStringLiteral("primary"));
  m_demo->setDefault(true);
  m_demo->setMinimumWidth(m_demo->sizeHint().width() + 24);  // bold, with a ring of 2 px
  buttons->addWidget(m_demo);
  auto* sample = new QPushButton(tr("Open &sample experiment"), this);
  sample->setObjectName(QStringLiteral("sampleButton"));
  buttons->addWidget(sample);
  auto* open = new QPushButton(tr("&Open…"), this);
  open->setObjectName(QStringLiteral("openButton"));
  buttons->addWidget(open);
  buttons->addStretch();
  layout->addLayout(buttons);
  layout->addSpacing(4);
  m_hint = new QLabel(this);
  m_hint->setObjectName(QStringLiteral("welcomeHint"));
  m_hint->setAlignment(Qt::AlignCenter);
  m_hint->setWordWrap(true);
  m_hint->setProperty("role", QStringLiteral("dim"));
  layout->addWidget(m_hint);
  layout->addSpacing(22);
  m_recentTitle = new QLabel(tr("Recent"), this);
  m_recentTitle->setAlignment(Qt::AlignCenter);
  m_recentTitle->setFont(Theme::instance().titleFont());
  layout->addWidget(m_recentTitle);
  m_recent = new QWidget(this);
  m_recentLayout = new QGridLayout(m_recent);
  m_recentLayout->setContentsMargins(0, 0, 0, 0);
  m_recentLayout->setVerticalSpacing(0);
  m_recentLayout->setHorizontalSpacing(2);
  layout->addWidget(m_recent, 0, Qt::AlignHCenter);
  layout->addStretch(3);
  connect(m_demo, &QPushButton::clicked, this, &WelcomePage::demoRequested);
  connect(sample, &QPushButton::clicked, this, &WelcomePage::sampleRequested);
  connect(open, &QPushButton::clicked, this, &WelcomePage::openRequested);
  connect(&Theme::instance(), &Theme::changed, this, [this, title] {
    title->setFont(Theme::instance().hugeFont());
    m_recentTitle->setFont(Theme::instance().titleFont());
  });
  setDemoUnavailable({});
  refresh();
}

void WelcomePage::setDemoUnavailable(const QString& reason) {
  m_demo->setEnabled(reason.isEmpty());
  m_demo->setToolTip(reason);
  m_hint->setText(
      reason.isEmpty()
          ? tr("The demo uses a tiny built-in model and the CPU. Drop an .mxscope file, "
               "results or a model folder here to open it.")
          : reason);
}

void WelcomePage::refresh() {
  while (QLayoutItem* item = m_recentLayout->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  const QStringList files = Settings::recentFiles();
  m_recentTitle->setVisible(!files.isEmpty());
  int row = 0;
  for (const QString& path : files) {
    const QFileInfo file(path);
    auto* link = new QPushButton(file.fileName(), m_recent);
    link->setFlat(true);
    link->setProperty("role", QStringLiteral("link"));
    link->setCursor(Qt::PointingHandCursor);
    link->setToolTip(path);
    m_recentLayout->addWidget(link, row, 0, Qt::AlignRight);
    if (file.exists()) {
      auto* age = new QLabel(QStringLiteral("— ") + ageText(file), m_recent);
      age->setProperty("role", QStringLiteral("dim"));
      m_recentLayout->addWidget(age, row, 1);
      connect(link, &QPushButton::clicked, this, [this, path] { Q_EMIT fileRequested(path); });
    } else {
      link->setEnabled(false);
      auto* remove = new QPushButton(tr("not found — Remove"), m_recent);
      remove->setFlat(true);
      remove->setProperty("role", QStringLiteral("link"));
      remove->setAccessibleName(tr("Remove %1 from the recent files").arg(file.fileName()));
      m_recentLayout->addWidget(remove, row, 1);
      connect(remove, &QPushButton::clicked, this, [this, path] {
        Settings::removeRecentFile(path);
        QMetaObject::invokeMethod(this, &WelcomePage::refresh, Qt::QueuedConnection);
      });
    }
    ++row;
  }
}

}  // namespace mxscope::ui
