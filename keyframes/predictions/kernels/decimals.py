"""Decimal numbers in text, as tables of a million frames hold by the hundred million.

NumPy, like Python, rounds each to the nearest float64, which takes 0.4 µs where it has 17 digits. Points are float32:
here 18 digits count and two roundings happen, far below the last digit of a float32.
"""

import numpy as np

from clustering import Array, compiled

COMMA, NEWLINE, DOT, MINUS, PLUS, ZERO, LARGE_E, SMALL_E, A, N = np.frombuffer(b",\n.-+0Eean", np.uint8)
# Further digits do not fit into an int64.
FULL = 10**17
POWERS = np.array([float(f"1e{exponent}") for exponent in range(301)])


@compiled(allocates=False)
def read_rows(text: Array, values: Array) -> int:
    """Read rows; return their number, or -1 where one is not plain or has other cells. IN: text, uint8. OUT: values."""
    _, n_columns = values.shape
    place, row = 0, 0
    while True:
        while place < len(text) and text[place] == NEWLINE:
            place += 1
        if place == len(text):
            return row
        for column in range(n_columns):
            start = place
            values[row, column], place = _number_at(text, start)
            if place < 0 or (column == 0 and place == start):
                return -1
            is_last = place == len(text) or text[place] == NEWLINE
            if is_last != (column == n_columns - 1):
                return -1
            if not is_last:
                if text[place] != COMMA:
                    return -1
                place += 1
        row += 1


@compiled(allocates=False, inner=True)
def _number_at(text: Array, place: int) -> tuple[float, int]:
    """Read a number, or nothing as NaN; return it and where it ends, -1 where it is not plain."""
    end = len(text)
    if place == end or text[place] == COMMA or text[place] == NEWLINE:
        return np.nan, place
    if place + 2 < end and text[place] == N and text[place + 1] == A and text[place + 2] == N:
        return np.nan, place + 3
    sign = -1.0 if text[place] == MINUS else 1.0
    if text[place] == MINUS or text[place] == PLUS:
        place += 1
    digits, exponent, n_digits, has_dot = 0, 0, 0, False
    while place < end:
        digit = int(np.int64(text[place])) - int(np.int64(ZERO))
        if 0 <= digit <= 9:
            n_digits += 1
            if digits < FULL:
                digits = 10 * digits + digit
                exponent -= has_dot
            else:
                exponent += not has_dot
        elif text[place] == DOT and not has_dot:
            has_dot = True
        else:
            break
        place += 1
    if n_digits == 0:
        return np.nan, -1
    if place < end and (text[place] == SMALL_E or text[place] == LARGE_E):
        place += 1
        is_negative = place < end and text[place] == MINUS
        if place < end and (text[place] == MINUS or text[place] == PLUS):
            place += 1
        power, first = 0, place
        while place < end and ZERO <= text[place] <= ZERO + 9 and power < len(POWERS):
            power = 10 * power + int(np.int64(text[place])) - int(np.int64(ZERO))
            place += 1
        if place == first:
            return np.nan, -1
        exponent += -power if is_negative else power
    if abs(exponent) >= len(POWERS):
        return np.nan, -1
    number = sign * np.float64(digits)
    return (number / POWERS[-exponent] if exponent < 0 else number * POWERS[exponent]), place
