// SPDX-License-Identifier: GPL-3.0-or-later
#include "models/results_model_filter.h"

#include <QCoreApplication>
#include <QRegularExpression>

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

struct Token {
  int position;
  QString text;  // without quotes
};

// Splits at blanks outside of quotes.
QList<Token> tokensOf(const QString& line) {
  QList<Token> tokens;
  QString text;
  int start = -1;
  bool quoted = false;
  for (int i = 0; i <= line.size(); ++i) {
    const bool end = i == line.size() || (line[i].isSpace() && !quoted);
    if (end) {
      if (start >= 0) {
        tokens.append({start, text});
      }
      start = -1;
      text.clear();
    } else {
      start = start < 0 ? i : start;
      if (line[i] == u'"') {
        quoted = !quoted;
      } else {
        text += line[i];
      }
    }
  }
  return tokens;
}

}  // namespace

const QStringList& ResultsFilter::textFields() {
  static const QStringList fields{u"run"_s,    u"variant"_s,   u"state"_s, u"model"_s,
                                  u"layers"_s, u"format"_s,    u"block"_s, u"tag"_s,
                                  u"note"_s,   u"experiment"_s};
  return fields;
}

const QStringList& ResultsFilter::numberFields() {
  static const QStringList fields{
      u"run"_s,     u"block"_s,    u"ppl"_s, u"dppl"_s, u"dpercent"_s, u"xent"_s, u"dxent"_s,
      u"entropy"_s, u"dentropy"_s, u"kl"_s,  u"top1"_s, u"weights"_s,  u"peak"_s, u"time"_s};
  return fields;
}

ResultsFilter ResultsFilter::parse(const QString& line) {
  static const QRegularExpression pattern(u"^(-?)([A-Za-z][A-Za-z0-9_]*)(:|<=|>=|<|>|=)(.*)$"_s);
  ResultsFilter filter;
  for (const Token& token : tokensOf(line)) {
    const auto problem = [&](const QString& message) {
      filter.m_problems.append({token.position, int(token.text.size()), message});
    };
    Term term;
    const QRegularExpressionMatch match = pattern.match(token.text);
    if (!match.hasMatch()) {
      term.negated = token.text.size() > 1 && token.text.startsWith(u'-');
      term.text = token.text.mid(term.negated ? 1 : 0).toLower();
      if (!term.text.isEmpty()) {
        filter.m_terms.append(term);
      }
      continue;
    }
    term.negated = !match.captured(1).isEmpty();
    term.field = match.captured(2).toLower();
    const QString sign = match.captured(3);
    QString value = match.captured(4);
    const bool isText = textFields().contains(term.field);
    const bool isNumber = numberFields().contains(term.field);
    if (!isText && !isNumber) {
      QStringList known = textFields() + numberFields();
      known.removeDuplicates();
      problem(QCoreApplication::translate("ResultsFilter", "There is no field \"%1\". Fields: %2.")
                  .arg(term.field, known.join(u", "_s)));
      continue;
    }
    if (value.isEmpty()) {
      continue;  // still being typed
    }
    if (sign == ":"_L1 && isText) {
      term.relation = Relation::kContains;
      term.text = value.toLower();
      filter.m_terms.append(term);
      continue;
    }
    value.replace(QChar(0x2212), u'-');
    bool ok = false;
    term.number = value.toDouble(&ok);
    if (!ok && isText && sign == "="_L1) {
      term.relation = Relation::kEqual;
      term.text = value.toLower();
      filter.m_terms.append(term);
      continue;
    }
    if (!ok || !isNumber) {
      problem(isNumber ? QCoreApplication::translate("ResultsFilter",
                                                     "\"%1\" is no number; write for "
                                                     "example %2<0.5.")
                             .arg(value, term.field)
                       : QCoreApplication::translate("ResultsFilter", "%1 holds text: write %1:%2.")
                             .arg(term.field, value));
      continue;
    }
    term.relation = sign == "<"_L1    ? Relation::kLess
                    : sign == "<="_L1 ? Relation::kLessEqual
                    : sign == ">"_L1  ? Relation::kGreater
                    : sign == ">="_L1 ? Relation::kGreaterEqual
                                      : Relation::kEqual;
    filter.m_terms.append(term);
  }
  return filter;
}

bool ResultsFilter::accepts(const Row& row) const {
  for (const Term& term : m_terms) {
    bool holds = false;
    if (term.field.isEmpty()) {
      holds = row.text.contains(term.text);
    } else if (!term.text.isEmpty()) {
      const QString text = row.texts.value(term.field);
      holds = term.relation == Relation::kEqual ? text == term.text : text.contains(term.text);
    } else {
      const auto found = row.numbers.constFind(term.field);
      if (found != row.numbers.constEnd()) {
        switch (term.relation) {
          case Relation::kLess:
            holds = *found < term.number;
            break;
          case Relation::kLessEqual:
            holds = *found <= term.number;
            break;
          case Relation::kGreater:
            holds = *found > term.number;
            break;
          case Relation::kGreaterEqual:
            holds = *found >= term.number;
            break;
          default:
            holds = *found == term.number;
            break;
        }
      }
    }
    if (holds == term.negated) {
      return false;
    }
  }
  return true;
}

}  // namespace mxscope::ui
