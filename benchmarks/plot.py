#!/usr/bin/env python3
"""Charts from the comparison's JSON: plot.py comparison.json [folder]. Needs matplotlib (Debian: python3-matplotlib)."""
import json
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker

plt.rcParams.update({"font.size": 10, "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False,
                     "figure.constrained_layout.use": True})
KEW, PEER, LIMIT = "#c2410c", "#64748b", "#cbd5e1"
SHAPES = ["1p1c", "2p2c", "4p4c", "1p4c", "4p1c"]


def read(path):
    """row -> contender -> list of runs, one a round."""
    with open(path) as file:
        data = json.load(file)
    rows = defaultdict(lambda: defaultdict(list))
    for run in data["benchmarks"]:
        row, _, contender = run["run_name"].rpartition("/")
        if not run.get("error_occurred"):
            rows[row][contender].append(run)
    return data["context"], rows


def middle(runs, key):
    return statistics.median(run[key] for run in runs)


def color(name):
    return KEW if name.startswith("kew") else LIMIT if name.startswith("limit") else PEER


def footer(figure, context):
    version = re.sub(r"\+(git|ds|deb)[^,]*|-\d[^,]*", "", context["peers"])
    figure.supxlabel(f"{context['processor']} · round trip of a cache line {context['bare round trip of a cache line']} · "
                     f"{context['compiler'].split(',')[0]} · {context['date'][:10]}\n{version}", fontsize=7, color="#475569")


def save(figure, context, folder, name):
    footer(figure, context)
    for ending in ("svg", "png"):
        figure.savefig(folder / f"{name}.{ending}", dpi=130)
    plt.close(figure)


def bars(axes, figures, title, unit):
    """Horizontal bars, best first, each with its number."""
    figures = sorted(figures, key=lambda one: one[1])
    axes.barh([name for name, _ in figures], [value for _, value in figures], color=[color(name) for name, _ in figures])
    for place, (_, value) in enumerate(figures):
        axes.text(value, place, f" {value:.3g}", va="center", fontsize=8)
    axes.margins(x=0.12)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)


def throughput(rows, context, folder):
    for family, title in (("mpmc", "Rings, many to many"), ("mpmc_waiting", "Queues that wait, many to many")):
        names = {s: f"throughput/{family}/{s}/8B/capacity:1024/batch:1" for s in SHAPES}
        shapes = [s for s in SHAPES if names[s] in rows]
        if not shapes:
            continue
        figure, all_axes = plt.subplots(len(shapes), 1, figsize=(8, 2.1 * len(shapes)), squeeze=False)
        figure.suptitle(f"{title}: messages a second, capacity 1024, 64-bit items")
        for axes, shape in zip(all_axes[:, 0], shapes):
            figures = [(name, middle(runs, "items_per_second") / 1e6) for name, runs in rows[names[shape]].items()]
            bars(axes, figures, f"{shape[0]} producer{'s' * (shape[0] > '1')}, {shape[2]} consumer{'s' * (shape[2] > '1')}", "")
        all_axes[-1, 0].set_xlabel("million messages a second", fontsize=8)
        save(figure, context, folder, f"throughput_{family}")
    spsc = rows.get("throughput/spsc/1p1c/8B/capacity:1024/batch:1")
    if spsc:
        figure, axes = plt.subplots(figsize=(8, 3))
        bars(axes, [(name, middle(runs, "items_per_second") / 1e6) for name, runs in spsc.items()],
             "One producer, one consumer: messages a second, capacity 1024, 64-bit items", "million messages a second")
        save(figure, context, folder, "throughput_spsc")


def latency(rows, context, folder):
    for family in ("spsc", "mpmc", "spsc_waiting", "mpmc_waiting"):
        row = rows.get(f"latency/{family}/rate:1M")
        if not row:
            continue
        figure, axes = plt.subplots(figsize=(8, 0.45 * len(row) + 1.8))
        ordered = sorted(row, key=lambda name: -middle(row[name], "p50"))
        for place, name in enumerate(ordered):
            points = [middle(row[name], key) / 1e3 for key in ("p50", "p99", "p99.9")]
            axes.plot(points, [place] * 3, color=color(name), lw=2, zorder=1)
            for value, marker in zip(points, "o|s"):
                axes.scatter(value, place, marker=marker, s=45, color=color(name), zorder=2)
        axes.set_yticks(range(len(ordered)), ordered, fontsize=8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} µs" if value < 1000 else f"{value / 1000:g} ms")
        axes.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axes.set_xlabel("from due to handled, at a million messages a second:  ● p50   | p99   ■ p99.9", fontsize=8)
        axes.set_title(f"Latency under load ({family.replace('_', ', ')})", loc="left")
        save(figure, context, folder, f"latency_{family}")


def length(rows, context, folder):
    shown = [(row, title) for row, title in (("length/bursts", "in bursts: three times the consumer's speed for 2 of every 10 ms"),
                                             ("length/load:95%", "at random, 95 % of what the consumer can do")) if row in rows]
    if not shown:
        return
    figure, all_axes = plt.subplots(len(shown), 1, figsize=(8, 2.4 * len(shown)), squeeze=False)
    figure.suptitle("How long the queue gets when messages come …")
    for axes, (row, title) in zip(all_axes[:, 0], shown):
        runs = rows[row]["kew::spsc_ring"]
        # The round that is nearest to the median: a picture of one run, and not of an average that never happened.
        run = min(runs, key=lambda one: abs(one["mean_length"] - middle(runs, "mean_length")))
        lengths = [int(value) for value in run["label"].split(":")[1].split()]
        axes.fill_between([0.2 * i for i in range(len(lengths))], lengths, color=KEW, alpha=0.8, lw=0)
        axes.set_title("… " + title, loc="left", fontsize=10)
        axes.set_ylabel("messages", fontsize=8)
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
    all_axes[-1, 0].set_xlabel("milliseconds", fontsize=8)
    save(figure, context, folder, "length")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
    target.mkdir(parents=True, exist_ok=True)
    about, measured = read(sys.argv[1])
    throughput(measured, about, target)
    latency(measured, about, target)
    length(measured, about, target)
