"""Thumbnails, their figures and their principal components, held against plain computations."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from keyframes.scan.components import PrincipalComponents
from keyframes.scan.equal_rows import digest, first_equal
from keyframes.scan.thumbnails import LIMITED_RANGE, Thumbnailer, brightness_and_sharpness


@pytest.mark.parametrize(
    ("height", "width", "thumbnail_width", "expected"),
    [(480, 640, 64, (48, 64)), (100, 40, 64, (100, 40)), (1, 1000, 50, (1, 50)), (99, 33, 11, (33, 11))],
)
def test_thumbnails_keep_the_shape_of_the_picture(rng, height, width, thumbnail_width, expected):
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for color, shape in ((False, expected), (True, (*expected, 3))):
        thumbnailer = Thumbnailer(height, width, thumbnail_width, color)
        assert thumbnailer.shape == thumbnailer(image).shape == shape


def test_a_thumbnail_is_the_mean_over_areas(rng):
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(float)
    expected = gray.reshape(8, 5, 12, 5).mean(axis=(1, 3))
    assert_allclose(Thumbnailer(40, 60, 12, False)(image), expected, atol=0.51)
    expected = image.astype(float).reshape(8, 5, 12, 5, 3).mean(axis=(1, 3))
    assert_allclose(Thumbnailer(40, 60, 12, True)(image), expected, atol=0.51)


@pytest.mark.parametrize("size", [(1080, 1920), (1024, 1280), (1000, 1000), (600, 800), (512, 640), (480, 720)])
def test_thumbnails_of_large_pictures_are_means_as_well(rng, size):
    image = 4 * (cv2.GaussianBlur(rng.integers(0, 256, size, dtype=np.uint8), (0, 0), 9) - np.uint8(100))
    thumbnailer = Thumbnailer(*size, 64, False)
    expected = cv2.resize(image.astype(np.float64), thumbnailer.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(thumbnailer(image) - expected).max() < 0.1 * np.ptp(expected)
    assert abs(thumbnailer(image).mean() - expected.mean()) < 0.6


def test_sharpness_falls_with_blur_and_brightness_with_light(rng):
    image = rng.integers(0, 256, (48, 64), dtype=np.uint8)
    images = np.stack([image, cv2.GaussianBlur(image, (5, 5), 0), image // 2, np.full_like(image, 80)])
    brightness, sharpness = brightness_and_sharpness(images)
    assert brightness[0] == pytest.approx(image.mean())
    assert sharpness[1] < 0.3 * sharpness[0]
    assert brightness[2] < 0.6 * brightness[0]
    assert (brightness[3], sharpness[3]) == (80, 0)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (1, 50), (2, 1, 3), (1, 1)])
def test_sharpness_is_the_variance_of_opencvs_laplacian(rng, shape):
    images = rng.integers(0, 256, (5, *shape), dtype=np.uint8)
    grays = [image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]
    brightness, sharpness = brightness_and_sharpness(images)
    assert_allclose(brightness, [gray.mean() for gray in grays], rtol=1e-6)
    assert_allclose(sharpness, [cv2.Laplacian(gray, cv2.CV_64F).var() for gray in grays], rtol=1e-6)


def test_many_luma_planes_turn_gray_as_each_does(rng):
    planes = rng.integers(0, 256, (6, 40, 60), dtype=np.uint8)
    thumbnailer = Thumbnailer(40, 60, 12, False, LIMITED_RANGE)
    together = thumbnailer.in_gray(np.concatenate([thumbnailer.shrunk(plane) for plane in planes]))
    assert_array_equal(together.reshape(6, *thumbnailer.shape), [thumbnailer(plane) for plane in planes])


def test_components_are_those_of_scikit_learn(rng):
    scores = rng.normal(size=(500, 6)) * [40, 30, 20, 12, 8, 5]
    thumbnails = np.clip(128 + scores @ rng.normal(size=(6, 300)) / 4 + rng.normal(size=(500, 300)), 0, 255)
    thumbnails = thumbnails.astype(np.uint8)
    components = PrincipalComponents.fit(thumbnails)
    assert_allclose(components.basis @ components.basis.T, np.eye(32), atol=1e-4)
    ours = components.transform(thumbnails)
    assert ours.dtype == np.float16
    theirs = PCA(6, svd_solver="full").fit_transform(thumbnails / 255.0)
    assert_allclose(np.abs(ours[:, :6]), np.abs(theirs), atol=0.02)


@pytest.mark.parametrize("shape", [(1, 50), (40, 3), (5, 1)])
def test_fewer_frames_or_pixels_than_components(rng, shape):
    thumbnails = rng.integers(0, 256, shape, dtype=np.uint8)
    components = PrincipalComponents.fit(thumbnails)
    assert components.transform(thumbnails).shape == (shape[0], min(shape))


def test_frames_all_alike_have_no_components():
    thumbnails = np.full((30, 20), 7, np.uint8)
    assert_array_equal(PrincipalComponents.fit(thumbnails).transform(thumbnails), 0)


def test_directions_in_which_nothing_differs_are_no_components(rng):
    scores = rng.integers(0, 12, (200, 2))
    thumbnails = (scores @ rng.integers(0, 10, (2, 400))).astype(np.uint8)
    lengths = np.linalg.norm(PrincipalComponents.fit(thumbnails).basis, axis=1)
    assert_allclose(lengths, [1, 1, *[0] * 30], atol=1e-6)


def test_equal_thumbnails_get_equal_components(rng):
    different = rng.integers(0, 256, (13, 900), dtype=np.uint8)
    which = rng.integers(13, size=3001)
    thumbnails = different[which]
    components = PrincipalComponents.fit(thumbnails).transform(thumbnails)
    first = first_equal(b"".join(map(digest, thumbnails)))
    assert_array_equal(which[first], which)
    assert_array_equal(components, components[first])
    assert len(np.unique(components, axis=0)) == 13
