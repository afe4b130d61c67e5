"""Clips keep their frames, times and sizes through every format; unfit input is one clear line."""

import base64
import io
import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sail.report.media import (
    GAP,
    LABEL_HEIGHT,
    MediaError,
    contact_sheet,
    file_data_uri,
    gif_data_uri,
    png_data_uri,
    upscale,
    write_gif,
    write_mp4,
    write_png,
)
from sail.types import UInt8


def clip(count: int = 6, height: int = 16, width: int = 24) -> UInt8:
    """A white square that moves right over red: few colours, so a GIF's palette holds them exactly."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0] = 200
    for index in range(count):
        frames[index, 4:8, 2 * index : 2 * index + 4] = 255
    return frames


def read_gif(data: bytes) -> tuple[UInt8, list[int], int]:
    """Frames, durations in ms and loop count (0 is for ever)."""
    picture = Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(getattr(picture, "n_frames", 1)):
        picture.seek(index)
        frames.append(np.asarray(picture.convert("RGB")))
        durations.append(int(picture.info["duration"]))
    return np.stack(frames), durations, int(picture.info["loop"])


def test_a_gif_keeps_frames_order_colours_and_time(tmp_path: Path) -> None:
    frames = clip(7)
    write_gif(tmp_path / "clip.gif", frames, fps=30)
    read, durations, loop = read_gif((tmp_path / "clip.gif").read_bytes())
    np.testing.assert_array_equal(read, frames)
    assert sum(durations) == 230  # 7 frames at 30 a second, to the hundredth: no drift by rounding 3.33 to 3
    assert set(durations) == {30, 40}
    assert loop == 0


def test_a_gif_that_stands_still_keeps_its_length(tmp_path: Path) -> None:
    frames = clip(2)[[0, 0, 0, 1, 1]]
    write_gif(tmp_path / "clip.gif", frames, fps=10)
    assert sum(read_gif((tmp_path / "clip.gif").read_bytes())[1]) == 500


@pytest.mark.parametrize(("height", "width"), [(16, 24), (15, 23)])
def test_an_mp4_keeps_frames_colours_size_and_rate(tmp_path: Path, height: int, width: int) -> None:
    frames = clip(5, height, width)
    path = tmp_path / "clip.mp4"
    write_mp4(path, frames, fps=12, scale=3)
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(12)
    for frame in upscale(frames, 3):
        there, bgr = video.read()
        assert there
        assert bgr.shape[:2] == (3 * height + 3 * height % 2, 3 * width + 3 * width % 2)
        rgb = bgr[: 3 * height, : 3 * width, ::-1].astype(int)
        assert np.abs(rgb - frame).mean() < 12  # lossy, but red stays red and the square moves
    assert not video.read()[0]


def test_an_mp4_that_cannot_be_encoded_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2.VideoWriter, "fourcc", lambda *_: 0)
    with pytest.raises(MediaError, match=r"no VP9 encoder; write a \.gif"):
        write_mp4(tmp_path / "clip.mp4", clip(), fps=10)
    assert not list(tmp_path.iterdir())


def test_an_mp4_that_outgrows_the_disk_is_not_left_behind(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # writes past it fail as on a full disk
    try:
        with pytest.raises(MediaError, match="is the disk full"):
            write_mp4(tmp_path / "clip.mp4", noise, fps=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_upscale_repeats_pixels() -> None:
    frame = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    large = upscale(frame, 3)
    assert large.shape == (1, 6, 6, 3)
    np.testing.assert_array_equal(large[:, 1::3, 1::3], frame)
    np.testing.assert_array_equal(large[0, :3, :3], np.broadcast_to(frame[0, 0, 0], (3, 3, 3)))


def test_a_contact_sheet_shows_every_frame_in_its_place_under_its_label() -> None:
    rows = [clip(3), clip(5)]
    sheet = contact_sheet(rows, ["planned", "executed"], scale=2)
    row_height = LABEL_HEIGHT + 32 + GAP
    assert sheet.shape == (2 * row_height, GAP + 5 * (48 + GAP), 3)
    for index, row in enumerate(rows):
        label = sheet[index * row_height : index * row_height + LABEL_HEIGHT]
        assert (label < 100).any(), "the label is not written"
        top = index * row_height + LABEL_HEIGHT
        for column, frame in enumerate(row):
            left = GAP + column * (48 + GAP)
            np.testing.assert_array_equal(sheet[top : top + 32 : 2, left : left + 48 : 2], frame)
    empty = sheet[LABEL_HEIGHT : LABEL_HEIGHT + 32, GAP + 3 * (48 + GAP) :]
    assert (empty == empty[0, 0]).all(), "the shorter row ends in paper"


def test_a_long_label_stays_on_the_sheet_and_differs_from_a_short_one() -> None:
    sheet = contact_sheet([clip(2)], ["a very long label " * 9])
    assert (sheet[:LABEL_HEIGHT, -4:] == sheet[0, 0]).all()
    assert (sheet[:LABEL_HEIGHT] != contact_sheet([clip(2)], ["a"])[:LABEL_HEIGHT]).any()


def test_data_uris_hold_the_pictures(tmp_path: Path) -> None:
    frames = clip(4)
    kind, png = png_data_uri(frames[0]).split(",")
    assert kind == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))), frames[0])
    kind, gif = gif_data_uri(frames, fps=10).split(",")
    assert kind == "data:image/gif;base64"
    np.testing.assert_array_equal(read_gif(base64.b64decode(gif))[0], frames)
    write_gif(tmp_path / "clip.gif", frames, fps=10)
    write_png(tmp_path / "frame.png", frames[0])
    assert file_data_uri(tmp_path / "clip.gif") == gif_data_uri(frames, fps=10)
    assert file_data_uri(tmp_path / "frame.png") == png_data_uri(frames[0])


def test_a_foreign_or_missing_file_is_no_data_uri(tmp_path: Path) -> None:
    (tmp_path / "page.gif").write_text("<html>")
    (tmp_path / "notes.txt").write_text("notes")
    for name in ("page.gif", "notes.txt"):
        with pytest.raises(MediaError, match="no GIF or PNG"):
            file_data_uri(tmp_path / name)
    with pytest.raises(MediaError, match="No such file"):
        file_data_uri(tmp_path / "absent.gif")


@pytest.mark.parametrize(
    ("frames", "fps"),
    [
        (np.zeros((0, 8, 8, 3), np.uint8), 10),
        (np.zeros((2, 8, 8, 3), np.float32), 10),
        (np.zeros((8, 8, 3), np.uint8), 10),
        (np.zeros((2, 3, 8, 8), np.uint8), 10),
        (clip(), 0),
        (clip(), float("nan")),
        (clip(), float("inf")),
    ],
)
def test_unfit_clips_are_refused_in_one_line(tmp_path: Path, frames: UInt8, fps: float) -> None:
    for name, write in (("a.gif", write_gif), ("a.mp4", write_mp4)):
        with pytest.raises(MediaError) as caught:
            write(tmp_path / name, frames, fps)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_other_refusals_name_the_cure(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"at most 50 frames a second, not 60: drop frames or write a \.mp4"):
        write_gif(tmp_path / "a.gif", clip(), fps=60)
    for name, write in (("a.gif", write_gif), ("a.mp4", write_mp4)):
        with pytest.raises(MediaError, match="choose a folder that exists"):
            write(tmp_path / "absent" / name, clip(), 10)
    with pytest.raises(MediaError, match="choose a folder that exists"):
        write_png(tmp_path / "absent" / "a.png", clip()[0])
    with pytest.raises(MediaError, match="at least 1"):
        upscale(clip(), 0)
    with pytest.raises(MediaError, match="2 rows, 1 labels"):
        contact_sheet([clip(), clip()], ["one"])
    with pytest.raises(MediaError, match="one frame size"):
        contact_sheet([clip(), clip(2, 8, 8)], ["one", "two"])
