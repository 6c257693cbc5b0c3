"""Answers to the exercises on evaluation that are not in their files, right ones and wrong ones."""

import pytest
import torch

from ganbook import exercises
from ganbook.exercises.grading.trial import Trial, grade
from ganbook.exercises.grading.values import close

BY_NAME = {name: exercises.get(name) for name in exercises.names("evaluation")}


def answer_of(name, source):
    namespace = {"__name__": "answer"}
    exec(source, namespace)
    return namespace[BY_NAME[name].answer]


RIGHT = {
    "fid: covariances by hand, root by eigenvectors of the product": """
import numpy as np
def fid(x, y):
    x, y = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    cov = lambda a: (a - a.mean(0)).T @ (a - a.mean(0)) / (len(a) - 1)
    w = np.linalg.eigvals(cov(x) @ cov(y))
    root = np.sqrt(w.astype(complex)).real.sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov(x)) + np.trace(cov(y)) - 2 * root)
""",
    "fid: in float32": """
import torch
def fid(x, y):
    w = torch.linalg.eigvals(x.T.cov() @ y.T.cov()).real.clamp(min=0)
    return (x.mean(0) - y.mean(0)).norm() ** 2 + (x.T.cov() + y.T.cov()).trace() - 2 * w.sqrt().sum()
""",
    "fid: the sum of the singular values": """
import torch
def fid(x, y):
    def root(c):
        w, v = torch.linalg.eigh(c)
        return v * w.clamp(min=0).sqrt()
    a, b = torch.cov(x.double().T), torch.cov(y.double().T)
    nuclear = torch.linalg.matrix_norm(root(a).T @ root(b), "nuc")
    return (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * nuclear
""",
    "kid: fill_diagonal_ and masked pairs": """
def kid(x, y):
    def k(a, b):
        return (a.mm(b.t()) / a.size(1) + 1).pow(3)
    def off(a):
        return k(a, a).fill_diagonal_(0).sum() / len(a) / (len(a) - 1)
    return (off(x) + off(y) - k(x, y).mul(2).mean()).item()
""",
    "kid: einsum in NumPy": """
import numpy as np
def kid(x, y):
    x, y = np.asarray(x), np.asarray(y)
    k = lambda a, b: (np.einsum("id,jd->ij", a, b) / a.shape[1] + 1) ** 3
    off = lambda a: k(a, a)[~np.eye(len(a), dtype=bool)].mean()
    return off(x) + off(y) - 2 * k(x, y).mean()
""",
    "inception-score: torch's kl_div": """
import torch
def inception_score(p_yx):
    log_p_y = p_yx.mean(0, keepdim=True).clamp(min=1e-12).log().expand_as(p_yx)
    return torch.nn.functional.kl_div(log_p_y, p_yx, reduction="batchmean").exp()
""",
    "inception-score: a tiny number inside the logarithm": """
def inception_score(p_yx):
    p_y = p_yx.mean(0)
    return (p_yx * ((p_yx + 1e-16).log() - (p_y + 1e-16).log())).sum(1).mean().exp().item()
""",
    "precision-recall: scikit-learn": """
import numpy as np
from sklearn.neighbors import NearestNeighbors
def precision_recall(real, fake, k):
    real, fake = np.asarray(real, dtype=float), np.asarray(fake, dtype=float)
    def share(points, centres):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(centres).kneighbors(centres)[0][:, -1]
        d = np.sqrt(((points[:, None] - centres) ** 2).sum(-1))
        return np.mean((d <= radii).any(1))
    return np.array([share(fake, real), share(real, fake)])
""",
    "precision-recall: topk, and a dictionary's values": """
import torch
def precision_recall(real, fake, k):
    def radii(a):
        d = torch.cdist(a, a)
        d.fill_diagonal_(float("inf"))
        return d.topk(k, largest=False).values[:, -1]
    d = torch.cdist(real, fake)
    found = {"precision": (d <= radii(real)[:, None]).any(0).float().mean().item(),
             "recall": (d <= radii(fake)).any(1).float().mean().item()}
    return tuple(found.values())
""",
    "modes-hit: squared distances, numpy's unique": """
import numpy as np
def mode_coverage(points, modes, sigma):
    d2 = ((np.asarray(points)[:, None] - np.asarray(modes)) ** 2).sum(-1)
    good = d2.min(1) < (3 * sigma) ** 2
    return [np.unique(d2.argmin(1)[good]).size, good.sum() / good.size]
""",
    "reverse-kl-of-modes: torch's xlogy": """
import torch
def reverse_kl(counts, p):
    q = counts / counts.sum()
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum()
""",
    "nearer-to-training: sign of the difference": """
import torch
def nearer_to_training(fake, train, held_out):
    a = torch.cdist(fake, train).amin(1)
    b = torch.cdist(fake, held_out).amin(1)
    return 0.5 + 0.5 * torch.sign(b - a).mean()
""",
    "enough-right-answers: counted down": """
def enough_right(n):
    k = n
    while k - 1 - n / 2 > 1.96 * n ** 0.5 / 2:
        k -= 1
    return k
""",
    "fid-infinity: normal equations": """
import numpy as np
def fid_infinity(sizes, fids):
    A = np.stack([np.ones(len(sizes)), 1 / np.asarray(sizes, dtype=float)], axis=1)
    return np.linalg.solve(A.T @ A, A.T @ np.asarray(fids, dtype=float))[0]
""",
    "bootstrap-interval: one matrix of row numbers": """
import torch
def bootstrap_interval(score, x, num):
    estimate = score(x)
    draws = x[torch.randint(0, len(x), (num, len(x)))]
    values = torch.tensor([score(rows) for rows in draws])
    return torch.quantile(values, torch.tensor([0.025, 0.975], dtype=values.dtype))
""",
    "repair-samples: one image at a time": """
import torch
def generated_images(G, G_ema, test_images, num, latent_dim):
    before = G_ema.training
    G_ema.eval()
    images = []
    with torch.no_grad():
        for _ in range(num):
            y = G_ema(torch.randn(1, latent_dim))[0]
            images.append((255 * (y + 1) / 2).round().byte())
    G_ema.train(before)
    return torch.stack(images)
""",
    "repair-samples: on a deep copy": """
import copy, torch
def generated_images(G, G_ema, test_images, num, latent_dim):
    net = copy.deepcopy(G_ema).eval()
    net.calls, net.outputs = G_ema.calls, G_ema.outputs
    z = torch.normal(0.0, 1.0, size=(num, latent_dim))
    return net(z).detach().mul(127.5).add(127.5).round().clamp(0, 255).to(torch.uint8)
""",
    "repair-evaluation: NumPy features": """
import numpy as np
from ganbook import metrics
def evaluate(judge, train_batches, test_batches, fake_batches):
    real = np.concatenate([judge(b).numpy() for b in test_batches])
    fake = np.concatenate([judge(b).numpy() for b in fake_batches])
    return metrics.frechet_distance(fake, real)
""",
}

