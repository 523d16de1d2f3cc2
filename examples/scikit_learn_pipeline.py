"""CentNN and KMeans in a scikit-learn pipeline.

    python scikit_learn_pipeline.py

Both are estimators: use them in pipelines and grid searches, in place of scikit-learn's own KMeans.
"""

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline

from clustering import CentNN, KMeans


def main() -> None:
    """Cluster scikit-learn's handwritten digits, and compare the clusters with the true classes."""
    images, digits = load_digits(return_X_y=True)
    for model in (KMeans(n_clusters=10, random_state=0), CentNN(n_clusters=10, random_state=0)):
        pipeline = make_pipeline(PCA(n_components=30, random_state=0), model)
        labels = pipeline.fit_predict(images)
        score = normalized_mutual_info_score(digits, labels)
        print(f"{type(model).__name__:<8} inertia {model.inertia_:.0f}, mutual information {score:.2f}")


if __name__ == "__main__":
    main()
