"""Kernel that makes the tree of a canonical code."""

import numpy as np
from numpy.typing import NDArray

from clustering import compiled

COMPLETE, INCOMPLETE, TOO_MANY = 0, 1, 2


@compiled()
def fill_tree(lengths: NDArray, children: NDArray, nodes: NDArray, bits: NDArray) -> int:
    """Fill in a tree, its nodes numbered as the leaves' paths first meet them; return what is wrong with the lengths.

    IN: lengths (n_codewords,) int64, two or more, growing. INOUT: children (n_codewords - 1, 2), nodes, bits
    (n_codewords, longest), int32, zeros.
    """
    n_codewords = lengths.shape[0]
    # Nodes on the way to the last leaf, and what was decided at each.
    way, decided = np.zeros(nodes.shape[1], np.int32), np.zeros(nodes.shape[1], np.int32)
    depth, n_nodes = 0, 1
    for j in range(n_codewords):
        # Back to the last place where a 0 was decided, and there a 1.
        if j > 0:
            while depth > 0 and decided[depth - 1] == 1:
                depth -= 1
            if depth == 0:
                return TOO_MANY
            decided[depth - 1] = 1
        while depth < lengths[j]:
            if depth > 0:
                if n_nodes >= n_codewords - 1:
                    return INCOMPLETE
                children[way[depth - 1], decided[depth - 1]] = n_nodes
                way[depth] = n_nodes
                n_nodes += 1
            decided[depth] = 0
            depth += 1
        if depth == 0 or depth != lengths[j]:
            return TOO_MANY
        children[way[depth - 1], decided[depth - 1]] = -1 - j
        for d in range(depth):
            nodes[j, d], bits[j, d] = way[d], decided[d]
    for d in range(depth):
        if decided[d] == 0:
            return INCOMPLETE
    return COMPLETE
