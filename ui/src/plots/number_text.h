// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLocale>
#include <QString>
#include <optional>

// Numbers as people read them, by the user's locale with a typographic minus. Values are rounded to
// the shown precision first, so "-0.00" never appears. What does not exist is "—".
namespace mxscope::ui {

// Fixed decimals; grouped thousands.
QString fixedText(double value, int decimals, bool sign = false);
// `digits` significant digits, at most `maxDecimals` decimals; no exponent between 1e-4 and 1e6.
QString shortText(double value, int digits = 3, bool sign = false, int maxDecimals = 4);
// "+1.659 ± 0.070": two digits of the half width decide the decimals; without one, shortText.
QString intervalText(double value, std::optional<double> halfWidth, bool sign = true);
// Decimals that show two digits of an uncertainty, 0..8.
int decimalsFor(double uncertainty);
// "1.25 GiB", "640 MiB".
QString bytesText(double bytes);
// "1 min 12 s", "34 s", "2 h 05 min".
QString durationText(double seconds);
// 17 significant digits in the C locale, empty when not finite: for clipboards and files.
QString exactText(double value);
inline QString missingText() { return QStringLiteral("—"); }

}  // namespace mxscope::ui
