"""Features by a network: one that is trained on the recording, or an ONNX file."""

import json
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keyframes
from keyframes import EncoderError, Settings, SettingsError
from keyframes.scan.pretrained_network import NetworkFeatures
from tests.conftest import slow_but_for
from tests.test_keyframes.networks import linear_network, pooling_network
from tests.test_keyframes.result_folders import contents

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def pooling(tmp_path):
    """Write a network that averages squares of 8 x 8 pixels of a picture of 32 x 24."""

    def write(n_channels=3):
        path = tmp_path / f"pooling_{n_channels}.onnx"
        path.write_bytes(pooling_network(n_channels, 24, 32, 8))
        return path

    return write


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (48, 64, 3), np.uint8)


def test_the_features_are_what_the_network_is_meant_to_give(pooling, image):
    network = NetworkFeatures(pooling(), (32, 24), MEAN, STD)
    small = cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA)[:, :, ::-1] / 255
    normal = (small - MEAN) / STD
    squares = normal.reshape(3, 8, 4, 8, 3).mean(axis=(1, 3))
    assert network.n_features == 36
    assert_allclose(network(image), squares.transpose(2, 0, 1).reshape(-1), atol=1e-4)


def test_one_mean_stands_for_gray(pooling, image):
    network = NetworkFeatures(pooling(1), (32, 24), (0.5,), (0.25,))
    gray = cv2.cvtColor(cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY) / 255
    squares = ((gray - 0.5) / 0.25).reshape(3, 8, 4, 8).mean(axis=(1, 3))
    assert_allclose(network(image), squares.reshape(-1), atol=1e-4)


@pytest.mark.torch
def test_an_exported_network_gives_what_torch_gives(tmp_path, image):
    torch = pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")
    pytest.importorskip("onnx", reason="needs onnx, of the onnx extra")
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, 2, 1)]
    model = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    path = tmp_path / "exported.onnx"
    with warnings.catch_warnings():
        # The exporter that needs no further package is on its way out.
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, 3, 48, 64),), str(path), dynamo=False)
    network = NetworkFeatures(path, (64, 48), MEAN, STD)
    normal = (image[:, :, ::-1] / 255 - MEAN) / STD
    with torch.no_grad():
        expected = model(torch.from_numpy(normal.transpose(2, 0, 1)[None].astype(np.float32)))
    assert_allclose(network(image), expected[0], atol=1e-4)


def test_frames_are_chosen_by_a_network_of_a_file(tmp_path, video_file, pooling, run_command):
    options = ("-k", 6, "--encoder", pooling(), "--input-size", "32,24", "--mean", "0.5,0.5,0.5", "-q")
    for name, threads in (("one", 1), ("two", 2)):
        done = run_command(
            "keyframes", "extract", video_file("mpeg4.mp4"), *options, "-o", tmp_path / name, "--threads", threads
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["keyframes"]) == 6
    settings = manifest["settings"]
    assert settings["features"] == "encoder"
    name, _, content = settings["encoder"].partition(" sha256:")
    assert (name, len(content)) == ("pooling_3.onnx", 64)
    assert (settings["input_size"], settings["mean"], settings["std"]) == ([32, 24], [0.5] * 3, [1.0] * 3)
    with np.load(tmp_path / "one" / "scan.npz") as scan:
        assert scan["features"].shape == (60, 36)


