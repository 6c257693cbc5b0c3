"""The checks of the losses: where they want D's outputs to go.

D's own output is replaced by numbers (`Probes`), the same ones for real and generated samples: then dL/dD(x)
shows where a loss wants each kind to go, whatever its form, and whatever D says at this moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ganbook.diagnostics.checks.gradients import one_loss
from ganbook.diagnostics.evidence import Evidence, Probes
from ganbook.diagnostics.trace import DISCRIMINATOR, FAKE, GENERATOR, REAL, UNCLEAR, Backward
from ganbook.diagnostics.verdict import Verdict, error, note, warning

CLEAR = 0.05  # a difference counts from this share of all pulls on


@dataclass(frozen=True)
class Pulls:
    """The slopes dL/dD(x), summed over the samples of a kind; descent goes against the sign.

    Two numbers each: where D says a low number to all samples, and where it says a high one.
    """

    d_real: tuple[float, float]
    d_fake: tuple[float, float]
    g_fake: tuple[float, float]
    d_rows: dict[int, int]  # D's outputs by kind that D's loss has looked at

    @property
    def d_size(self) -> float:
        """How hard D's loss pulls."""
        return sum(abs(pull) for pull in (*self.d_real, *self.d_fake))

    @property
    def apart(self) -> float:
        """How D's loss pulls real and generated samples apart: negative where it raises D on real ones."""
        return sum(real - fake for real, fake in zip(self.d_real, self.d_fake, strict=True))

    @property
    def opposed(self) -> bool:
        """Whether G's and D's losses pull D(G(z)) apart at one value at least."""
        return any(g * d < 0 for g, d in zip(self.g_fake, self.d_fake, strict=True))

    @property
    def missing_kind(self) -> int | None:
        """The kind of samples that D's loss does not pull on."""
        for kind, pull in ((REAL, self.d_real), (FAKE, self.d_fake)):
            if not self.d_rows[kind] or not any(pull):
                return kind
        return None

    @property
    def same_way(self) -> bool:
        """Whether D's loss pulls real and generated samples the same way."""
        return abs(self.apart) < CLEAR * self.d_size

    def __str__(self) -> str:
        return (
            f"dL/dD(x), summed, where D says the same to all: {self.d_real[0]:+.2g} on real and "
            f"{self.d_fake[0]:+.2g} on generated samples (descent goes against the sign)"
        )


def _sum(backwards: Iterable[Backward], kind: int) -> float:
    return sum(b.pull[kind] for b in backwards)


def _pulls(probes: Probes) -> Pulls:
    d_low, d_high = (trace.own_backwards(DISCRIMINATOR) for trace in (probes.low, probes.high))
    g_low, g_high = (trace.own_backwards(GENERATOR) for trace in (probes.low, probes.high))
    return Pulls(
        d_real=(_sum(d_low, REAL), _sum(d_high, REAL)),
        d_fake=(_sum(d_low, FAKE), _sum(d_high, FAKE)),
        g_fake=(_sum(g_low, FAKE), _sum(g_high, FAKE)),
        d_rows={kind: sum(b.rows[kind] for b in d_low) for kind in (REAL, FAKE, UNCLEAR)},
    )


# -------------------------------------------------------------------------- D's goal


def _pulls_of_d(evidence: Evidence) -> Pulls | Verdict:
    """Return where D's loss pulls, or why that was not seen."""
    if evidence.probes is None or DISCRIMINATOR not in evidence.case.expected:
        return Verdict(not_made=evidence.why_no_steps or evidence.why_nothing_seen)
    pulls = _pulls(evidence.probes)
    rows = pulls.d_rows
    if not sum(rows.values()) or (rows[UNCLEAR] and not (rows[REAL] and rows[FAKE])):
        return Verdict(not_made="it could not be seen which of D's outputs are for real samples")
    return pulls


def both_terms(evidence: Evidence) -> Verdict:
    """Look whether D's loss pulls on real and on generated samples."""
    pulls = _pulls_of_d(evidence)
    if isinstance(pulls, Verdict):
        return pulls
    if pulls.missing_kind is None:
        return Verdict()
    samples, output = ("real", "D(x)") if pulls.missing_kind == REAL else ("generated", "D(G(z))")
    message = (
        f"D's loss has no term for {samples} samples, so D learns one answer for everything. It "
        "needs both: -log D(x) - log(1 - D(G(z))), or their like."
    )
    return Verdict([error(message, f"no gradient reaches {output}; {pulls}")])


def min_and_max(evidence: Evidence) -> Verdict:
    """Look whether D's loss is concave: it falls ever faster, the surer D is."""
    pulls = _pulls_of_d(evidence)
    if isinstance(pulls, Verdict):
        return pulls
    if pulls.missing_kind is not None or pulls.same_way:
        return Verdict()  # another check's
    margin = CLEAR * pulls.d_size
    if not all(high < low - margin for low, high in (pulls.d_real, pulls.d_fake)):
        return Verdict()
    message = (
        "Minimum and maximum are exchanged: D descends V instead of ascending it. Its loss has no "
        "lower bound, and the surer D is, the harder it pulls. D's loss is -V, which is binary "
        "cross-entropy with 1 for real and 0 for generated samples."
    )
    observation = (
        f"dL/dD falls where D's output rises (from {pulls.d_real[0]:+.2g} to {pulls.d_real[1]:+.2g} on real "
        "samples): the loss is concave"
    )
    return Verdict([error(message, observation)])


