"""What answers mean: what stands after the reasoning counts, and only where it says one thing."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sail.filters.vlm.verdicts import read_verdict

YES = ['{"success": true}', "Yes.", "{'success': True, 'reason': \"it's open\"}"]
NO = ['{"success": false, "reason": "it stands"}', "**No**, it did not move"]


def said(answer: str) -> bool | None:
    verdict = read_verdict(answer)
    return verdict.success if verdict else None


@pytest.mark.parametrize(
    ("answer", "success"),
    [
        *((answer, True) for answer in YES),
        *((answer, False) for answer in NO),
        ('```json\n{"success": true}\n```', True),
        ("Yes. The drawer is open.", True),
        ("Nobody knows.", None),
        ("Yes and no.", None),
        ("{broken", None),
        ("", None),
        # reasoning
        ('<think>{"success": true} at first</think>{"success": false}', False),
        ('Maybe {"success": true}? No.</think>{"success": false}', False),
        ("<think>It moved. No, it did.</think>Yes.", True),
        ('<think>{"success": false}</think><THINK >{"success": true}</ Think>\n{"success": false}', False),
        ('<think>so far {"success": true}', None),
        ('<think>one</think><think>{"success": true}', None),
        # one thing and its opposite
        ('{"success": true} or {"success": false}', None),
        ('{"success": true}? No.', None),
        # as models write
        ('{"success": "true"}', True),
        ('{"success": "False", "reason": "no"}', False),
        ('{"success": 1}', True),
        ('{"success": 0}', False),
        ('{"success": 2}', None),
        ('{"success": null}', None),
        ('{"success": ["true"]}', None),
        ('{"reason": "the {red} handle is {down}", "success": true}', True),
        ('{"reason": "it says {\\"success\\": false}", "success": true}', True),
        ("{“success”: true, “reason”: “down”}", True),
        ('{"success": true, "reason": "down",}', True),
        ('{\n  "success": true,\n  "reason": "it\'s\ndown"\n}', True),
        ("{'success': False, 'reason': 'up'}", False),
        ('{"thought": {"success": true}, "success": false}', False),
        ('{"answer": 1} {"success": false}', False),
    ],
)
def test_what_answers_mean(answer: str, success: bool | None) -> None:
    assert said(answer) is success


@given(st.text(max_size=200), st.sampled_from(YES), st.sampled_from(NO))
def test_drafts_never_count(draft: str, yes: str, no: str) -> None:
    for first, last, success in ((yes, no, False), (no, yes, True)):
        draft = draft.replace("<", "")
        assert said(f"<think>{draft}{first}{draft}</think>{last}") is success
        assert said(f"{draft}{first}{draft}</think>{last}") is success


@given(st.text(alphabet="{}[]\"':, truefalsyno01“”\n<>/hinkc", max_size=300))
def test_no_answer_breaks_it(answer: str) -> None:
    verdict = read_verdict(answer)
    assert verdict is None or "\n" not in verdict.reason


@given(st.booleans(), st.text(max_size=80))
def test_any_reason_is_read(success: bool, reason: str) -> None:
    verdict = read_verdict(json.dumps({"success": success, "reason": reason}, ensure_ascii=False))
    assert verdict is not None and verdict.success is success


@pytest.mark.parametrize("answer", ["{" * 1_000_000, '{"a":' * 200_000, "{'a':" * 200_000 + "}" * 200_000])
def test_a_hostile_answer_is_soon_read(answer: str) -> None:
    begun = time.monotonic()
    assert read_verdict(answer) is None
    assert time.monotonic() - begun < 5.0
