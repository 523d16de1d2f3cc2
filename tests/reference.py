"""Naive twins of the algorithms: as short as the definition, in float64, one row at a time."""

from collections import Counter
from itertools import permutations

import numpy as np


def assign(X, centers):
    """Label of the nearest centre of each row (the first of equals), and the squared distance to it."""
    X, centers = np.asarray(X, np.float64), np.asarray(centers, np.float64)
    distances = np.array([((row - centers) ** 2).sum(axis=1) for row in X])
    return distances.argmin(axis=1), distances.min(axis=1)


def lloyd(X, centers, max_iter=300):
    """Plain Lloyd to the fixed point; every cluster must keep a member."""
    X, centers = np.asarray(X, np.float64), np.array(centers, np.float64)
    labels, _ = assign(X, centers)
    for _ in range(max_iter):
        centers = np.array([X[labels == c].mean(axis=0) for c in range(len(centers))])
        previous, (labels, _) = labels, assign(X, centers)
        if np.array_equal(labels, previous):
            break
    return labels, centers


def sculley(batches, centers):
    """Mini-batch k-means as its paper prints it: a batch is assigned, then each (row, weight) pulls its centre."""
    centers = np.array(centers, np.float64)
    won = np.zeros(len(centers))
    for X, weights in batches:
        labels, _ = assign(X, centers)
        for row, weight, c in zip(np.asarray(X, np.float64), weights, labels, strict=True):
            won[c] += weight
            centers[c] += weight / won[c] * (row - centers[c])
    return centers


def centnn(X, k, epsilon=0.1, max_epochs=10_000):
    """Centroid neural network: winners gain, losers lose, one row at a time; a split when an epoch changes nothing.

    Returns labels, centres and the number of epochs.
    """
    X = np.asarray(X, np.float64)
    X = X - X.mean(axis=0)
    labels, sizes, centers, epochs = np.zeros(len(X), int), [len(X)], np.zeros((1, X.shape[1])), 0
    while len(centers) < k:
        centers = np.array([X[labels == c].mean(axis=0) for c in range(len(centers))])
        squared = ((X - centers[labels]) ** 2).sum(axis=1)
        worst = np.bincount(labels, squared).argmax()
        farthest = X[np.where(labels == worst, squared, -1).argmax()]
        centers = np.vstack([centers, centers[worst] + epsilon * (farthest - centers[worst])])
        sizes.append(0)
        changed = True
        while changed and epochs < max_epochs:
            epochs, changed = epochs + 1, False
            for i, x in enumerate(X):
                distances = ((centers - x) ** 2).sum(axis=1)
                winner, loser = distances.argmin(), labels[i]
                if distances[winner] < distances[loser] and sizes[loser] > 1:
                    centers[winner] += (x - centers[winner]) / (sizes[winner] + 1)
                    centers[loser] -= (x - centers[loser]) / (sizes[loser] - 1)
                    sizes[winner] += 1
                    sizes[loser] -= 1
                    labels[i], changed = winner, True
    return labels, np.array([X[labels == c].mean(axis=0) for c in range(len(centers))]), epochs


def k_medoids(distances, k, weights=None, covered=None):
    """Rows added by what they save, the first of equals."""
    D = np.asarray(distances, np.float64)
    weights = np.ones(D.shape[1]) if weights is None else np.asarray(weights, np.float64)
    closest = np.full(D.shape[1], 2 * D.max() + 1) if covered is None else np.asarray(covered, np.float64)
    medoids = []
    for _ in range(min(k, len(D))):
        gains = [(weights * np.maximum(closest - row, 0)).sum() for row in D]
        if max(gains) <= 0:
            break
        medoids.append(int(np.argmax(gains)))
        closest = np.minimum(closest, D[medoids[-1]])
    return medoids


def representatives(X, labels, centers, n):
    """Members by distance from their centre, nearest first, then by row."""
    X = np.asarray(X, np.float64)
    ranked = []
    for c, center in enumerate(np.asarray(centers, np.float64)):
        members = [(float(np.sqrt(((X[i] - center) ** 2).sum())), i) for i in range(len(X)) if labels[i] == c]
        ranked.append([i for _, i in sorted(members)][:n])
    return ranked


def clustering_accuracy(true, pred):
    """Share of rows matched by the best of all one-to-one matchings of clusters with classes."""
    classes, clusters = sorted(set(true.tolist())), sorted(set(pred.tolist()))
    # Partners that stand for nothing make the two lists equally long.
    classes += [None] * (len(clusters) - len(classes))
    pairs = list(zip(pred.tolist(), true.tolist(), strict=True))
    return max(
        sum(dict(zip(clusters, chosen, strict=True))[cluster] == name for cluster, name in pairs)
        for chosen in permutations(classes, len(clusters))
    ) / len(pairs)


def majority(names):
    """Most frequent one; of equally frequent ones the smallest."""
    counts = Counter(names.tolist())
    return min(counts, key=lambda name: (-counts[name], name))


def student_t_shares(X, centers, freedom=1.0):
    """Soft assignment of each row, as equation 1 of Xie et al. 2016 has it."""
    shares = []
    for row in np.asarray(X, np.float64):
        kernel = [(1 + ((row - center) ** 2).sum() / freedom) ** (-(freedom + 1) / 2) for center in centers]
        shares.append([value / sum(kernel) for value in kernel])
    return np.array(shares)


def softmax_shares(X, centers, temperature=1.0):
    """Soft assignment of each row by exp(-distance² / temperature)."""
    shares = []
    for row in np.asarray(X, np.float64):
        kernel = [np.exp(-((row - center) ** 2).sum() / temperature) for center in centers]
        shares.append([value / sum(kernel) for value in kernel])
    return np.array(shares)


def sharpened(shares):
    """Target distribution, as equation 3 of Xie et al. 2016 has it."""
    sizes = [sum(row[c] for row in shares) for c in range(len(shares[0]))]
    targets = []
    for row in shares:
        weights = [share**2 / size for share, size in zip(row, sizes, strict=True)]
        targets.append([weight / sum(weights) for weight in weights])
    return np.array(targets)
