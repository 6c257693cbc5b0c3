"""What can be seen of a portrait, in words: the choices, and how it smiles and how old it is."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbook.data.portraits.factors import NAMES, Factors

UNSEEN = ("nose", "glasses_color", "earring_color", "hat_color")  # too small, or nobody's where there is none
STEPS: dict[
    str, tuple[tuple[str, ...], tuple[float, ...]]
] = {  # of a number: the names of its parts, and their limits
    "smile": (("frown", "neutral", "smile"), (-0.28, 0.28)),
    "age": (("child", "adult", "old"), (0.25, 0.75)),
}
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **{name: values for name, values in NAMES.items() if name not in UNSEEN},
    **{name: values for name, (values, _) in STEPS.items()},
}


def attributes(factors: Factors) -> Tensor:
    """Return what can be seen of portraits.

    Parameters
    ----------
    factors : Factors
        Of N portraits.

    Returns
    -------
    Tensor
        uint8, shape (N, A): of each of the A names in `ATTRIBUTES`, the index of its value.

    Examples
    --------
    >>> from ganbook.data.portraits import sample_factors
    >>> people = sample_factors(2, seed=0).replace(hat="cap")
    >>> hat = list(ATTRIBUTES).index("hat")
    >>> [ATTRIBUTES["hat"][value] for value in attributes(people)[:, hat]]
    ['cap', 'cap']
    """
    columns = []
    for name in ATTRIBUTES:
        values = getattr(factors, name)
        if name in STEPS:
            values = torch.bucketize(values, torch.tensor(STEPS[name][1], dtype=values.dtype), right=True)
        columns.append(values.to(torch.uint8))
    return torch.stack(columns, 1)
