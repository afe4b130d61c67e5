"""The README's picture: the loop as it ships beside its controls, none of which learns as it does: cloning, a
planner that is never updated, random waypoints, with the presets of results/protocol_rounds."""

from common import RESULTS

from sail.loop.run_folder import write_text
from sail.protocol.ledger import Ledger
from sail.protocol.summary import curves
from sail.report.comparison import comparison

SHIPS, CONTROLS = RESULTS / "protocol_rehearsed", RESULTS / "protocol_rounds"


def main() -> None:
    """Write results/headline.svg."""
    rows = Ledger(SHIPS).rows()
    controls = {cell: row for cell, row in Ledger(CONTROLS).rows().items() if cell.method != "sail"}
    made = curves({**rows, **controls})
    write_text(RESULTS / "headline.svg", comparison({curve.name: curve.rates for curve in made}))


if __name__ == "__main__":
    main()
