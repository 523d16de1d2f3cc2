"""How the animals move: steering, a body that follows the head, stepping paws and a trailing tail."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from arena import Layout, lay_out
from behaviour import draw_bouts, spell_out
from limbs import Paw, Spring, bend, ease, unit
from scene import Scene, Wobble

# Points of one animal. The body chain runs from the neck (0) to the base of the tail (8).
CHAIN, TAIL = 9, 16
NOSE, LEFT_EAR, RIGHT_EAR, FIRST_PAW, FIRST_TAIL = 9, 10, 11, 12, 16
POINTS = FIRST_TAIL + TAIL

NODE_POINTS = {
    "nose": NOSE,
    "left_ear": LEFT_EAR,
    "right_ear": RIGHT_EAR,
    "neck": 0,
    "spine": 4,
    "hip": 6,
    "left_front_paw": FIRST_PAW,
    "right_front_paw": FIRST_PAW + 1,
    "left_hind_paw": FIRST_PAW + 2,
    "right_hind_paw": FIRST_PAW + 3,
    "tail_base": CHAIN - 1,
    "tail_mid": FIRST_TAIL + TAIL // 2,
    "tail_tip": POINTS - 1,
}

# Lengths as shares of the length from the nose to the base of the tail.
_SPACING = 0.70 / (CHAIN - 1)
_HEAD = 0.30
_TAIL_SPACING = 0.90 / TAIL
_REACH = 0.36  # how far the nose and whiskers reach beyond the neck
_GROUND_HEIGHT = 0.10
_LONGEST_STEP = 1 / 50  # seconds of one step of the simulation


@dataclass(frozen=True)
class Motion:
    """Where every point of every animal is in every frame.

    Parameters
    ----------
    points : numpy.ndarray
        float32 (n_frames, n_animals, POINTS, 3): x and y in pixels of the frame, height over the floor in pixels.
    behaviours : numpy.ndarray
        str (n_frames, n_animals): name of the behaviour.
    breath : numpy.ndarray
        float32 (n_frames, n_animals): widening of the chest, as a share of its width.
    camera : numpy.ndarray
        float32 (n_frames, 2): shift of the picture by the camera in pixels, x then y.
    """

    points: npt.NDArray[np.float32]
    behaviours: npt.NDArray[np.str_]
    breath: npt.NDArray[np.float32]
    camera: npt.NDArray[np.float32]


def animate(scene: Scene) -> Motion:
    """Let the animals of a scene live through the recording.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.

    Returns
    -------
    Motion
        Points, behaviours, breath and camera shift of every frame.
    """
    layout = lay_out(scene)
    animals: list[Animal] = []
    for index in range(scene.animals):
        animals.append(Animal(scene, layout, index, animals))
    points = np.empty((scene.n_frames, scene.animals, POINTS, 3), np.float32)
    breath = np.empty((scene.n_frames, scene.animals), np.float32)
    substeps = max(1, math.ceil(1 / (scene.frame_rate * _LONGEST_STEP)))
    for frame in range(scene.n_frames):
        for index, animal in enumerate(animals):
            others = [other for other in animals if other is not animal]
            for substep in range(substeps if frame else 0):
                time = (frame - 1 + (substep + 1) / substeps) / scene.frame_rate
                animal.advance(time, 1 / (scene.frame_rate * substeps), frame, others)
            points[frame, index] = animal.pose()
            breath[frame, index] = animal.breath
    camera = _move_camera(scene)
    _project(points, scene, camera)
    behaviours = np.array([animal.plan for animal in animals]).T
    return Motion(points, behaviours, breath, camera)


def _move_camera(scene: Scene) -> npt.NDArray[np.float32]:
    """Shift (n_frames, 2) of the picture in pixels, at most `camera_motion` along each axis."""
    rng = np.random.default_rng([scene.seed, 5])
    sway = [Wobble(rng, 0.08, 0.45), Wobble(rng, 0.08, 0.45)]
    times = [frame / scene.frame_rate for frame in range(scene.n_frames)]
    shift = np.array([[axis(time) for axis in sway] for time in times])
    return np.asarray(scene.camera_motion * shift / np.abs(shift).max(axis=0), np.float32)


def _project(points: npt.NDArray[np.float32], scene: Scene, camera: npt.NDArray[np.float32]) -> None:
    """Turn places over the floor into places in the frame: what is higher looks further out."""
    middle = np.array([(scene.width - 1) / 2, (scene.height - 1) / 2], np.float32)
    points[..., :2] = middle + (points[..., :2] - middle) * zoom(points[..., 2:], scene) + camera[:, None, None]


def zoom(height: npt.NDArray[np.float32], scene: Scene) -> npt.NDArray[np.float32]:
    """Magnification of things `height` pixels over the floor, seen by a camera over the middle."""
    camera_height = max(0.9 * scene.width, 5 * scene.animal_size)
    return np.asarray(camera_height / (camera_height - height), np.float32)


class Animal:
    """One animal: its plan, its place and its posture.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.
    layout : Layout
        Walls and objects.
    index : int
        Number of the animal.
    others : list of Animal
        Animals that are placed already.
    """

    def __init__(self, scene: Scene, layout: Layout, index: int, others: list[Animal]) -> None:
        rng = np.random.default_rng([scene.seed, 3, index])
        self.size, self.layout, self.rng = scene.animal_size, layout, rng
        bouts = draw_bouts(scene.seconds, scene.rest_share, rng)
        self.plan = spell_out(bouts, scene.n_frames, scene.frame_rate)
        self.wander, self.look, self.curl = Wobble(rng, 0.05, 0.6), Wobble(rng, 0.3, 1.6), Wobble(rng, 0.06, 0.4)
        self.pace, self.bob, self.twitch = Wobble(rng, 0.2, 0.7), Wobble(rng, 0.8, 2.2), Wobble(rng, 0.03, 0.2)
        self.speed, self.turn, self.activity = Spring(9), Spring(11), Spring(5)
        self.rear, self.groom, self.side = Spring(7.5), Spring(6.5), Spring(7.5)
        self.breath_phase, self.breath, self.time, self.turn_sign = 0.0, 0.0, 0.0, 1.0
        self.task = self.plan[0]
        self.chain: list[complex] = []
        self.tail: list[complex] = []
        self.paws: list[Paw] = []
        self._settle(others)

    def _settle(self, others: list[Animal]) -> None:
        """Lie down somewhere with room all around."""
        size, layout = self.size, self.layout
        best, roomiest = (0j, 0.0), -math.inf
        for _ in range(60):
            centre = complex(
                self.rng.uniform(layout.left, layout.right),
                self.rng.uniform(layout.top, layout.bottom),
            )
            gaps = [abs(centre - other.chain[4]) - size for other in others]
            room = min([layout.clearance(centre), 0.9 * size, *gaps])
            if room > roomiest:
                best, roomiest = (centre, float(self.rng.uniform(-math.pi, math.pi))), room
        centre, self.heading = best
        back = -cmath.rect(1, self.heading)
        self.chain = [centre + back * size * _SPACING * (joint - 4) for joint in range(CHAIN)]
        self.tail = [self.chain[-1]]
        for joint in range(TAIL):
            back *= cmath.rect(1, 0.12 * math.sin(0.35 * joint + self.heading))
            self.tail.append(layout.confine(self.tail[-1] + back * size * _TAIL_SPACING, 0.03 * size))
        self.paws = [Paw(1, 0.06, -0.145), Paw(1, 0.06, 0.145), Paw(6, 0.06, -0.19), Paw(6, 0.06, 0.19)]
        for paw in self.paws:
            paw.place = self._home(paw)

    def advance(self, time: float, dt: float, frame: int, others: list[Animal]) -> None:
        """Live for `dt` seconds until `time`, doing what the plan says for `frame`."""
        self.time = time
        if self.plan[frame] != self.task:
            self.task = self.plan[frame]
            self._choose_sides()
        self._posture(dt)
        self._steer(dt, others)
        self._follow(dt, others)
        self._step(dt)

    def _choose_sides(self) -> None:
        """Turn and curl to the side that has more room."""
        left, right = (
            self.layout.clearance(self.chain[0] + 0.7 * self.size * cmath.rect(1, self.heading + angle))
            for angle in (-1.3, 1.3)
        )
        even = abs(left - right) < 0.4 * self.size
        self.turn_sign = float(self.rng.choice((-1, 1))) if even else (1.0 if right > left else -1.0)

    def _posture(self, dt: float) -> None:
        """Raise, curl and breathe."""
        self.rear.pull(float(self.task == "rear"), dt)
        self.groom.pull(float(self.task == "groom"), dt)
        self.side.pull(self.turn_sign if self.task == "groom" else 0.0, dt)
        activity = self.activity.pull({"rest": 0.0, "walk": 1.0, "turn": 1.0}.get(self.task, 0.6), dt)
        self.breath_phase += 2 * math.pi * (2.1 + 1.6 * activity) * dt
        self.breath = 0.022 * math.sin(self.breath_phase)

    def _steer(self, dt: float, others: list[Animal]) -> None:
        """Move the neck along its heading, round walls, objects and other animals."""
        size, neck = self.size, self.chain[0]
        forward = cmath.rect(1, self.heading)
        push, ahead = self._avoid(neck, forward, others)
        goal, rate = 0.0, 0.0
        if self.task == "walk":
            wanted = forward * cmath.rect(1, 0.9 * self.wander(self.time)) + 1.5 * push
            rate = min(max(4.5 * cmath.phase(wanted / forward), -3.4), 3.4)
            goal = size * (1.75 + 0.9 * self.pace(self.time)) * min(max(ahead, 0.3), 1.0)
        elif self.task == "turn":
            rate, goal = 2.5 * self.turn_sign, 0.62 * size
        still = min(1.0, abs(self.rear.value) + abs(self.groom.value))
        speed = self.speed.pull(goal * (1 - still) ** 2, dt)
        self.heading += self.turn.pull(rate * (1 - still), dt) * dt
        moved = neck + max(speed, 0.0) * dt * cmath.rect(1, self.heading)
        self.chain[0] = neck + self._allowed(moved, others, neck, speed * dt)

    def _allowed(self, moved: complex, others: list[Animal], neck: complex, longest: float) -> complex:
        """Step from the neck that stays clear of everything and is no longer than intended."""
        for other in others:
            for joint in (0, 3, 6):
                away = moved - other.chain[joint]
                if 0 < abs(away) < 0.42 * self.size:
                    moved = other.chain[joint] + away / abs(away) * 0.42 * self.size
        step = self.layout.confine(moved, _REACH * self.size) - neck
        return step if abs(step) <= longest else step / abs(step) * max(longest, 0.0)

    def _avoid(self, neck: complex, forward: complex, others: list[Animal]) -> tuple[complex, float]:
        """Push away from what is near, and share of the speed that the way ahead allows."""
        size, layout = self.size, self.layout
        obstacles = [
            (neck.real - layout.left, 1 + 0j),
            (layout.right - neck.real, -1 + 0j),
            (neck.imag - layout.top, 1j),
            (layout.bottom - neck.imag, -1j),
        ]
        bodies = [(other.chain[joint], 0.2 * size) for other in others for joint in (0, 4, 8)]
        for centre, radius in [*layout.objects, *bodies]:
            away = neck - centre
            obstacles.append((abs(away) - radius, away / max(abs(away), 1e-6)))
        push, ahead = 0j, 1.0
        for distance, normal in obstacles:
            gap = (distance - _REACH * size) / (0.65 * size)
            if gap >= 1:
                continue
            push += normal * (1 - max(gap, 0.0)) ** 2
            facing = -(forward * normal.conjugate()).real
            ahead = min(ahead, 1 - facing * (1 - max(gap, 0.0))) if facing > 0 else ahead
        return push, ahead

    def _nudge(self, point: complex, others: list[Animal]) -> complex:
        """Move a point of the trunk out of walls, objects and other trunks."""
        for other in others:
            for joint in (0, 2, 4, 6, 8):
                away = point - other.chain[joint]
                if 0 < abs(away) < 0.34 * self.size:
                    # Each of the two gives way by its share.
                    point += away / abs(away) * 0.5 * (0.34 * self.size - abs(away))
        return self.layout.confine(point, 0.18 * self.size)

    def _follow(self, dt: float, others: list[Animal]) -> None:
        """Drag the body and the tail behind the neck."""
        size, back = self.size, -cmath.rect(1, self.heading)
        for joint in range(1, CHAIN):
            place = self._nudge(self.chain[joint], others)
            back = bend(place - self.chain[joint - 1], back, 0.8 if joint == 1 else 0.36)
            self.chain[joint] = self.chain[joint - 1] + back * size * _SPACING
        activity = max(self.activity.value, 0.0)
        share = (0.12 + 2.2 * activity) * dt
        self.tail[0] = self.chain[-1]
        for joint in range(1, TAIL + 1):
            trail = bend(self.tail[joint] - self.tail[joint - 1], back, 0.45)
            swing = self.curl(self.time - 0.11 * joint)
            curled = back * cmath.rect(1, 0.30 * swing * (0.3 + joint / TAIL))
            back = (1 - share) * trail + share * curled
            back /= abs(back)
            self.tail[joint] = self.layout.confine(self.tail[joint - 1] + back * size * _TAIL_SPACING, 0.02 * size)

    def _home(self, paw: Paw) -> complex:
        """Place on the floor where a paw stands when the body is at ease."""
        along = unit(self.chain[paw.joint - 1] - self.chain[paw.joint + 1])
        return self.chain[paw.joint] + self.size * along * complex(paw.ahead, paw.aside)

    def _step(self, dt: float) -> None:
        """Let the paws keep up with the body, never both of a pair at once."""
        velocity = max(self.speed.value, 0.0)
        for index, paw in enumerate(self.paws):
            along = unit(self.chain[paw.joint - 1] - self.chain[paw.joint + 1])
            free = self.paws[index ^ 1].progress >= 1 and (index > 1 or self.rear.value + self.groom.value < 0.1)
            paw.step(self._home(paw), velocity * along, self.size, free, dt)

    def pose(self) -> npt.NDArray[np.float64]:
        """Points (POINTS, 3) of the present posture: x, y over the floor and height, in pixels."""
        points: list[tuple[complex, float]] = [(0j, 0.0)] * POINTS
        forward = self._raise_body(points)
        forward = self._turn_head(points, forward)
        self._place_paws(points, forward)
        for joint in range(1, TAIL + 1):
            points[FIRST_TAIL + joint - 1] = (self.tail[joint], 0.018 * self.size)
        return np.array([(place.real, place.imag, height) for place, height in points])

    def _raise_body(self, points: list[tuple[complex, float]]) -> complex:
        """Lay the body out from the base of the tail; return the direction at the neck."""
        rear, groom = self.rear.value, self.groom.value
        place, height = self.chain[-1], (_GROUND_HEIGHT - 0.035) * self.size
        points[CHAIN - 1] = (place, height)
        forward = 1 + 0j
        for joint in range(CHAIN - 2, -1, -1):
            share = (CHAIN - 1 - joint) / (CHAIN - 1)
            forward = unit(self.chain[joint] - self.chain[joint + 1]) * cmath.rect(1, 1.05 * self.side.value * share)
            hunch = 0.85 * math.sin(math.pi * min(1.3 * share, 1.0)) - 0.35 * share
            slope = 1.22 * rear * ease(1.8 * share - 0.2) + groom * hunch
            slope += 0.04 if joint > CHAIN - 4 else 0.0
            place += forward * self.size * _SPACING * math.cos(slope) * (1 - 0.15 * groom)
            height += self.size * _SPACING * math.sin(slope)
            points[joint] = (place, max(height, _GROUND_HEIGHT * self.size))
        return forward

    def _turn_head(self, points: list[tuple[complex, float]], forward: complex) -> complex:
        """Place nose and ears; return the direction of the head."""
        rear, groom, time = self.rear.value, self.groom.value, self.time
        alert = 0.08 + 0.92 * max(self.activity.value, 0.0)
        yaw = 0.30 * alert * self.look(time) + 0.06 * self.twitch(time) + 0.65 * self.side.value
        yaw += min(max(0.16 * self.turn.value, -0.5), 0.5)
        forward *= cmath.rect(1, yaw)
        bob = 0.10 * alert * self.bob(time) + 0.12 * groom * math.sin(2 * math.pi * 3.1 * time)
        pitch = -0.12 + 0.55 * rear - 0.75 * groom + bob
        neck, height = points[0]
        reach = self.size * _HEAD
        points[NOSE] = (
            neck + forward * reach * math.cos(pitch),
            max(height + reach * math.sin(pitch), 0.04 * self.size),
        )
        for ear, aside in ((LEFT_EAR, -0.112j), (RIGHT_EAR, 0.112j)):
            place = neck + forward * self.size * (0.085 * math.cos(pitch) + aside)
            points[ear] = (place, height + self.size * (0.085 + 0.085 * math.sin(pitch)))
        return forward

    def _place_paws(self, points: list[tuple[complex, float]], forward: complex) -> None:
        """Stand on the floor, hang before the chest when rearing, wash the face when grooming."""
        rear, groom, size = self.rear.value, self.groom.value, self.size
        (neck, height), (nose, nose_height) = points[0], points[NOSE]
        for index, paw in enumerate(self.paws):
            place, lift = paw.place, size * (0.025 + 0.03 * paw.lift)
            if index < 2:
                aside = -1j if index == 0 else 1j
                stroke = 0.035 * math.sin(2 * math.pi * 4.6 * self.time + 0.5 * index)
                chest = neck + forward * size * (0.15 + 0.115 * aside)
                face = nose + forward * size * (stroke - 0.05 + (0.07 + 0.4 * stroke) * aside)
                place += rear * (chest - paw.place) + groom * (face - paw.place)
                lift += rear * (height - 0.04 * size - lift) + groom * (nose_height + 0.02 * size - lift)
            points[FIRST_PAW + index] = (place, lift)
