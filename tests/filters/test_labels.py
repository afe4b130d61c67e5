"""Labels survive whatever stops the labelling, and the page's server answers nobody but the page."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sail.filters.human.labels import FILE, LabelsError, add_label, read_labels
from sail.filters.human.server import SHOWN_EVERY, ask_people

from helpers import LABELLED_STEPS, Labelling, assert_one_line, make_episode


def test_the_last_word_about_an_episode_counts(labelling: Labelling) -> None:
    assert [labelling.say(n, label) for n, label in enumerate(("success", "failure", "skip"))] == [200] * 3
    assert labelling.say(0, "failure") == 200
    assert labelling.ask("POST", "/finish", {})[0] == 200
    labelling.thread.join(timeout=10)
    assert list(labelling.labels.values()) == ["failure", "failure", "skip"]
    # Who asks again is told at once.
    again = ask_people(labelling.store, labelling.records, labelling.path, 0, lambda line: pytest.fail(line))
    assert again == labelling.labels


def test_it_is_not_over_before_everything_is_labelled(labelling: Labelling) -> None:
    assert labelling.ask("POST", "/finish", {})[0] == 400
    assert labelling.say(1, "success") == 200
    rows = json.loads(labelling.ask("GET", "/episodes")[1])
    assert [row["label"] for row in rows] == [None, "success", None]
    assert rows[0]["prompt"] == "press the handle"
    assert labelling.ask("POST", "/finish", {})[0] == 400 and labelling.thread.is_alive()


def test_a_film_is_the_episodes_own_frames(labelling: Labelling) -> None:
    status, content, headers = labelling.ask("GET", "/films/2")
    assert status == 200 and headers["Content-Type"] == "image/png"
    strip = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    frames = make_episode(LABELLED_STEPS, 2).frames[[*range(0, LABELLED_STEPS, SHOWN_EVERY), LABELLED_STEPS]]
    np.testing.assert_array_equal(strip, np.concatenate(list(frames), axis=1))
    assert json.loads(labelling.ask("GET", "/episodes")[1])[2]["frames"] == len(frames)


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("GET", "/episodes", None, {"Host": "evil.example"}, 403),
        ("POST", "/labels", {"episode": "0", "label": "success"}, {"Content-Type": "text/plain"}, 403),
        ("POST", "/labels", {"episode": "0", "label": "great"}, {}, 400),
        ("POST", "/labels", {"episode": "7", "label": "success"}, {}, 400),
        ("POST", "/labels", ["success"], {}, 400),
        ("GET", "/../../etc/passwd", None, {}, 404),
        ("GET", "/films/9", None, {}, 404),
        ("GET", "/films/-1", None, {}, 404),
    ],
)
def test_what_is_not_the_pages_is_refused(
    labelling: Labelling, method: str, path: str, content: object, headers: dict[str, str], status: int
) -> None:
    assert labelling.ask(method, path, content, **headers)[0] == status
    assert read_labels(labelling.path, [record.id for record in labelling.records]) == {}


def test_the_page_loads_nothing_from_elsewhere(labelling: Labelling) -> None:
    status, content, headers = labelling.ask("GET", "/")
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"http" not in content.replace(b"http-equiv", b"")


def test_a_line_that_was_cut_off_is_labelled_again(tmp_path: Path) -> None:
    path = tmp_path / FILE
    add_label(path, "a", "success")
    add_label(path, "b", "failure")
    path.write_bytes(path.read_bytes()[:-4])
    assert read_labels(path, ("a", "b")) == {"a": "success"}
    add_label(path, "b", "skip")
    assert read_labels(path, ("a", "b")) == {"a": "success", "b": "skip"}
    assert read_labels(path, ("b",)) == {"b": "skip"}
    path.write_text('{"id": "a", "label": "perhaps"}\n')
    with pytest.raises(LabelsError) as error:
        read_labels(path, ("a",))
    assert_one_line(error, "line 1", "remove that line")


def test_a_port_that_is_taken_is_one_line(labelling: Labelling, tmp_path: Path) -> None:
    port = int(labelling.address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(LabelsError) as error:
        ask_people(labelling.store, labelling.records, tmp_path / "other.jsonl", port, lambda line: None)
    assert_one_line(error, str(port), "human.port")
