"""The README's picture: success by iteration on the twelve unseen tasks, what ships beside its controls.

python benchmarks/headline.py
"""

from common import RESULTS

from sail.loop.run_folder import write_text
from sail.protocol.ledger import Ledger
from sail.protocol.summary import curves
from sail.report.comparison import comparison

SHIPS, CONTROLS = RESULTS / "protocol_rehearsed", RESULTS / "protocol_rounds"
NAMES = {
    "sail": "SAIL",
    "bc-loop": "cloning in the loop",
    "random": "random waypoints",
    "frozen": "planner never updated",
}


def main() -> None:
    """Write results/headline.svg."""
    rows = Ledger(SHIPS).rows()
    controls = {cell: row for cell, row in Ledger(CONTROLS).rows().items() if cell.method != "sail"}
    rates = {curve.name: curve.rates for curve in curves({**rows, **controls})}
    write_text(RESULTS / "headline.svg", comparison({name: rates[key] for key, name in NAMES.items()}))


if __name__ == "__main__":
    main()
