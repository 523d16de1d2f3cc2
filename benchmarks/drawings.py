"""Drawings with alpha for `benchmarks/quantize.py`: icons, charts, buttons, soft shadows, fading colours and glows."""

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (400, 300)
# Drawn so many times larger and then shrunk, which makes the edges soft.
FINER = 4


def drawings():
    """Name and image (RGBA) of each."""
    yield "card", card()
    yield "wheel", wheel()
    yield "chart", chart()
    yield "buttons", buttons()
    yield "icons", icons()
    yield "glows", glows()


def canvas():
    image = Image.new("RGBA", (SIZE[0] * FINER, SIZE[1] * FINER))
    return image, ImageDraw.Draw(image)


def shrunk(image):
    # Pillow's filters weigh colours by their alpha only in this mode.
    return image.convert("RGBa").resize(SIZE, Image.Resampling.BOX).convert("RGBA")


def box(*numbers):
    return [number * FINER for number in numbers]


def card():
    """Draw a card on a soft shadow."""
    shadow = Image.new("L", SIZE)
    ImageDraw.Draw(shadow).rounded_rectangle((60, 60, 340, 260), 20, fill=150)
    image = Image.new("RGBA", SIZE)
    image.putalpha(shadow.filter(ImageFilter.GaussianBlur(18)))
    front, draw = canvas()
    draw.rounded_rectangle(box(55, 40, 345, 235), 20 * FINER, fill=(250, 250, 252, 255))
    draw.rounded_rectangle(box(55, 40, 345, 90), 20 * FINER, fill=(60, 110, 190, 255))
    for line in range(5):
        draw.rounded_rectangle(
            box(75, 110 + 22 * line, 300 - 25 * line, 120 + 22 * line), 20, fill=(190, 195, 205, 255)
        )
    return Image.alpha_composite(image, shrunk(front))


def wheel():
    """All hues around a point, fading outwards."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    dx, dy = (x - 200) / 150, (y - 150) / 150
    radius = np.hypot(dx, dy)
    hue = np.arctan2(dy, dx) / (2 * math.pi) % 1
    colors = np.array([colorsys.hsv_to_rgb(h / 720, 0.85, 0.95) for h in range(720)])[(hue * 720).astype(int) % 720]
    alpha = np.clip(1.6 * (1 - radius), 0, 1)
    return Image.fromarray(np.rint(np.dstack([colors, alpha]) * 255).astype(np.uint8))


def chart():
    """Translucent areas over each other, with lines."""
    image = canvas()[0]
    for number, color in enumerate(((220, 80, 60), (60, 150, 90), (70, 90, 200))):
        layer, draw = canvas()
        points = [(x, 170 + 60 * math.sin(x / (40 + 15 * number) + number) - 25 * number) for x in range(20, 381, 4)]
        scaled = [(x * FINER, y * FINER) for x, y in points]
        draw.polygon([*scaled, (380 * FINER, 270 * FINER), (20 * FINER, 270 * FINER)], fill=(*color, 90))
        draw.line(scaled, fill=(*color, 255), width=3 * FINER)
        image = Image.alpha_composite(image, layer)
    draw = ImageDraw.Draw(image)
    draw.line(box(20, 20, 20, 270) + box(380, 270), fill=(40, 40, 40, 255), width=2 * FINER)
    return shrunk(image)


def buttons():
    """Draw rounded buttons with slopes of colour and a gloss."""
    image = Image.new("RGBA", SIZE)
    for number, (red, green, blue) in enumerate(((200, 60, 50), (50, 140, 80), (50, 90, 180), (150, 110, 30))):
        left, top = 25 + 190 * (number % 2), 40 + 130 * (number // 2)
        mask = Image.new("L", (160 * FINER, 90 * FINER))
        draw = ImageDraw.Draw(mask)
        draw.rounded_rectangle((0, 0, 160 * FINER - 1, 90 * FINER - 1), 25 * FINER, fill=235)
        mask = mask.resize((160, 90), Image.Resampling.BOX)
        shade = np.linspace(1.25, 0.7, 90)[:, None, None] * np.array([red, green, blue]) * np.ones((1, 160, 1))
        shade[:40] = 0.75 * shade[:40] + 0.25 * 255
        face = Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8))
        face.putalpha(mask)
        image.alpha_composite(face, (left, top))
    return image


def icons():
    """Flat shapes with soft edges on nothing."""
    image, draw = canvas()
    colors = [(230, 70, 70), (240, 180, 40), (80, 170, 90), (60, 130, 210), (140, 90, 180), (90, 90, 100)]
    for number, color in enumerate(colors):
        x, y = 70 + 130 * (number % 3), 85 + 130 * (number // 3)
        draw.ellipse(box(x - 50, y - 50, x + 50, y + 50), fill=(*color, 255))
        corners = [
            (x + 34 * math.cos(2 * math.pi * k / (number + 3)), y + 34 * math.sin(2 * math.pi * k / (number + 3)))
            for k in range(number + 3)
        ]
        draw.polygon([(a * FINER, b * FINER) for a, b in corners], fill=(255, 255, 255, 255))
    return shrunk(image)


def glows():
    """Lights of several colours that fade into nothing."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    light = np.zeros((SIZE[1], SIZE[0], 3))
    for cx, cy, size, color in (
        (120, 110, 60, (255, 120, 40)),
        (260, 130, 80, (60, 120, 255)),
        (200, 220, 50, (90, 255, 130)),
    ):
        light += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * size**2))[..., None] * np.array(color)
    alpha = np.clip(light.max(axis=2), 0, 255)
    colors = np.clip(light * 255 / np.maximum(alpha, 1)[..., None], 0, 255)
    return Image.fromarray(np.rint(np.dstack([colors, alpha])).astype(np.uint8))
