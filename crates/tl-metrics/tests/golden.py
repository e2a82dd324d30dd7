"""Prints the numbers of it/golden.rs: scikit-learn's (1.9), and expected calibration error from numpy.

pip install scikit-learn==1.9.*; python golden.py
"""
import numpy as np
from sklearn import metrics

K, N = 4, 60


def data():
    """Labels and softmax rows by a formula that Rust computes alike; class 3 is never predicted."""
    labels = np.array([(i * i + i // 7) % K for i in range(N)])
    logits = np.array([[((i * 37 + c * 101 + i * c * 13) % 64) / 16 + (2.5 if c == labels[i] else 0) - (9 if c == 3 else 0)
                        for c in range(K)] for i in range(N)])
    p = np.exp(logits)
    return labels, (p / p.sum(1, keepdims=True)).astype(np.float32)


def ece(labels, p, bins=15):
    confidence, right = p.max(1).astype(np.float64), p.argmax(1) == labels
    total = 0.0
    for lo in range(bins):
        inside = (confidence > lo / bins) & (confidence <= (lo + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


labels, p = data()
predicted = p.argmax(1)
names = range(K)
print("confusion", metrics.confusion_matrix(labels, predicted, labels=names).tolist())
print("accuracy", metrics.accuracy_score(labels, predicted))
print("log_loss", metrics.log_loss(labels, p, labels=names))
for k in (2, 3):
    print("top", k, metrics.top_k_accuracy_score(labels, p, k=k, labels=names))
for average in (None, "macro", "weighted"):
    values = metrics.precision_recall_fscore_support(labels, predicted, labels=names, average=average, zero_division=0)
    print(average, [np.asarray(v).tolist() for v in values if v is not None])
print("ece", ece(labels, p))
sure = np.array([[1, 0], [1, 0]], np.float32)
print("certain and wrong", metrics.log_loss([0, 1], sure, labels=[0, 1]))

# ---- Several classes per row; class 3 is never there, and there are many ties.
truth = np.array([[c < 3 and (i * (c + 2) + i // 5) % 3 == 0 for c in range(K)] for i in range(N)])
p = np.array([[((i * 37 + c * 101 + i * c * 13) % 16) / 32 + (0.34375 if truth[i, c] else 0.125) for c in range(K)]
              for i in range(N)], np.float32)
called = p >= 0.5
print("exact", (called == truth).all(1).mean(), "labels", 1 - metrics.hamming_loss(truth, called))
print("log_loss", np.mean([metrics.log_loss(truth[:, c], p[:, c], labels=[False, True]) for c in range(K)]))
ap = [metrics.average_precision_score(truth[:, c], p[:, c]) for c in range(3)]
print("average precision", ap, "mean", np.mean(ap))
for average in (None, "micro", "macro"):
    values = metrics.precision_recall_fscore_support(truth, called, average=average, zero_division=0)
    print(average, [np.asarray(v).tolist() for v in values if v is not None])
called = p >= 0.375
values = metrics.precision_recall_fscore_support(truth, called, average="micro", zero_division=0)
print("from 0.375 on: exact", (called == truth).all(1).mean(), "labels", 1 - metrics.hamming_loss(truth, called),
      "micro", values[:3])
