// SPDX-License-Identifier: GPL-3.0-or-later
#include "plots/number_text.h"

#include <algorithm>
#include <cmath>

using namespace Qt::StringLiterals;

namespace mxscope::ui {
namespace {

QString withSign(QString text, bool positive, bool negative, bool sign) {
  if (negative) {
    text.prepend(QChar(0x2212));
  } else if (sign && positive) {
    text.prepend(u'+');
  }
  return text;
}

}  // namespace

QString fixedText(double value, int decimals, bool sign) {
  if (!std::isfinite(value)) {
    return std::isnan(value) ? missingText() : value > 0 ? u"∞"_s : u"−∞"_s;
  }
  decimals = std::clamp(decimals, 0, 12);
  const double unit = std::pow(10.0, decimals);
  const double rounded = std::abs(value) < 1e15 / unit ? std::round(value * unit) / unit : value;
  const bool isZero = rounded == 0.0;
  return withSign(QLocale().toString(std::abs(rounded), 'f', decimals), !isZero && value > 0,
                  !isZero && value < 0, sign);
}

QString shortText(double value, int digits, bool sign, int maxDecimals) {
  if (!std::isfinite(value)) {
    return fixedText(value, 0, sign);
  }
  const double magnitude = std::abs(value);
  if (magnitude >= 1e6 || (magnitude > 0 && magnitude < 0.5 * std::pow(10.0, -maxDecimals))) {
    return withSign(QLocale().toString(magnitude, 'g', digits), value > 0, value < 0, sign);
  }
  const int exponent = magnitude > 0 ? int(std::floor(std::log10(magnitude))) : 0;
  return fixedText(value, magnitude > 0 ? std::clamp(digits - 1 - exponent, 0, maxDecimals) : 0,
                   sign);
}

int decimalsFor(double uncertainty) {
  if (!(uncertainty > 0) || !std::isfinite(uncertainty)) {
    return 3;
  }
  // 0.1 that became 0.0999… by rounding must not get a digit more.
  return std::clamp(1 - int(std::floor(std::log10(uncertainty * (1 + 1e-9)))), 0, 8);
}

QString intervalText(double value, std::optional<double> halfWidth, bool sign) {
  if (!halfWidth || !std::isfinite(*halfWidth) || !std::isfinite(value)) {
    return shortText(value, 4, sign);
  }
  const int decimals = decimalsFor(*halfWidth);
  return QString(fixedText(value, decimals, sign) + u" ± "_s + fixedText(*halfWidth, decimals));
}

QString bytesText(double bytes) {
  if (!std::isfinite(bytes)) {
    return missingText();
  }
  static constexpr double kKi = 1024.0;
  static const char* const kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  double shown = bytes;
  while (std::abs(shown) >= 1000.0 && unit < 4) {
    shown /= kKi;
    ++unit;
  }
  const int decimals = unit == 0 || std::abs(shown) >= 100 ? 0 : std::abs(shown) >= 10 ? 1 : 2;
  return QString(fixedText(shown, decimals) + u' ' + QLatin1String(kUnits[unit]));
}

QString durationText(double seconds) {
  if (!std::isfinite(seconds)) {
    return missingText();
  }
  if (seconds < 10) {
    return QString(fixedText(seconds, 1) + u" s"_s);
  }
  const auto total = qint64(std::llround(seconds));
  if (total < 60) {
    return u"%1 s"_s.arg(total);
  }
  if (total < 3600) {
    return u"%1 min %2 s"_s.arg(total / 60).arg(total % 60, 2, 10, QChar(u'0'));
  }
  return u"%1 h %2 min"_s.arg(total / 3600).arg(total / 60 % 60, 2, 10, QChar(u'0'));
}

QString exactText(double value) {
  return std::isfinite(value) ? QString::number(value, 'g', 17) : QString();
}

}  // namespace mxscope::ui