@pytest.mark.parametrize(
    "content", slow_but_for(["cut", "other input"], [b"", b"no network" * 50, "cut", "other input"])
)
def test_a_file_that_is_no_network_is_one_error(tmp_path, video_file, run_command, content):
    path = tmp_path / "net.onnx"
    good = pooling_network(3, 24, 32, 8)
    path.write_bytes({"cut": good[:-40], "other input": linear_network(3, 24, 32)}.get(content, content))
    done = run_command("keyframes", "extract", video_file("mpeg4.mp4"), "-k", 5, "--encoder", path, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {path}: cannot be run as an ONNX network with an input of 224 x 224 pixels")
    assert not (tmp_path / "mpeg4-keyframes").exists()


def test_a_network_that_gives_too_much_is_told(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(pooling_network(3, 256, 256, 2))
    with pytest.raises(EncoderError, match="gives 49152 numbers per picture; at most 16384"):
        NetworkFeatures(path, (256, 256), MEAN, STD)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(EncoderError, match=r"none\.onnx: no such file; give --encoder an ONNX file"):
        NetworkFeatures(tmp_path / "none.onnx", (32, 32), MEAN, STD)


PROGRAM = """
import sys
sys.modules["torch"] = None  # as if it were not installed
from keyframes.__main__ import main
sys.argv = ["keyframes", "extract", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.mark.slow
def test_without_pytorch_it_says_what_to_install(tmp_path, video_file):
    command = [sys.executable, "-c", PROGRAM, str(video_file("mpeg4.mp4")), "-k", "5", "-q"]
    done = subprocess.run(
        [*command, "--features", "encoder"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: --features encoder needs PyTorch, which is not installed: pip install '.[encoder]' in the repository\n"
    )
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


@pytest.mark.torch
@pytest.mark.parametrize("algorithm", ["kmeans", "dec"])
@pytest.mark.parametrize("color", [False, True])
def test_frames_are_chosen_by_a_network_of_the_recording(tmp_path, video_file, algorithm, color):
    pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")
    options = {"features": "encoder", "algorithm": algorithm, "encoder_minutes": 0.01, "color": color, "width": 24}
    results = [
        keyframes.extract(video_file("mpeg4.mp4"), 6, output=tmp_path / str(threads), threads=threads, **options)
        for threads in (1, 2)
    ]
    assert len(results[0].keyframes) == 6
    # The same bytes, any number of threads.
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert results[0].manifest["settings"]["encoder_minutes"] == 0.01
    assert "encoder" not in results[0].manifest["settings"]
    with np.load(tmp_path / "1" / "scan.npz") as scan:
        features = scan["features"].astype(np.float64)
        pixels = np.linalg.norm(np.ptp(features, axis=0))
        assert features.shape == (60, 32)
        assert pixels > 0
    other = keyframes.extract(video_file("mpeg4.mp4"), 6, output=tmp_path / "other", seed=1, **options)
    assert not np.array_equal(np.load(other.folder / "scan.npz")["features"], features)


@pytest.mark.torch
def test_frames_that_look_alike_have_the_same_features(tmp_path, encoded_pictures):
    pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")
    path = encoded_pictures("twice.avi", [*range(20), *range(20)], "-c:v", "ffv1")
    options = {"features": "encoder", "encoder_minutes": 0.01, "width": 24}
    result = keyframes.extract(path, 30, output=tmp_path / "out", **options)
    with np.load(tmp_path / "out" / "scan.npz") as scan:
        assert_array_equal(scan["features"][:20], scan["features"][20:])
    assert len(result.keyframes) == 20
    assert "only 20 of the 40 frames differ" in result.warnings[0]


NAMED = {"features": "encoder", "encoder": "net.onnx"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "dec"}, "`algorithm = dec` needs `features = encoder`"),
        ({"algorithm": "dec", "features": "encoder", "k": "auto"}, "a number for `k`"),
        ({"algorithm": "dec", "features": "encoder", "encoder": "a.onnx"}, "and no file in `encoder`"),
        ({"encoder": "a.onnx"}, "`encoder` is a.onnx, which needs `features = encoder`"),
        ({"encoder_minutes": 0}, "`encoder_minutes` is 0; it must be above 0"),
        ({"encoder_minutes": float("inf")}, "`encoder_minutes` is inf"),
        ({"encoder_minutes": 5}, "`encoder_minutes` needs `features = encoder`"),
        ({"encoder_minutes": 5, "features": "encoder", "encoder": "a.onnx"}, "no file in `encoder`"),
        ({"input_size": (5, 5), "features": "encoder"}, "`input_size` describes the network of `encoder`"),
        ({**NAMED, "mean": (0.5, 0.5)}, "three numbers each .* or one"),
        ({**NAMED, "mean": (0.5,)}, "three numbers each .* or one"),
        ({**NAMED, "std": (1, 0, 1)}, "`std` above 0"),
        ({**NAMED, "std": (1, float("nan"), 1)}, "must be finite"),
        ({**NAMED, "input_size": (0, 5)}, "`input_size` is"),
        ({**NAMED, "input_size": (5000, 5)}, "`input_size` is"),
    ],
)
def test_settings_that_do_not_fit_are_told(options, message):
    with pytest.raises(SettingsError, match=message):
        Settings(**{"k": 5, **options})


@pytest.mark.parametrize(
    "arguments",
    [
        ("--input-size", "32,24"),
        ("--mean", "0.5,0.5,0.5"),
        ("--encoder", "net.onnx", "--mean", "a,b,c"),
        ("--encoder", "net.onnx", "--mean", "0.5,0.5"),
        ("--encoder", "net.onnx", "--input-size", "32"),
        ("--algorithm", "dec"),
        ("--encoder-minutes", "0"),
        ("--features", "encoder", "--unlike", "earlier"),
    ],
)
def test_wrong_usage_is_told(tmp_path, run_command, video_file, arguments):
    done = run_command("keyframes", "extract", video_file("mpeg4.mp4"), "-k", 5, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
