"""The fast tests under other versions of Python and OpenCV: `nox` runs them all, `nox -p 3.13` one of them."""

import nox

# Each Python with an OpenCV, from the oldest to the newest; the README names them.
VERSIONS = [
    ("3.10", "4.10.0.84"),
    ("3.11", "4.12.0.88"),
    ("3.12", "4.14.0.94"),
    ("3.13", "5.0.0.93"),
]


@nox.session
@nox.parametrize(("python", "opencv"), VERSIONS)
def tests(session: nox.Session, opencv: str) -> None:
    """Run the fast tests as the README's second command does."""
    session.install("-e", ".[test]", f"opencv-python-headless=={opencv}")
    session.run("python", "-m", "pytest", "-n", "auto")