WRONG = {  # and words of what must be said
    "fid: the root of each covariance's entries": (
        """
import numpy as np
def fid(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    a, b = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(np.abs(a * b))
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)
""",
        "Only the variances are compared",
    ),
    "fid: complex": (
        """
import numpy as np
def fid(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    w = np.linalg.eigvals(np.cov(x.T) @ np.cov(y.T)).astype(complex)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(np.cov(x.T) + np.cov(y.T)) - 2 * np.sqrt(w).sum()
""",
        "number",
    ),
    "kid: a random half of the pairs": (
        """
def kid(x, y):
    d = x.shape[1]
    k = lambda a, b: (a @ b.T / d + 1) ** 3
    return k(x, x).triu(1).mean() + k(y, y).triu(1).mean() - 2 * k(x, y).mean()
""",
        "wrong for this case",
    ),
    "inception-score: softmax taken again": (
        """
import torch
def inception_score(p_yx):
    p = p_yx.softmax(1)
    return (p * (p.log() - p.mean(0).log())).sum(1).mean().exp()
""",
        "wrong",
    ),
    "precision-recall: only precision": (
        """
import torch
def precision_recall(real, fake, k):
    r = torch.cdist(real, real).kthvalue(k + 1).values
    return (torch.cdist(fake, real) <= r).any(1).double().mean()
""",
        "shape",
    ),
    "nearer-to-training: neighbours in the wrong set": (
        """
import torch
def nearer_to_training(fake, train, held_out):
    a, b = torch.cdist(fake, train), torch.cdist(fake, held_out)
    return (a.max(1).values < b.max(1).values).double().mean()
""",
        "",
    ),
    "repair-samples: eval for ever": (
        """
import torch, ganbook as gb
def generated_images(G, G_ema, test_images, num, latent_dim):
    G.eval(); G_ema.eval()
    with torch.no_grad():
        return gb.data.to_uint8(G_ema(torch.randn(num, latent_dim)))
""",
        "another mode",
    ),
    "repair-samples: one latent for all": (
        """
import torch, ganbook as gb
def generated_images(G, G_ema, test_images, num, latent_dim):
    mode = G_ema.training
    G_ema.eval()
    with torch.no_grad():
        images = gb.data.to_uint8(G_ema(torch.randn(1, latent_dim).repeat(num, 1)))
    G_ema.train(mode)
    return images
""",
        "more than once",
    ),
    "repair-evaluation: both sets scaled": (
        """
import torch
from ganbook import metrics
def evaluate(judge, train_batches, test_batches, fake_batches):
    real = judge(torch.cat(test_batches) / 255)
    return metrics.frechet_distance(real, judge(torch.cat(fake_batches) / 255))
""",
        "their values were changed",
    ),
    "bootstrap-interval: half of the draws": (
        """
import torch
def bootstrap_interval(score, x, num):
    v = torch.tensor([score(x[torch.randint(len(x), (len(x),))]) for _ in range(num // 2)])
    return v.quantile(0.025), v.quantile(0.975)
""",
        "where num are asked for",
    ),
    "bootstrap-interval: each column by itself": (
        """
import torch
def bootstrap_interval(score, x, num):
    N = len(x)
    v = []
    for _ in range(num):
        v.append(score(torch.stack([x[torch.randint(N, (N,)), j] for j in range(x.shape[1])], dim=1)))
    v = torch.tensor(v)
    return v.quantile(0.025), v.quantile(0.975)
""",
        "not rows of x",
    ),
    "modes-hit: sorted by nothing": (
        """
import torch
def mode_coverage(points, modes, sigma):
    d = torch.cdist(points, modes)
    return (d.min(0).values < 3 * sigma).sum(), (d < 3 * sigma).double().mean()
""",
        "",
    ),
}


