"""The doctor's checks: each a function from the evidence to a verdict, in one table.

A disorder has signs that it shares with others: a D that has won leaves behind a G that has not spread. So
the checks stand in the order in which one explains the next, and each keeps quiet where an earlier one speaks
(`explained`). The thresholds (`signs.py`) were set on the tuning half of a laboratory of runs, which
`experiments/doctor_lab.py` makes.
"""

from __future__ import annotations

from collections.abc import Callable

from ganbook.diagnostics.doctor.disorders import found
from ganbook.diagnostics.doctor.evidence import Evidence
from ganbook.diagnostics.doctor.signs import (
    APART,
    COPIES,
    FLAT,
    HELD_OUT,
    HUGE,
    STEEP,
    average_worse,
    few,
    in_words,
    last,
    modes_differ,
    narrow,
    of_images,
    poor,
    restless_only,
    sees_nothing,
    wanders,
)
from ganbook.diagnostics.verdict import Check, Verdict
from ganbook.training.symptoms import USEFUL

FAIR = Verdict()


def explained(e: Evidence, *checks: Callable[[Evidence], Verdict]) -> bool:
    """Say whether one of some checks has found something, so that a later one need not."""
    return any(check(e).faults for check in checks)


def samples_missing(e: Evidence) -> Verdict:
    """Return that a check was not made, because there are no samples."""
    return Verdict(not_made=e.missing.get("samples", "there are no samples"))


def divergence(e: Evidence) -> Verdict:
    """See that no number grows without end."""
    if e.diverged:
        seen = f"training stopped by itself at step {e.diverged['step']:,}: {e.diverged['what']}"
        return found("divergence", seen, "sure")
    if e.log is not None and e.log.infinite_since is not None:
        seen = f"from step {e.log.infinite_since:,} on the log holds numbers that are infinite, or none"
        return found("divergence", seen, "sure")
    if e.snapshots and e.snapshots[-1].raw is None:
        seen = f"samples of step {e.snapshots[-1].step:,} are infinite or not numbers"
        return found("divergence", seen, "sure")
    if e.log is None:
        return Verdict(not_made=e.missing["log"])
    signs = last(e)
    if signs is not None and not poor(e, signs):
        return FAIR
    won = e.log.won_since is not None and (e.log.accuracy or 0) >= 0.99  # large logits are its way of winning
    spread, limit = e.log.spread, 20 * HUGE if won else HUGE
    if spread is not None and e.critic is not None:  # the last checkpoint's D may be further than the median
        spread = max(spread, e.critic.spread)
    if spread is not None and spread > limit:
        seen = f"the logits' standard deviation is {spread:,.0f} at the end"
        return found("divergence", seen)
    if spread is None and e.log.d_loss is not None and abs(e.log.d_loss) > HUGE:
        return found("divergence", f"D's loss is {e.log.d_loss:,.0f} at the end", "possible")
    return FAIR


def batchnorm(e: Evidence) -> Verdict:
    """See that what is sampled is what was trained."""
    signs = last(e)
    if signs is None:
        return samples_missing(e)
    if explained(e, divergence):
        return FAIR
    if modes_differ(e) and e.modes is not None:
        seen = (
            f"in eval mode the samples' mean is {e.modes.shift:.2f} standard deviations of the data away "
            f"from that in training mode, and their spread {e.modes.spread_ratio:.2f} times as large"
        )
        return found("batchnorm", seen, "sure")
    average = e.snapshots[-1].average
    if average is not None and average_worse(e, signs) and not poor(e, signs) and not wanders(e):
        seen = f"the raw generator's samples are fair, the average's are not: {in_words(average)}"
        return found("batchnorm", seen)
    return FAIR


def d_memorises(e: Evidence) -> Verdict:
    """See that D takes held-out samples for real, too."""
    if e.critic is None:
        return samples_missing(e)
    if e.critic.auc_held_out is None:
        return Verdict(not_made=e.missing.get("held out", "there are no held-out samples"))
    if explained(e, divergence, batchnorm) or e.critic.auc_held_out < HELD_OUT:
        return FAIR
    pairs = f"{e.critic.auc_held_out:.0%} of pairs"
    seen = f"D puts a training sample above a held-out one in {pairs} (50 % is fair)"
    if e.critic.memory is not None:
        seen += (
            f"; held-out ones lie {e.critic.memory:.0%} of the way from training samples to generated ones"
        )
    if e.log is not None and e.log.sign_real is not None:
        seen += f"; r_t = {e.log.sign_real:.2f}"
    return found("d-memorises", seen, "sure" if e.critic.auc_held_out > 0.9 else "likely")


