"""satkit bench: what it takes, and what it does.

Libraries are imported where they are needed, so that `satkit --help` answers at once.
"""

import sys

from satkit.cli.options import number
from satkit.utils.disk_places import can_hold
from satkit.utils.saying import LIBRARIES, saying


def add_bench(commands) -> None:
    """satkit bench."""
    command = commands.add_parser(
        "bench", help="what distillation and attention transfer cost here, as ratios measured in one run; minutes"
    )
    command.add_argument("--sizes", default="quick,full,mit_b2", help="some of quick, full and mit_b2 (default all)")
    command.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    command.add_argument("--pairs", default="9", help="how often each ratio is timed (default 9)")
    command.add_argument(
        "--out", default="", metavar="FILE", help="JSON file for the results; a page and a picture stand beside it"
    )
    command.set_defaults(run=run_bench)


def run_bench(options) -> int:
    """Measure, and print the table."""
    out = can_hold(options.out) if options.out else None  # before the minutes of measuring
    with saying(LIBRARIES):
        from satkit.studies import bench, bench_report

    sizes = [name.strip() for name in options.sizes.split(",") if name.strip()]

    def say(what: str) -> None:
        print(f"measuring: {what}", file=sys.stderr, flush=True)

    found = list(bench.measure(sizes, options.device, number("--pairs", options.pairs), say))
    about = bench_report.described(found, options.device)
    print(bench_report.table(about).text())
    if out:
        print(*bench_report.write(about, out), sep="\n")
    return 0