@pytest.mark.parametrize("what", RIGHT)
def test_right_answers_in_other_styles(what):
    name = what.split(":")[0]
    result = grade(BY_NAME[name], answer_of(name, RIGHT[what]))
    assert result, result


@pytest.mark.parametrize("what", WRONG)
def test_other_wrong_answers(what):
    name = what.split(":")[0]
    source, words = WRONG[what]
    result = grade(BY_NAME[name], answer_of(name, source))
    assert result.state == "wrong"
    assert words in result.message


@pytest.mark.parametrize("name", [name for name, e in BY_NAME.items() if e.kind in ("compute", "code")])
def test_no_misconception_is_taken_for_another(name, monkeypatch):
    """Where a misconception's value first differs from the right one, its own message comes first."""
    calls = []

    def differs(self, got, want, *, case, known, rtol=1e-4, atol=1e-6, otherwise):
        calls.append((want, known, rtol, atol))

    monkeypatch.setattr(Trial, "differs", differs)
    exercise = BY_NAME[name]
    assert grade(exercise, answer_of(name, exercise.solutions[0]))
    for message in dict.fromkeys(message for _, known, *_ in calls for message in known):
        for want, known, rtol, atol in calls:
            if message in known and not close(known[message], want, rtol, atol):
                value = known[message]
                assert torch.isfinite(torch.as_tensor(value)).all(), message
                said = next(m for m, other in known.items() if close(value, other, rtol, atol))
                assert said == message
                break
        else:
            pytest.fail(f"no case tells it from a right answer: {message}")