def g_memorises(e: Evidence) -> Verdict:
    """See that samples are not copies of training samples."""
    if e.copies is None:
        return Verdict(not_made=e.missing.get("held out") or samples_missing(e).not_made)
    signs = last(e)
    if signs is None or explained(e, divergence, batchnorm):
        return FAIR
    if e.copies.share > max(e.copies.high, 0.7) and e.copies.distance_ratio < COPIES:
        seen = (
            f"the share of samples nearer to training data is {e.copies.share:.2f} (0.5 is fair, chance ends "
            f"at {e.copies.high:.2f}); their mean distance to it is {e.copies.distance_ratio:.2f} of that to "
            "held-out data"
        )
        return found("g-memorises", seen, "sure" if e.copies.distance_ratio < 0.5 else "likely")
    return FAIR


def d_has_won(e: Evidence) -> Verdict:
    """See that D is not right about every sample."""
    if e.log is None:
        return Verdict(not_made=e.missing["log"])
    if explained(e, divergence, batchnorm, d_memorises):
        return FAIR
    signs = last(e)
    if e.log.won_since is None or (signs is not None and not poor(e, signs)):
        return FAIR
    seen = (
        f"since step {e.log.won_since:,} D has judged every sample rightly (its loss is {e.log.d_loss:.2g})"
    )
    if e.log.g_gradient is not None and e.log.g_gradient_peak is not None:
        seen += f"; G's gradient is {e.log.g_gradient:.2g}, at most it was {e.log.g_gradient_peak:.2g}"
    if e.critic is None:
        return found("d-has-won", seen)
    seen += f"; real samples get logits of {e.critic.real:.1f}, generated ones {e.critic.fake:.1f}"
    return found("d-has-won", seen, "sure" if e.critic.auc > 0.995 else "likely")


def penalty_scale(e: Evidence) -> Verdict:
    """See that the penalty bounds D's slope, and leaves it one."""
    strengths = {key: e.settings.get(key) or 0.0 for key in ("r1", "r2", "gradient_penalty")}
    words = ", ".join(f"{key}={value:g}" for key, value in strengths.items() if value)
    if not words:
        return Verdict(
            not_made="the run has no gradient penalty" if e.settings else "its settings are not known"
        )
    signs, critic = last(e), e.critic
    if signs is None or critic is None:
        return samples_missing(e)
    if explained(e, divergence, batchnorm, d_memorises, d_has_won) or not poor(e, signs):
        return FAIR
    spread = critic.spread if e.log is None or e.log.spread is None else min(critic.spread, e.log.spread)
    if spread < FLAT:
        return found(
            "penalty-scale", f"too strong: with {words} the logits' standard deviation is {spread:.2g}"
        )
    if strengths["gradient_penalty"] and critic.slope > STEEP:
        seen = f"too weak: with {words} D's slope at real samples is {critic.slope:.2g}, and not near 1"
        return found("penalty-scale", seen)
    return FAIR


def d_is_blind(e: Evidence) -> Verdict:
    """See that D sees a difference where there is one."""
    if explained(e, divergence, batchnorm, d_memorises, d_has_won, penalty_scale):
        return FAIR
    signs, critic = last(e), e.critic
    if signs is None or critic is None:
        useful = e.log is None or (e.log.spread_peak or 0.0) > USEFUL
        if e.log is not None and e.log.flat_since is not None and not useful:
            seen = f"since step {e.log.flat_since:,} D has given all samples the same logit"
            return found("d-is-blind", seen, "possible")
        return samples_missing(e)
    if not poor(e, signs) or not sees_nothing(e, critic):
        return FAIR
    seen = (
        f"the nearest neighbour tells {signs.told_apart:.0%} of the samples from the data; D's AUROC is "
        f"{critic.auc:.2f}, the standard deviation of its logits {critic.spread:.2g}"
    )
    return found("d-is-blind", seen, "sure" if critic.spread < FLAT else "likely")


