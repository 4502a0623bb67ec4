# SPDX-License-Identifier: GPL-3.0-or-later
# Plots, their cards, and the panels and models of results; paths relative to ui/.

set(MXSCOPE_UI_PLOTS_SOURCES
  src/models/results_model.cpp
  src/models/results_model_filter.cpp
  src/models/results_model_text.cpp
  src/panels/compare_panel.cpp
  src/panels/export_dialog.cpp
  src/panels/results_table.cpp
  src/panels/results_table_columns.cpp
  src/panels/results_table_save.cpp
  src/panels/results_table_state.cpp
  src/panels/results_table_delegate.cpp
  src/panels/results_table_export.cpp
  src/plots/bar_plot.cpp
  src/plots/cards/gpu_card.cpp
  src/plots/cards/live_card.cpp
  src/plots/cards/metric_card.cpp
  src/plots/cards/result_card.cpp
  src/plots/cards/run_marks.cpp
  src/plots/cards/sensitivity_card.cpp
  src/plots/cards/tradeoff_card.cpp
  src/plots/heat_map.cpp
  src/plots/live_plot.cpp
  src/plots/memory_plot.cpp
  src/plots/min_max_pyramid.cpp
  src/plots/number_text.cpp
  src/plots/plot_card.cpp
  src/plots/plot_export.cpp
  src/plots/plot_parts.cpp
  src/plots/plot_table_model.cpp
  src/plots/plot_view.cpp
  src/plots/plot_zoom.cpp
  src/plots/scatter_plot.cpp
  src/plots/segmented_switch.cpp)
