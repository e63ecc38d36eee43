"""Colours as eyes see them: WCAG's relative luminance and contrast of sRGB, written #rrggbb."""

from __future__ import annotations


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: list[float]) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast of two linear colours, from 1 on."""
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def over(top: str, ground: str, opacity: float) -> str:
    """The colour that shows where one lies over another."""
    pairs = ((int(top[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(upper * opacity + under * (1 - opacity)):02x}" for upper, under in pairs)
