"""Makes the photos of the golden tests and what Pillow makes of them.

    python generate.py        # in this folder; Pillow 12, numpy, and libjpeg-turbo's cjpeg for 4:1:1 and parts

Each photo comes with NAME.rgb: its pixels, [side, side, 3], as Pillow decodes, turns upright, lays over white and
resamples (antialiased bilinear). `cases.csv` lists them: file, side, short side of the crop (0 for a squash).
"""

import csv
import io
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageOps

SIDE = 32
rng = np.random.default_rng(7)


def scene(width, height):
    """Smooth colours with edges and a little noise: what compressors are made for, and not symmetric."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    rgb = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x + 5 * y)], -1)
    rgb[(x - 0.3) ** 2 + (y - 0.25) ** 2 < 0.02] = [0.9, 0.2, 0.1]
    rgb[(x > 0.6) & (y > 0.45)] *= 0.5
    rgb += rng.normal(0, 0.01, rgb.shape)
    return np.clip(rgb, 0, 1)


def eight(values):
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


photo = eight(scene(150, 110))
small = eight(scene(75, 55))
cases = []


def over_white(image):
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def view(image, short_side=0):
    if not short_side:
        return image.resize((SIDE, SIDE), Image.BILINEAR)
    w, h = image.size
    short, long = min(w, h), max(w, h)
    size = (short_side, int(short_side * long / short))
    image = image.resize(size if w <= h else size[::-1], Image.BILINEAR)
    left, top = (int(round((n - SIDE) / 2.0)) for n in image.size)
    return image.crop((left, top, left + SIDE, top + SIDE))


def case(name, data, expected=None, short_side=0):
    """`expected` is an RGB image at full size; without it, what Pillow reads."""
    with open(name, "wb") as file:
        file.write(data)
    if expected is None:
        expected = over_white(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    golden = f"{name}.{short_side or 'squash'}.rgb"
    with open(golden, "wb") as file:
        file.write(np.asarray(view(expected, short_side)).tobytes())
    cases.append([name, golden, SIDE, short_side])


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(value):
    data = Image.Exif()
    data[0x0112] = value
    return data


# JPEG
for value in range(1, 9):
    data = saved(small, "JPEG", quality=90, exif=exif(value))
    case(f"orientation{value}.jpg", data)
    case(f"orientation{value}.jpg", data, short_side=40)
for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
    case(f"baseline{name}.jpg", saved(photo, "JPEG", quality=92, subsampling=sampling))
case("progressive.jpg", saved(photo, "JPEG", quality=92, progressive=True))
case("gray.jpg", saved(photo.convert("L"), "JPEG", quality=92))
case("restart.jpg", saved(photo, "JPEG", quality=92, restart_marker_blocks=3))
cmyk = saved(photo.convert("CMYK"), "JPEG", quality=95)
case("cmyk.jpg", cmyk)
# The same data declared as YCCK: the last byte of the Adobe segment is the colour transform.
at = cmyk.index(b"Adobe") + 11
case("ycck.jpg", cmyk[:at] + b"\2" + cmyk[at + 1 :])
large = eight(scene(560, 410))
# Large enough to be decoded at 1/8, 1/4 and 1/2; the answer is that of a full decoding.
for sampling in [0, 1, 2]:
    data = saved(large, "JPEG", quality=85, subsampling=sampling)
    case(f"reduced{sampling}.jpg", data)
    case(f"reduced{sampling}.jpg", data, short_side=36)
    case(f"reduced{sampling}.jpg", data, short_side=100)
    case(f"reduced{sampling}.jpg", data, short_side=200)
data = saved(large, "JPEG", quality=85, progressive=True)
case("reduced_progressive.jpg", data)
data = saved(large, "JPEG", quality=85, subsampling=0, progressive=True, restart_marker_blocks=9)
case("reduced_progressive444.jpg", data)
data = saved(large.convert("L"), "JPEG", quality=85, progressive=True)
case("reduced_progressive_gray.jpg", data)
command = ["cjpeg", "-quality", "85", "-sample", "4x1"]
case("reduced411.jpg", subprocess.run(command, input=saved(large, "PPM"), capture_output=True, check=True).stdout)
data = saved(large.convert("L"), "JPEG", quality=85, restart_marker_blocks=7)
case("reduced_gray.jpg", data)
# Chroma that is finer than luma.
for name, more in [("fine_chroma", ["1x1,2x2,2x2"]), ("fine_chroma_progressive", ["1x1,2x1,2x1", "-progressive"])]:
    command = ["cjpeg", "-quality", "95", "-sample", *more]
    case(f"{name}.jpg", subprocess.run(command, input=saved(small, "PPM"), capture_output=True, check=True).stdout, small)
# Component by component, at full size and reduced.
with tempfile.NamedTemporaryFile("w", suffix=".txt") as scans:
    print("0;\n1;\n2;", file=scans, flush=True)
    for name, image in [("parted", small), ("reduced_parted", large)]:
        command = ["cjpeg", "-quality", "90", "-sample", "2x2", "-scans", scans.name]
        data = subprocess.run(command, input=saved(image, "PPM"), capture_output=True, check=True).stdout
        case(f"{name}.jpg", data)
# RGB inside, whose components are called 1, 2, 3 in frame and scan: Adobe's segment alone says so.
data = saved(large, "JPEG", quality=85, keep_rgb=True)
for marker, step in [(b"\xff\xc0", 3), (b"\xff\xda", 2)]:
    first = data.index(marker) + (10 if step == 3 else 5)
    for i in range(3):
        data = data[: first + step * i] + bytes([1 + i]) + data[first + step * i + 1 :]
case("reduced_rgb.jpg", data)

# PNG
case("rgb8.png", saved(small, "PNG"))
case("gray8.png", saved(small.convert("L"), "PNG"))
case("bits1.png", saved(small.convert("1"), "PNG"))
case("palette.png", saved(small.quantize(16), "PNG", bits=4))
transparent = small.quantize(8)
case("palette_alpha.png", saved(transparent, "PNG", transparency=2))
alpha = np.asarray(small).copy()
rgba = np.dstack([alpha, np.tile(np.linspace(0, 255, 75).astype(np.uint8), (55, 1))])
case("alpha.png", saved(Image.fromarray(rgba), "PNG"))
gray16 = np.rint(scene(75, 55)[..., 2] * 65535).astype(np.uint16)
scaled = Image.fromarray(np.rint(gray16 / 257).astype(np.uint8)).convert("RGB")
case("gray16.png", saved(Image.fromarray(gray16), "PNG"), expected=scaled)
case("gray16.tiff", saved(Image.fromarray(gray16), "TIFF"), expected=scaled)

# The others
case("photo.gif", saved(small.quantize(64), "GIF"))
frames = [small.quantize(16), ImageOps.invert(small).quantize(16)]
case("two_frames.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), frames[0].convert("RGB"))
case("photo.webp", saved(small, "WEBP", quality=90))
lossless = saved(Image.fromarray(rgba), "WEBP", lossless=True)
case("lossless_alpha.webp", lossless)
animated = saved(small, "WEBP", save_all=True, append_images=[ImageOps.invert(small)], lossless=True)
case("two_frames.webp", animated, small)
case("photo.bmp", saved(small, "BMP"))
case("photo.tiff", saved(small, "TIFF", compression="tiff_lzw"))
case("photo.ico", saved(small.resize((48, 48)).convert("RGBA"), "ICO", sizes=[(48, 48)]))
case("png_inside.jpg", saved(small, "PNG"))

with open("cases.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["file", "golden", "side", "short_side"])
    writer.writerows(cases)
