// Ten statistics per device and UTC day, as the gateway's core keeps them.
let series = context.get("series");
if (!series) context.set("series", series = {});
if (msg.topic === "cb/flush") {
  const rows = [];
  for (const [device, s] of Object.entries(series))
    for (const [day, w] of Object.entries(s.days)) rows.push([device, +day, w.count, w.delta]);
  return { payload: JSON.stringify(rows) };
}
const device = msg.topic.split("/")[3];
const s = series[device] || (series[device] = { days: {}, t: null, v: null });
let base = 0;
for (const r of msg.payload) {
  if (r.bt !== undefined) base = r.bt;
  const t = base + (r.t || 0), v = r.v, day = t - t % 86400;
  let w = s.days[day];
  if (!w) w = s.days[day] = { count: 0, first: v, firstT: t, last: v, lastT: t, min: v, max: v,
                              mean: 0, m2: 0, delta: 0, integral: 0, covered: 0 };
  w.count++;
  const d = v - w.mean;
  w.mean += d / w.count;
  w.m2 += d * (v - w.mean);
  if (v < w.min) w.min = v;
  if (v > w.max) w.max = v;
  if (s.v !== null) {
    if (v >= s.v) w.delta += v - s.v;
    const step = t - s.t;
    if (step <= 1800) { w.integral += (v + s.v) / 2 * step; w.covered += step; }
  }
  w.last = s.v = v;
  w.lastT = s.t = t;
}
return null;