CAUSES = (divergence, batchnorm, d_memorises, d_has_won, penalty_scale, d_is_blind)


def rotating_collapse(e: Evidence) -> Verdict:
    """See that samples do not jump from one narrow place to another."""
    if last(e) is None:
        return samples_missing(e)
    if len(e.snapshots) < 2:
        return Verdict(not_made="there is one checkpoint only, and it takes two to see a change")
    signs, how = last(e), wanders(e)
    if signs is None or not how or not few(e) or restless_only(e) or explained(e, *CAUSES):
        return FAIR
    return found("rotating-collapse", f"{in_words(signs)}; {how}")


def oscillation(e: Evidence) -> Verdict:
    """See that samples settle."""
    signs = last(e)
    if signs is None:
        return samples_missing(e)
    if len(e.snapshots) < 2:
        return Verdict(not_made="there is one checkpoint only, and it takes two to see a change")
    how = wanders(e)
    if not how or restless_only(e) or explained(e, *CAUSES, rotating_collapse):
        return FAIR
    apart = any(s.raw is not None and s.raw.told_apart > APART for s in e.snapshots)
    if not apart and not average_worse(e, signs):
        return FAIR
    period = e.log.period if e.log is not None else None
    swing = f"; D's logits swing with a period of about {period:,.0f} steps" if period else ""
    seen = f"the samples are not narrow, but {how}{swing}"
    return found("oscillation", seen, "likely" if period else "possible")


def collapse(e: Evidence) -> Verdict:
    """See that samples are as various as the data."""
    signs = last(e)
    if signs is None:
        return samples_missing(e)
    if not narrow(signs) or restless_only(e) or explained(e, *CAUSES, rotating_collapse, oscillation):
        return FAIR
    return found("collapse", in_words(signs), "sure" if signs.spread < 0.3 else "likely")


def data(e: Evidence) -> Verdict:
    """See that the data are such as a GAN can learn from."""
    d = e.data
    if d is None:
        return samples_missing(e)
    seen = []
    if d.constant_channels:
        seen.append(f"{d.constant_channels} channel{'s are' if d.constant_channels > 1 else ' is'} constant")
    if d.duplicates > 0.1:
        seen.append(f"{d.duplicates:.0%} of the samples are copies of others")
    if d.classes > 1 and d.classes_met == 1:
        seen.append(f"of {d.classes} classes there is one")
    if of_images(e) and d.high - d.low < 0.2:
        seen.append(f"the values lie between {d.low:.2f} and {d.high:.2f} only")
    return found("data", "; ".join(seen), "sure") if seen else FAIR


def no_improvement(e: Evidence) -> Verdict:
    """See that samples are like the data in the end."""
    signs = last(e)
    if signs is None:
        return samples_missing(e)
    if (
        not poor(e, signs)
        or restless_only(e)
        or explained(e, *CAUSES, g_memorises, rotating_collapse, oscillation, collapse)
    ):
        return FAIR
    seen = (
        f"the nearest neighbour tells {signs.told_apart:.0%} of the samples from the data; their distance to "
        f"it is {signs.distance:.1f} times that between real samples"
    )
    return found("no-improvement", seen, "possible")


DOCTOR_CHECKS: tuple[Check[Evidence], ...] = (
    Check("divergence", "No number grows without end.", divergence),
    Check("batchnorm", "What is sampled is what was trained.", batchnorm),
    Check("g-memorises", "Samples are not copies of training samples.", g_memorises),
    Check("d-memorises", "D takes held-out samples for real, too.", d_memorises),
    Check("d-has-won", "D is not right about every sample.", d_has_won),
    Check("penalty-scale", "The penalty bounds D's slope, and leaves it one.", penalty_scale),
    Check("d-is-blind", "D sees a difference where there is one.", d_is_blind),
    Check("rotating-collapse", "Samples do not jump from one narrow place to another.", rotating_collapse),
    Check("oscillation", "Samples settle.", oscillation),
    Check("collapse", "Samples are as various as the data.", collapse),
    Check("data", "The data are such as a GAN can learn from.", data),
    Check("no-improvement", "In the end, samples are like the data.", no_improvement),
)
