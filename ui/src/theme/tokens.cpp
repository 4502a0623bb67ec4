// SPDX-License-Identifier: GPL-3.0-or-later
#include "theme/tokens.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <cmath>

using namespace Qt::StringLiterals;

static void initAssets() {
  // Resources of a static library are dropped by the linker unless they are asked for by name,
  // which the macro only does outside of a namespace.
  Q_INIT_RESOURCE(ui_assets);
}

namespace mxscope::ui {
namespace {

double linearChannel(double c) {
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& c) {
  return 0.2126 * linearChannel(c.redF()) + 0.7152 * linearChannel(c.greenF()) +
         0.0722 * linearChannel(c.blueF());
}

QColor colourOf(const QJsonValue& value, const QString& theme, const QString& key) {
  const QColor colour(value.toString());
  if (!colour.isValid()) {
    qFatal("theme %s: %s is no colour", qPrintable(theme), qPrintable(key));
  }
  return colour;
}

}  // namespace

double contrastRatio(const QColor& a, const QColor& b) {
  const double la = luminance(a);
  const double lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

QColor mixColours(const QColor& a, const QColor& b, double share) {
  const auto mix = [share](float x, float y) {
    return std::clamp(float(x + (y - x) * share), 0.0F, 1.0F);
  };
  return QColor::fromRgbF(mix(a.redF(), b.redF()), mix(a.greenF(), b.greenF()),
                          mix(a.blueF(), b.blueF()));
}

SeriesColour seriesColourOfFormat(const QString& format) {
  QString f = format.toLower();
  f.replace(u' ', u'_');
  const bool e5m2 = f.contains("e5m2"_L1);
  if (f.isEmpty() || f == "none"_L1 || f == "baseline"_L1 || f.contains("bf16"_L1) ||
      f.contains("fp16"_L1) || f.contains("float"_L1)) {
    return {0, 0};
  }
  if (f.contains("nvfp4"_L1)) {
    return {5, 0};
  }
  if (f.contains("nvfp8"_L1)) {
    return {5, e5m2 ? 2 : 1};
  }
  if (f.contains("mxfp8"_L1)) {
    return {1, e5m2 ? 1 : 0};
  }
  if (f.contains("fp6"_L1)) {
    return {2, f.contains("e3m2"_L1) ? 1 : 0};
  }
  if (f.contains("fp4"_L1)) {
    return {3, 0};
  }
  if (f.contains("int8"_L1)) {
    return {4, 0};
  }
  if (f.contains("int4"_L1)) {
    return {4, 1};
  }
  if (f.contains("fp8"_L1) || f.contains("e4m3"_L1) || e5m2) {
    return {1, 2};
  }
  return {0, 1};
}

QColor Tokens::seriesColour(SeriesColour colour) const {
  const QColor hue = series.at(size_t(std::clamp(colour.hue, 0, int(series.size()) - 1)));
  static constexpr double kTowardsText[] = {0.0, 0.38, 0.62};
  return mixColours(hue, text, kTowardsText[std::clamp(colour.shade, 0, 2)]);
}

QColor Tokens::divergingColour(double t) const {
  if (std::isnan(t)) {
    return notRun;
  }
  const double position = (std::clamp(t, -1.0, 1.0) + 1.0) * 2.0;
  const int lower = std::min(int(position), 3);
  return mixColours(diverging.at(size_t(lower)), diverging.at(size_t(lower) + 1), position - lower);
}

QColor Tokens::textOn(const QColor& ground) const {
  if (contrastRatio(text, ground) >= 4.5) {
    return text;
  }
  // One of black and white always reaches 4.58.
  return contrastRatio(Qt::black, ground) > contrastRatio(Qt::white, ground) ? QColor(Qt::black)
                                                                             : QColor(Qt::white);
}

Tokens loadTokens(const QString& name) {
  initAssets();
  QFile file(":/mxscope/themes/"_L1 + name + ".json"_L1);
  if (!file.open(QIODevice::ReadOnly)) {
    qFatal("theme %s is missing", qPrintable(name));
  }
  const QJsonObject json = QJsonDocument::fromJson(file.readAll()).object();
  Tokens t;
  t.name = json["name"_L1].toString();
  t.dark = json["dark"_L1].toBool();
  const std::pair<const char*, QColor*> fields[] = {{"window", &t.window},
                                                    {"card", &t.card},
                                                    {"base", &t.base},
                                                    {"alternate", &t.alternate},
                                                    {"header", &t.header},
                                                    {"text", &t.text},
                                                    {"dim", &t.dim},
                                                    {"disabled", &t.disabled},
                                                    {"border", &t.border},
                                                    {"frame", &t.frame},
                                                    {"grid", &t.grid},
                                                    {"axis", &t.axis},
                                                    {"accent", &t.accent},
                                                    {"accentText", &t.accentText},
                                                    {"link", &t.link},
                                                    {"better", &t.better},
                                                    {"worse", &t.worse},
                                                    {"warning", &t.warning},
                                                    {"warningBack", &t.warningBack},
                                                    {"errorBack", &t.errorBack},
                                                    {"errorBorder", &t.errorBorder},
                                                    {"hover", &t.hover},
                                                    {"segment", &t.segment},
                                                    {"segmentText", &t.segmentText},
                                                    {"selection", &t.selection},
                                                    {"selectionText", &t.selectionText},
                                                    {"tooltip", &t.tooltip},
                                                    {"tooltipText", &t.tooltipText},
                                                    {"notRun", &t.notRun},
                                                    {"neutral", &t.neutral}};
  for (const auto& [key, colour] : fields) {
    *colour = colourOf(json[QLatin1String(key)], name, QLatin1String(key));
  }
  const QJsonArray series = json["series"_L1].toArray();
  const QJsonArray diverging = json["diverging"_L1].toArray();
  for (size_t i = 0; i < t.series.size(); ++i) {
    t.series[i] = colourOf(series.at(qsizetype(i)), name, "series"_L1);
  }
  for (size_t i = 0; i < t.diverging.size(); ++i) {
    t.diverging[i] = colourOf(diverging.at(qsizetype(i)), name, "diverging"_L1);
  }
  return t;
}

}  // namespace mxscope::ui
