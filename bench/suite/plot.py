# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, without a library: horizontal bars on a logarithmic axis."""
import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, STEP, THICK = 860, 300, 110, 58, 30, 18
COLOURS = {"native": "#7a7a7a", "unmarked": "#7a7a7a", "nativeFirst": "#7a7a7a", "minimal": "#4c78a8",
           "minimalNear": "#4c78a8", "scan": "#4c78a8", "scanNear": "#4c78a8", "fapolicyd": "#b279a2",
           "clamonacc": "#b279a2"}
CUSTOS = "#e4572e"


def _scale(values, log):
    low, high = min(values), max(values)
    if log:
        start, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
        end = max(end, start + 1)
        ticks = [10**e for e in range(start, end + 1)]
        return ticks, lambda v: (math.log10(v) - start) / (end - start)
    end = max(high * 1.1, 1.2)
    return [end * i / 4 for i in range(5)], lambda v: v / end


def bars(title, unit, items, log=True, line_at=None, digits=1):
    """One SVG document. @items: (key, name, value)."""
    room = WIDTH - LEFT - RIGHT
    height = TOP + STEP * len(items) + 34
    ticks, place = _scale([v for _, _, v in items], log)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
           f'font-size="13" role="img"><title>{escape(title)}</title>',
           f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           f'<text x="16" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
           f'<text x="16" y="44" fill="#555555">{escape(unit)}{", logarithmic" if log else ""}</text>']
    bottom = TOP + STEP * len(items)
    for tick in ticks:
        x = LEFT + room * place(tick)
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>'
                   f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#555555">{tick:,.4g}</text>')
    for i, (key, name, value) in enumerate(items):
        y = TOP + STEP * i + (STEP - THICK) / 2
        length = max(1.0, room * place(value))
        out.append(f'<text x="{LEFT - 8}" y="{y + 13:.1f}" text-anchor="end">{escape(name)}</text>'
                   f'<rect x="{LEFT}" y="{y:.1f}" width="{length:.1f}" height="{THICK}" '
                   f'fill="{COLOURS.get(key, CUSTOS)}"/>'
                   f'<text x="{LEFT + length + 6:.1f}" y="{y + 13:.1f}">{value:,.{digits}f}</text>')
    if line_at is not None:
        x = LEFT + room * place(line_at)
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="#222222" stroke-dasharray="4 3"/>')
    return "\n".join([*out, "</svg>"]) + "\n"


def documents(result):
    """File name and content of every plot."""
    rows = [r for r in result["rows"] if "skipped" not in r]
    one = [(r["key"], r["name"], r["runs"][0]) for r in rows]
    yield "latency.svg", bars("Median open+read+close of 4 KiB", "microseconds, one opener; less is better",
                              [(k, n, v["p50Usec"]) for k, n, v in one], digits=2)
    yield "tail.svg", bars("99.9th percentile of open+read+close", "microseconds, one opener; less is better",
                           [(k, n, v["p999Usec"]) for k, n, v in one])
    for width in (1, 4):
        items = [(r["key"], r["name"], v["opensPerSec"]) for r in rows for v in r["runs"] if v["openers"] == width]
        yield f"throughput-{width}.svg", bars(f"Opens per second, {width} opener{'s' if width > 1 else ''}",
                                              "more is better", items, digits=0)
    cpu = [(k, n, v["openerCpuUsec"] + v["daemonCpuUsec"]) for k, n, v in one]
    yield "cpu.svg", bars("Processor time of opener and daemon", "CPU seconds per million opens; less is better", cpu)
    work = [(w["key"], w["name"], w["ratio"]) for w in result["workloads"] if "skipped" not in w]
    if work:
        yield "workloads.svg", bars("Wall time with custos against without", "ratio; the dashed line is 1", work,
                                    log=False, line_at=1, digits=3)
