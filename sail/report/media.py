"""Clips and pictures: GIF, MP4, contact sheets and data URIs. Every frame is uint8 RGB (sail.types)."""

import base64
import io
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sail.errors import SailError
from sail.system.files import file_errors
from sail.types import UInt8

LABEL_HEIGHT = 24  # pixels of a contact sheet's caption bar
GAP = 2  # pixels between the frames of a contact sheet
PAPER = 250  # grey level behind a contact sheet's frames
FONT_SCALE = 0.5
SIGNATURES = {".gif": (b"GIF87a", b"GIF89a"), ".png": (b"\x89PNG\r\n\x1a\n",)}
MIME_TYPES = {".gif": "image/gif", ".png": "image/png"}


class MediaError(SailError):
    """A clip or picture cannot be written or read."""


def upscale(frames: UInt8, factor: int) -> UInt8:
    """Repeat every pixel `factor` times in both directions (nearest neighbour).

    frames: uint8 (..., H, W, 3). Returns uint8 (..., factor*H, factor*W, 3).
    Raises MediaError if factor is below 1.
    """
    if factor < 1:
        raise MediaError(f"cannot enlarge frames {factor} times: give a whole number of at least 1")
    return frames.repeat(factor, axis=-3).repeat(factor, axis=-2)


def write_gif(path: Path, frames: UInt8, fps: float) -> None:
    """Write a GIF that loops for ever.

    frames: uint8 (N, H, W, 3). fps: frames a second, above 0 and at most 50 (GIF counts time in
    hundredths of a second). Raises MediaError if the frames or fps are unfit or the file cannot be written.
    """
    data = _gif_bytes(frames, fps)
    with file_errors(path, kind=MediaError):
        path.write_bytes(data)


def write_mp4(path: Path, frames: UInt8, fps: float, scale: int = 4) -> None:
    """Write an MP4 video (codec VP9, which browsers play), each pixel `scale` times enlarged so that players
    show it sharp.

    frames: uint8 (N, H, W, 3). fps: frames a second, above 0. An odd width or height gains one
    repeated column or row, which the codec needs. Raises MediaError if the frames or fps are unfit,
    the file cannot be written or this OpenCV has no VP9 encoder.
    """
    _check_clip(frames, fps)
    large = upscale(frames, scale)
    large = np.pad(large, ((0, 0), (0, large.shape[1] % 2), (0, large.shape[2] % 2), (0, 0)), mode="edge")
    height, width = large.shape[1:3]
    with file_errors(path, kind=MediaError):
        path.write_bytes(b"")  # OpenCV names no cause: find an unwritable path here
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"vp09"), fps, (width, height))
    try:
        if not writer.isOpened():
            path.unlink(missing_ok=True)
            raise MediaError(f"cannot write {path}: this OpenCV has no VP9 encoder; write a .gif instead")
        for frame in large:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
    finally:
        writer.release()
    if cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) != len(frames):
        path.unlink(missing_ok=True)
        raise MediaError(f"cannot write {path}: frames got lost on the way; is the disk full?")


def contact_sheet(rows: Sequence[UInt8], labels: Sequence[str], scale: int = 2) -> UInt8:
    """Lay clips out as rows of frames, time to the right, each under its label.

    rows: clips uint8 (N, H, W, 3) of one H and W; N may differ. labels: one a row; a label wider than
    the sheet is cut. Returns uint8 (height, width, 3). Raises MediaError if rows and labels do not fit.
    """
    if not rows or len(rows) != len(labels):
        raise MediaError(f"a contact sheet needs one label a row: got {len(rows)} rows, {len(labels)} labels")
    for row in rows:
        _check_frames(row)
    sizes = {row.shape[1:3] for row in rows}
    if len(sizes) > 1:
        raise MediaError(f"the rows of a contact sheet need one frame size: got {sorted(sizes)}")
    height, width = (side * scale for side in sizes.pop())
    columns = max(len(row) for row in rows)
    row_height = LABEL_HEIGHT + height + GAP
    sheet_width = GAP + columns * (width + GAP)
    sheet: UInt8 = np.full((len(rows) * row_height, sheet_width, 3), PAPER, np.uint8)
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        top = index * row_height
        _write_label(sheet[top : top + LABEL_HEIGHT], label)
        for column, frame in enumerate(upscale(row, scale)):
            left = GAP + column * (width + GAP)
            sheet[top + LABEL_HEIGHT : top + LABEL_HEIGHT + height, left : left + width] = frame
    return sheet


def write_png(path: Path, frame: UInt8) -> None:
    """Write one picture. frame: uint8 (H, W, 3). Raises MediaError if it cannot be written."""
    data = _png_bytes(frame)
    with file_errors(path, kind=MediaError):
        path.write_bytes(data)


def png_data_uri(frame: UInt8) -> str:
    """One frame, uint8 (H, W, 3), as a PNG data URI. Raises MediaError if it is no frame."""
    return _data_uri("image/png", _png_bytes(frame))


def gif_data_uri(frames: UInt8, fps: float) -> str:
    """A clip, uint8 (N, H, W, 3) at fps frames a second, as a GIF data URI. Raises as write_gif does."""
    return _data_uri("image/gif", _gif_bytes(frames, fps))


def file_data_uri(path: Path) -> str:
    """A GIF or PNG file as a data URI. Raises MediaError if it cannot be read or holds something else."""
    with file_errors(path, "read", MediaError):
        data = path.read_bytes()
    if not data.startswith(SIGNATURES.get(path.suffix, ())):
        raise MediaError(f"{path} is no GIF or PNG file: write it again")
    return _data_uri(MIME_TYPES[path.suffix], data)


def _gif_bytes(frames: UInt8, fps: float) -> bytes:
    _check_clip(frames, fps)
    if fps > 50:
        raise MediaError(f"a GIF shows at most 50 frames a second, not {fps:g}: drop frames or write a .mp4")
    edges = [round(100 * index / fps) for index in range(len(frames) + 1)]  # hundredths of a second
    durations = [10 * (end - start) for start, end in itertools.pairwise(edges)]
    pictures = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return buffer.getvalue()


def _png_bytes(frame: UInt8) -> bytes:
    _check_frames(frame[None])
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _write_label(bar: UInt8, label: str) -> None:
    """Write the label into the bar, uint8 (LABEL_HEIGHT, W, 3), in place; a long one ends in dots."""
    room = bar.shape[1] - 8
    text = label
    while len(text) > 1 and _text_width(text) > room:
        text = text.removesuffix("…")[:-1] + "…"
    baseline = LABEL_HEIGHT - 7
    cv2.putText(bar, text, (4, baseline), cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, (30, 30, 30), 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, 1)
    return width


def _check_frames(frames: UInt8) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise MediaError(f"a clip is uint8 (N, H, W, 3) with N at least 1: got {frames.dtype} {frames.shape}")


def _check_clip(frames: UInt8, fps: float) -> None:
    _check_frames(frames)
    if not (math.isfinite(fps) and fps > 0):
        raise MediaError(f"frames a second must be above 0: got {fps}")


def _data_uri(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"
