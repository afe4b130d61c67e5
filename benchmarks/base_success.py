"""Success of the base weights, before any loop: planner (servo and pair), perfect plan, random waypoints.

python benchmarks/base_success.py seen 20        # the 8 seen tasks, 20 episodes each
python benchmarks/base_success.py unseen 20      # zero-shot on the 12 unseen tasks
"""

import argparse
from dataclasses import asdict, replace
from typing import Any

from common import write_result

from sail.config.resolution import load_config
from sail.loop.agent import load_base
from sail.loop.evaluation import evaluate, evaluate_random, rate
from sail.loop.probes import expert_episodes, perfect_plan, plan_error
from sail_envs.metaworld.metaworld_tasks import METAWORLD


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", choices=("seen", "unseen"))
    parser.add_argument("episodes", type=int)
    parser.add_argument("overrides", nargs="*", help="configuration, as for `sail run`")
    parser.add_argument("--quick", action="store_true", help="the planner alone, without the controls")
    arguments = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    for task in METAWORLD.seen if arguments.tasks == "seen" else METAWORLD.unseen:
        config = load_config(
            "quick", None, [f"task={task}", f"evaluation_episodes={arguments.episodes}", *arguments.overrides]
        )
        agent = load_base(config.base)
        row = {"planner": rate(evaluate(agent, config))}
        if not arguments.quick:
            pairs = replace(config.planner, following="pair")
            row["pair"] = rate(evaluate(agent, replace(config, planner=pairs)))
            experts = expert_episodes(config)
            row["perfect_plan"] = rate(perfect_plan(agent, config, experts))
            row["plan_error"] = asdict(plan_error(agent, config, experts))
            row["random"] = rate(evaluate_random(config))
        rows[task] = row
        shown = {k: v["success_rate"] for k, v in row.items() if "success_rate" in v}
        print(task, shown, row.get("plan_error", ""), flush=True)
    means = {
        key: sum(row[key]["success_rate"] for row in rows.values()) / len(rows)
        for key in ("planner", "pair", "perfect_plan", "random")
        if all(key in row for row in rows.values())
    }
    print("mean", means)
    if not arguments.quick:
        write_result(f"base_{arguments.tasks}", {"means": means, "tasks": rows})


if __name__ == "__main__":
    main()
