"use strict";
// Draws every figure of the report from the JSON beside it.
(function () {
  const options = { responsive: true, displaylogo: false, displayModeBar: false };
  for (const holder of document.querySelectorAll("script[data-for]")) {
    const figure = JSON.parse(holder.textContent);
    Plotly.newPlot(holder.dataset.for, figure.data, figure.layout, options);
  }
  document.documentElement.dataset.drawn = "yes";
})();
