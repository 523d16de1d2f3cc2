"""Kernels that match the animals of two frames."""

import numpy as np

from clustering import Array, compiled


@compiled()
def match_few(costs: Array, orders: Array, best: Array) -> None:
    """Sum the costs of matching the animals of two frames as fits best, for many pairs of frames.

    IN: costs (n_animals, n_animals, n_rows, n_columns); orders (n_orders, n_animals), in which the second frame's
    animals can be matched. OUT: best (n_rows, n_columns).
    """
    for row in range(costs.shape[2]):
        for column in range(costs.shape[3]):
            least = np.inf
            for order in range(orders.shape[0]):
                total = 0.0
                for animal in range(costs.shape[0]):
                    total += costs[animal, orders[order, animal], row, column]
                least = min(least, total)
            best[row, column] = least


@compiled()
def match_many(costs: Array, best: Array) -> None:
    """Sum the costs of matching many animals of two frames well: pairs change partners as long as that lowers the sum.

    Arguments as for `match_few`.
    """
    n_animals = costs.shape[0]
    partner = np.empty(n_animals, np.int64)
    for row in range(costs.shape[2]):
        for column in range(costs.shape[3]):
            for animal in range(n_animals):
                partner[animal] = animal
            changed = True
            while changed:
                changed = False
                for one in range(n_animals):
                    for other in range(one + 1, n_animals):
                        a, b = partner[one], partner[other]
                        now = costs[one, a, row, column] + costs[other, b, row, column]
                        if costs[one, b, row, column] + costs[other, a, row, column] < now * (1 - 1e-6):
                            partner[one], partner[other] = b, a
                            changed = True
            total = 0.0
            for animal in range(n_animals):
                total += costs[animal, partner[animal], row, column]
            best[row, column] = total
