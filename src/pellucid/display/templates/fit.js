// A picture is as wide as its place; stacked frames share what their labels leave. The config that
// suits the width is given back.
function fit(spec, config, room) {
  const narrow = room < 480;
  for (const one of spec.params || []) if (one.name === "narrow") one.value = narrow;
  if (spec.autosize) spec.width = room;
  const beside = spec.usermeta && (narrow ? spec.usermeta.narrowSide : spec.usermeta.side);
  for (const part of spec.vconcat || []) part.width = Math.max(80, room - beside - 26);
  if (!narrow) return config;
  return {
    ...config,
    axisY: { ...config.axisY, labelLimit: 0.42 * room },
    axisX: { tickCount: 3, titleAnchor: "end", titleLimit: room },
    axisXBand: { labelLimit: 62 },
    ...(room < 360 && { legend: { ...config.legend, titleOrient: "top", columns: 1 } }),
  };
}
