"""Image files of every kind: what comes out of whole ones, and that no damaged one passes for a whole one."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ganbook.data.sources.decode import SUFFIXES, BadImage, decode
from ganbook.support.pixels import fit_picture

RNG = np.random.default_rng(0)
NOISE = Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8))


def save(path, picture, **options):
    picture.save(path, **options)
    return path


def one_colour(path, channels=3):
    """Decode; return the one colour that the picture must have."""
    pixels = decode(path, 8, channels)
    assert pixels.shape == (channels, 8, 8)
    assert pixels.dtype == np.uint8
    (colour,) = {tuple(p) for p in pixels.reshape(channels, -1).T.tolist()}
    return colour


@pytest.mark.parametrize(
    ("mode", "ink", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 100, (100, 100, 100)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (7, 255), (7, 7, 7)),
        ("LA", (7, 0), (255, 255, 255)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 100, (100, 100, 100)),
    ],
)
def test_modes_that_png_knows(tmp_path, mode, ink, expected):
    assert one_colour(save(tmp_path / "a.png", Image.new(mode, (12, 12), ink))) == expected


def test_sixteen_bits_keep_all_their_levels(tmp_path):
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    path = save(tmp_path / "a.png", Image.fromarray(levels))
    assert np.array_equal(decode(path, 16, 1)[0], levels // 257)
    save(tmp_path / "a.tif", Image.fromarray(levels.astype(np.int32)))
    assert np.array_equal(decode(tmp_path / "a.tif", 16, 1)[0], levels // 257)
    big = Image.fromarray(np.full((4, 4), 70_000, dtype=np.int32))
    with pytest.raises(BadImage, match=r"grey levels from 70000 to 70000; at most 16 bits"):
        decode(save(tmp_path / "b.tif", big), 4, 1)


@pytest.mark.parametrize(("value", "expected"), [(0.5, 128), (1.0, 255), (200.0, 200)])
def test_floats(tmp_path, value, expected):
    path = save(tmp_path / "a.tif", Image.new("F", (8, 8), value))
    assert one_colour(path, 1) == (expected,)


@pytest.mark.parametrize("value", [-1.0, 256.0, float("nan"), float("inf")])
def test_floats_out_of_range_are_refused(tmp_path, value):
    with pytest.raises(BadImage, match=r"floats must be in 0\.\.1 or 0\.\.255"):
        decode(save(tmp_path / "a.tif", Image.new("F", (8, 8), value)), 8, 1)


def test_cmyk_and_palette(tmp_path):
    red, green, blue = one_colour(save(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0))))
    assert red > 250
    assert max(green, blue) < 5
    palette = Image.new("RGB", (8, 8), (200, 100, 50)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert palette.mode == "P"
    assert one_colour(save(tmp_path / "a.png", palette)) == (200, 100, 50)
    assert one_colour(save(tmp_path / "b.png", palette, transparency=0)) == (255, 255, 255)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_of_an_animation_the_first_picture(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("#0a141e", "red", "blue")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    assert one_colour(path) == (10, 20, 30)


def test_the_content_decides_not_the_name(tmp_path):
    save(tmp_path / "a.gif", Image.new("RGB", (8, 8), (10, 20, 30)))
    (tmp_path / "a.gif").rename(tmp_path / "a.png")
    assert one_colour(tmp_path / "a.png") == (10, 20, 30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_orientation(tmp_path):
    picture = Image.new("L", (8, 8), 0)
    picture.paste(255, (0, 0, 8, 4))  # the upper half is white ...
    exif = Image.Exif()
    exif[0x0112] = 6  # ... in a photograph taken with the camera turned by 90 degrees
    pixels = decode(save(tmp_path / "a.png", picture, exif=exif), 8, 1)[0]
    assert (pixels[:, 4:] == 255).all()
    assert (pixels[:, :4] == 0).all()
    (tmp_path / "b.jpg").write_bytes(
        save(tmp_path / "c.jpg", picture, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xee" * 20).read_bytes()
    )
    assert decode(tmp_path / "b.jpg", 8, 1).shape == (1, 8, 8)  # broken EXIF does not spoil the picture


def test_the_centre_square_is_cut_out_and_antialiased(tmp_path):
    wide = Image.new("L", (60, 20), 0)
    wide.paste(255, (20, 0, 40, 20))
    assert one_colour(save(tmp_path / "a.png", wide), 1) == (255,)
    assert one_colour(save(tmp_path / "b.png", wide.transpose(Image.Transpose.ROTATE_90)), 1) == (255,)
    lines = Image.fromarray(np.tile(np.array([0, 254], dtype=np.uint8), (64, 32)))
    pixels = decode(save(tmp_path / "c.png", lines), 16, 1)
    assert abs(pixels.astype(float) - 127).max() < 12  # not every fourth column
    same = Image.fromarray(RNG.integers(0, 256, (9, 9), dtype=np.uint8))
    assert fit_picture(same, 9) is same


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (7, 3)])
def test_odd_sizes(tmp_path, size):
    assert one_colour(save(tmp_path / "a.png", Image.new("RGB", size, (10, 20, 30)))) == (10, 20, 30)


def test_a_large_photograph_is_read_at_a_fraction_with_the_same_result(tmp_path):
    smooth = Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((1024, 768))
    path = save(tmp_path / "a.jpg", smooth, quality=95)
    save(tmp_path / "a.png", Image.open(path))
    difference = decode(path, 32, 3).astype(int) - decode(tmp_path / "a.png", 32, 3)
    assert abs(difference).max() <= 3


FORMATS = {
    "jpg": {"quality": 90}, "png": {}, "gif": {}, "bmp": {}, "webp": {"lossless": True}, "tif": {},
    "ppm": {}, "avif": {}, "progressive.jpg": {"progressive": True},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", FORMATS)
def test_wherever_a_file_is_cut_it_is_whole_or_refused(tmp_path, kind):
    """Half a picture with a grey lower half is what silently spoils training sets."""
    try:
        path = save(tmp_path / f"a.{kind}", NOISE, **FORMATS[kind])
    except (KeyError, OSError):
        pytest.skip(f"this Pillow does not write {kind}")
    assert f".{kind.split('.')[-1]}" in SUFFIXES
    content, whole = path.read_bytes(), decode(path, 40, 3)
    cuts = [0, 1, 5, 20, *np.linspace(25, len(content) - 1, 40).astype(int)]
    refused = 0
    for cut in cuts:
        path.write_bytes(content[:cut])
        reason = ""
        try:
            pixels = decode(path, 40, 3)
        except BadImage as error:
            reason = str(error)
            refused += 1
        if reason:
            assert "\n" not in reason
        else:
            assert np.array_equal(pixels, whole), f"{kind} cut after {cut} of {len(content)} bytes"
    assert refused >= len(cuts) - 3
    path.write_bytes(content + b"<!-- garbage -->" * 20)
    assert np.array_equal(decode(path, 40, 3), whole)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty, 0 bytes"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "text, not an image: '<!DOCTYPE"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "text, not an image: '<svg"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "text, not an image: 'version"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "text, not an image: '%!PS"),
        (bytes(range(256)) * 8, "not an image that Pillow knows"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not an image that Pillow knows, or a damaged one"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "not an image that Pillow knows, or a damaged one"),
    ],
)
def test_what_is_no_image(tmp_path, content, reason):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadImage) as caught:
        decode(tmp_path / "a.jpg", 8, 3)
    assert str(caught.value).startswith(reason)


def test_a_flipped_bit_in_a_png_is_found(tmp_path):
    path = save(tmp_path / "a.png", NOISE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadImage):
        decode(path, 8, 3)


def test_a_decompression_bomb_is_refused_before_it_goes_off(tmp_path):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b""))
    with pytest.raises(BadImage, match="too many pixels, it could be a decompression bomb"):
        decode(tmp_path / "a.png", 8, 3)


def test_what_the_system_refuses(tmp_path, monkeypatch):
    with pytest.raises(BadImage, match="No such file"):
        decode(tmp_path / "a.png", 8, 3)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(BadImage, match="directory"):
        decode(tmp_path / "b.png", 8, 3)
    save(tmp_path / "c.png", NOISE)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", "c.png")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(BadImage, match=r"^Permission denied$"):
        decode(tmp_path / "c.png", 8, 3)


def test_grey_is_the_luma_that_the_rest_of_the_package_uses(tmp_path):
    import torch

    from ganbook.support.pixels import fit_channels

    path = save(tmp_path / "a.png", NOISE)
    ours = fit_channels(torch.from_numpy(decode(path, 40, 3).copy()).unsqueeze(0), 1)[0]
    assert abs(ours.int() - torch.from_numpy(decode(path, 40, 1).astype(np.int32))).max() <= 1
