// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QList>
#include <QString>
#include <functional>

namespace mxscope::ui {

// The filter line of the results: words that must occur somewhere, and terms on one field
// ("model:llama", "dppl<0.5", "tag:\"to keep\"", "-state:failed" for its opposite). Case does not
// matter. A term with an unknown field or a bad number is a problem and filters nothing.
class ResultsFilter {
 public:
  struct Row {
    QString text;                    // all texts, lower case
    QHash<QString, QString> texts;   // field -> lower case text
    QHash<QString, double> numbers;  // field -> value; absent: no number
  };
  struct Problem {
    int position = 0, length = 0;  // in the line
    QString message;
  };

  static const QStringList& textFields();
  static const QStringList& numberFields();

  static ResultsFilter parse(const QString& line);
  bool accepts(const Row& row) const;
  bool isEmpty() const { return m_terms.isEmpty(); }
  const QList<Problem>& problems() const { return m_problems; }

 private:
  enum class Relation { kContains, kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  struct Term {
    QString field;  // empty: anywhere
    Relation relation = Relation::kContains;
    QString text;
    double number = 0;
    bool negated = false;
  };
  QList<Term> m_terms;
  QList<Problem> m_problems;
};

}  // namespace mxscope::ui
