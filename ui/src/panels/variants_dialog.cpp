// SPDX-License-Identifier: GPL-3.0-or-later
#include "panels/variants_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>

#include "models/experiment_document.h"
#include "mxscope/core/experiment/experiment_json.h"
#include "panels/choice_delegate.h"
#include "theme/theme.h"

namespace mxscope::ui {

namespace {

// Values of the layer chooser beyond the tiers.
constexpr int kSameLayers = -1, kPattern = -2, kMlp = -3, kAttention = -4, kEverything = -5,
              kBf16 = -6, kInt8 = -7, kFp8 = -8, kGlobal = -9;
constexpr int kSameFormat = -1;

std::vector<int> checkedValues(const QListWidget* list) {
  std::vector<int> values;
  for (int i = 0; i < list->count(); ++i) {
    if (list->item(i)->checkState() == Qt::Checked) {
      values.push_back(list->item(i)->data(Qt::UserRole).toInt());
    }
  }
  return values;
}

QListWidget* checkList(const QList<std::pair<QString, int>>& choices, const QList<int>& checked,
                       QWidget* parent) {
  auto* list = new QListWidget(parent);
  for (const auto& [label, value] : choices) {
    auto* item = new QListWidgetItem(label, list);
    item->setData(Qt::UserRole, value);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsUserCheckable);
    item->setCheckState(checked.contains(value) ? Qt::Checked : Qt::Unchecked);
  }
  list->setCurrentRow(0);
  return list;
}

QString fromView(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

mxscope::OperandEntry operand(mxscope::Format format) {
  mxscope::OperandEntry entry;
  entry.format = format;
  return entry;
}

}  // namespace

VariantsDialog::VariantsDialog(const ExperimentDocument* document, QWidget* parent)
    : QDialog(parent), m_document(document) {
  setObjectName(QStringLiteral("variantsDialog"));
  setWindowTitle(tr("Add variants"));
  auto* layout = new QVBoxLayout(this);
  auto* form = new QFormLayout;
  layout->addLayout(form);
  m_layers = new QComboBox(this);
  m_layers->setObjectName(QStringLiteral("variantLayers"));
  if (!document->experiment().variants.empty()) {
    m_layers->addItem(tr("As the selected variant"), kSameLayers);
  }
  m_layers->addItem(tr("MLP (@mlp)"), kMlp);
  m_layers->addItem(tr("Attention (@attention)"), kAttention);
  m_layers->addItem(tr("Every linear (@all)"), kEverything);
  m_layers->addItem(tr("Tier A: MLP by name"), static_cast<int>(mxscope::Tier::kA));
  m_layers->addItem(tr("Tier B: MLP and attention by name"), static_cast<int>(mxscope::Tier::kB));
  m_layers->addItem(tr("Tier C: MLP MXFP6, attention MXFP8"), static_cast<int>(mxscope::Tier::kC));
  m_layers->addItem(tr("Tier D: MLP MXFP4, attention MXFP6"), static_cast<int>(mxscope::Tier::kD));
  m_layers->addItem(tr("Pattern…"), kPattern);
  m_layers->addItem(tr("Whole model: computed in BF16"), kBf16);
  m_layers->addItem(tr("LLM.int8()"), kInt8);
  m_layers->addItem(tr("Real FP8 product (GPU)"), kFp8);
  m_layers->addItem(tr("Everything quantised (global)"), kGlobal);
  form->addRow(tr("&Layers"), m_layers);
  m_pattern = new QLineEdit(QStringLiteral("*.mlp.*"), this);
  m_pattern->setObjectName(QStringLiteral("variantPattern"));
  m_pattern->setToolTip(
      tr("Text, glob (*.mlp.*), re: regular expression, or a role (@mlp); several "
         "are parted by blanks"));
  form->addRow(tr("&Pattern"), m_pattern);
  QList<std::pair<QString, int>> formats = formatChoices({});
  formats.removeFirst();
  m_formats = checkList(formats, {static_cast<int>(mxscope::Format::kMxfp8E4m3)}, this);
  m_formats->setObjectName(QStringLiteral("variantFormats"));
  m_formats->setAccessibleName(tr("Weight formats"));
  m_formats->setMinimumHeight(8 * (Theme::instance().rowHeight() - 2));
  form->addRow(tr("&Weights"), m_formats);
  m_activation = new QComboBox(this);
  m_activation->setObjectName(QStringLiteral("variantActivation"));
  m_activation->addItem(tr("as the weights"), kSameFormat);
  for (const auto& [label, value] : formatChoices(tr("unquantised"))) {
    m_activation->addItem(label, value);
  }
  form->addRow(tr("&Activations"), m_activation);
  m_blocks = checkList(blockChoices(), {32}, this);
  m_blocks->setObjectName(QStringLiteral("variantBlocks"));
  m_blocks->setAccessibleName(tr("Block sizes"));
  m_blocks->setFixedHeight(6 * (Theme::instance().rowHeight() - 2) + 6);
  form->addRow(tr("&Blocks"), m_blocks);
  m_scale = new QComboBox(this);
  m_scale->setObjectName(QStringLiteral("variantScale"));
  for (const auto& [label, value] : scaleChoices()) {
    // The formula stands in the list; who uses it is told by the tool tip.
    const QString text = fromView(mxscope::describe(static_cast<mxscope::ScaleRule>(value)));
    m_scale->addItem(label + QStringLiteral(" — ") + text.section(QLatin1Char(':'), 0, 0), value);
    m_scale->setItemData(m_scale->count() - 1, text, Qt::ToolTipRole);
  }
  form->addRow(tr("&Scale rule"), m_scale);
  m_rounding = new QComboBox(this);
  int value = 0;
  for (const std::string_view name : mxscope::rounding_names()) {
    m_rounding->addItem(fromView(name), value++);
  }
  form->addRow(tr("&Rounding"), m_rounding);
  m_count = new QLabel(this);
  m_count->setObjectName(QStringLiteral("variantCount"));
  m_count->setWordWrap(true);
  layout->addWidget(m_count);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
  m_ok = buttons->button(QDialogButtonBox::Ok);
  m_ok->setProperty("role", QStringLiteral("primary"));
  layout->addWidget(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &VariantsDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &VariantsDialog::reject);
  connect(m_layers, &QComboBox::currentIndexChanged, this, &VariantsDialog::refresh);
  connect(m_pattern, &QLineEdit::textChanged, this, &VariantsDialog::refresh);
  connect(m_formats, &QListWidget::itemChanged, this, &VariantsDialog::refresh);
  connect(m_blocks, &QListWidget::itemChanged, this, &VariantsDialog::refresh);
  connect(m_activation, &QComboBox::currentIndexChanged, this, &VariantsDialog::refresh);
  refresh();
}

std::vector<mxscope::VariantEntry> VariantsDialog::variants() const {
  std::vector<mxscope::VariantEntry> made;
  const int layers = m_layers->currentData().toInt();
  const auto scale = static_cast<mxscope::ScaleRule>(m_scale->currentData().toInt());
  const auto rounding = static_cast<mxscope::Rounding>(m_rounding->currentData().toInt());
  mxscope::VariantEntry base;
  if (scale != mxscope::ScaleRule::kFloor) {
    base.scale = scale;
  }
  if (rounding != mxscope::Rounding::kEven) {
    base.rounding = rounding;
  }
  if (layers == kBf16 || layers == kInt8 || layers == kFp8) {
    base.stage = layers == kBf16   ? mxscope::Stage::kBf16
                 : layers == kInt8 ? mxscope::Stage::kInt8
                                   : mxscope::Stage::kFp8;
    base.scale.reset();
    base.rounding.reset();
    if (layers != kBf16) {
      base.tier = mxscope::Tier::kB;
    }
    return {base};
  }
  const int activation = m_activation->currentData().toInt();
  for (const int chosen : checkedValues(m_formats)) {
    const auto format = static_cast<mxscope::Format>(chosen);
    const auto act = activation == kSameFormat ? format : static_cast<mxscope::Format>(activation);
    for (const int block : checkedValues(m_blocks)) {
      mxscope::VariantEntry entry = base;
      entry.blocks = {block};
      if (layers >= 0) {
        entry.tier = static_cast<mxscope::Tier>(layers);
        const bool own = entry.tier == mxscope::Tier::kC || entry.tier == mxscope::Tier::kD;
        if (!own) {
          entry.formats = {format};
        }
        if (act != format && !own) {
          makeRules(entry);
          for (mxscope::RuleEntry& rule : *entry.rules) {
            rule.activation = operand(act);
          }
        }
        made.push_back(entry);
        if (own) {
          break;
        }
        continue;
      }
      entry.rules.emplace();
      if (layers == kSameLayers) {
        mxscope::VariantEntry model =
            m_document->experiment()
                .variants[static_cast<std::size_t>(m_document->currentVariant())];
        makeRules(model);
        entry.rules = model.rules;
        for (mxscope::RuleEntry& rule : *entry.rules) {
          if (!keepsLayers(rule)) {
            const std::vector<std::string> match = rule.match, except = rule.except;
            rule = mxscope::RuleEntry();
            rule.match = match;
            rule.except = except;
            rule.weight = operand(format);
            rule.activation = operand(act);
          }
        }
      } else {
        mxscope::RuleEntry rule;
        if (layers == kMlp) {
          rule.match = {"@mlp"};
        } else if (layers == kAttention) {
          rule.match = {"@attention"};
        } else if (layers == kPattern) {
          const QString text = m_pattern->text().trimmed();
          if (text.startsWith(QLatin1String("re:"))) {
            rule.match = {text.toStdString()};
          } else {
            for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
              rule.match.push_back(word.toStdString());
            }
          }
        } else {
          rule.match = {"@all"};
        }
        rule.weight = operand(format);
        rule.activation = operand(act);
        if (layers == kGlobal) {
          entry.stage = mxscope::Stage::kGlobal;
        }
        entry.rules->push_back(rule);
      }
      made.push_back(std::move(entry));
    }
    if (layers == static_cast<int>(mxscope::Tier::kC) ||
        layers == static_cast<int>(mxscope::Tier::kD)) {
      break;
    }
  }
  return made;
}