def labels(evidence: Evidence) -> Verdict:
    """Look which way D's loss pulls each kind of samples."""
    pulls = _pulls_of_d(evidence)
    if isinstance(pulls, Verdict):
        return pulls
    if both_terms(evidence).faults or min_and_max(evidence).faults:
        return Verdict()  # which explain any pull
    if pulls.same_way:
        message = (
            "D's loss pulls real and generated samples the same way: they have the same label, and "
            "there is nothing to tell apart. Real samples get 1, generated ones 0."
        )
        return Verdict([error(message, str(pulls))])
    if pulls.apart < 0:  # descent raises D on real samples
        return Verdict()
    if any(pull < 0 for pull in pulls.g_fake) and not pulls.opposed:
        message = (
            "Real and generated are exchanged in D's loss: D learns to call fakes real, and G, who "
            "raises D(G(z)), is helped by it. Give real samples 1 and generated ones 0; where both "
            "are concatenated, the labels must come in the same order."
        )
        return Verdict([error(message, str(pulls))])
    if GENERATOR not in evidence.case.expected:
        message = (
            "D's loss lowers D on real samples and raises it on generated ones. With 1 for real, as "
            "usual, the labels are exchanged."
        )
        return Verdict([error(message, str(pulls))])
    message = (
        "Here D says how likely a sample is generated: 1 for fakes, 0 for real. G's loss fits "
        "that, so the game is right; only read D's outputs the other way round."
    )
    return Verdict([note(message, str(pulls))])


# -------------------------------------------------------------------------- G's goal


def _pulls_of_g(evidence: Evidence) -> Pulls | Verdict:
    """Return where G's loss pulls, or why that was not seen."""
    if evidence.probes is None:
        return Verdict(not_made=evidence.why_no_steps or evidence.why_nothing_seen)
    backwards = evidence.probes.low.own_backwards(GENERATOR)
    if GENERATOR not in evidence.case.expected or not any(b.rows[FAKE] for b in backwards):
        return Verdict(not_made="G's loss was not seen to look at D(G(z))")
    return _pulls(evidence.probes)


def _is_against(evidence: Evidence, pulls: Pulls) -> bool:
    """Say whether G's loss pulls against D's; or up, where D's does not pull on D(G(z))."""
    if DISCRIMINATOR in evidence.case.expected and any(pulls.d_fake):
        return pulls.opposed
    return any(pull < 0 for pull in pulls.g_fake)


def generators_goal(evidence: Evidence) -> Verdict:
    """Look whether G's loss pulls D(G(z)) against D's loss."""
    pulls = _pulls_of_g(evidence)
    if isinstance(pulls, Verdict):
        return pulls
    if not any(pulls.g_fake):
        return Verdict(not_made="G's loss does not pull on D(G(z))")
    explained = any(check(evidence).faults for check in (labels, min_and_max, one_loss))
    if _is_against(evidence, pulls) or explained:
        return Verdict()
    message = (
        "G's loss pulls D(G(z)) the same way as D's loss does: G learns to be recognised. In G's "
        "turn fakes get the label of real samples: G minimises -log D(G(z))."
    )
    d_low, d_high = pulls.d_fake
    return Verdict([error(message, f"{_in_words(pulls)}; in D's turn {d_low:+.2g} and {d_high:+.2g}")])


def saturation(evidence: Evidence) -> Verdict:
    """Look whether G's loss pulls least where D is sure that a sample is generated."""
    pulls = _pulls_of_g(evidence)
    if isinstance(pulls, Verdict):
        return pulls
    sure, unsure = reversed(pulls.g_fake) if _real_goes_down(evidence) else pulls.g_fake
    margin = CLEAR * sum(abs(pull) for pull in pulls.g_fake)
    if not (_is_against(evidence, pulls) and abs(unsure) > abs(sure) + margin):
        return Verdict()
    message = (
        "G's loss saturates: its gradient is weakest where D is surest that a sample is fake, as "
        "it is early in training. -log D(G(z)) (the non-saturating loss) has the same goal and "
        "pulls hardest there."
    )
    return Verdict([note(message, _in_words(pulls))])


def _real_goes_down(evidence: Evidence) -> bool:
    """Say whether D's loss is seen to lower D on real samples: then a high output says "generated"."""
    pulls = _pulls_of_d(evidence)
    if isinstance(pulls, Verdict) or pulls.missing_kind is not None or pulls.same_way:
        return False
    return not pulls.apart < 0


def _in_words(pulls: Pulls) -> str:
    return f"dL_G/dD(G(z)), summed: {pulls.g_fake[0]:+.2g} and {pulls.g_fake[1]:+.2g}"


def idle_term(evidence: Evidence) -> Verdict:
    """Look whether G's loss has a term of D(x) that gives G no gradient."""
    pulls = _pulls_of_g(evidence)
    if isinstance(pulls, Verdict):
        return pulls
    probes = evidence.probes
    assert probes is not None
    low, high, unequal = (t.own_backwards(GENERATOR) for t in (probes.low, probes.high, probes.unequal))
    if not any(b.rows[REAL] for b in low) or not (_sum(low, REAL) or _sum(high, REAL)):
        return Verdict()
    alone, with_other = _sum(high, FAKE), _sum(unequal, FAKE)
    if not abs(alone - with_other) <= 1e-4 * max(abs(alone), 1e-12):
        return Verdict()
    message = (
        "G's loss has a term of D(x), real samples, that changes nothing for G: it has no "
        "gradient with respect to G, and costs a pass through D. Leave it out. (A "
        "relativistic loss does need D(x): there both outputs stand in one term.)"
    )
    return Verdict([warning(message, "other values of D(x) leave the gradient on D(G(z)) as it was")])