void VariantsDialog::refresh() {
  const int layers = m_layers->currentData().toInt();
  m_pattern->setEnabled(layers == kPattern);
  const bool whole = layers == kBf16 || layers == kInt8 || layers == kFp8;
  m_formats->setEnabled(!whole);
  m_blocks->setEnabled(!whole);
  m_activation->setEnabled(!whole);
  m_scale->setEnabled(!whole);
  m_rounding->setEnabled(!whole);
  const std::vector<mxscope::VariantEntry> made = variants();
  // Checked together with what is there already: the same variant twice is refused here.
  mxscope::Experiment probe = m_document->experiment();
  const std::size_t before = probe.variants.size();
  probe.variants.insert(probe.variants.end(), made.begin(), made.end());
  QString problem;
  for (const mxscope::Issue& issue : mxscope::validate(probe)) {
    const QString path = QString::fromStdString(issue.path);
    const int at = path.mid(9).section(QLatin1Char(']'), 0, 0).toInt();
    if (problem.isEmpty() && issue.severity == mxscope::Issue::Severity::kError &&
        path.startsWith(QLatin1String("variants[")) && at >= static_cast<int>(before)) {
      problem = QString::fromStdString(issue.message);
    }
  }
  if (made.empty()) {
    problem = tr("Choose at least one format and one block.");
  }
  m_ok->setEnabled(problem.isEmpty());
  m_ok->setText(tr("Add %n variant(s)", nullptr, static_cast<int>(made.size())));
  m_count->setText(problem);
}

}  // namespace mxscope::ui
