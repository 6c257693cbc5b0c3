"""The doctor's checks: each a function from the evidence to a verdict, in one table.

A disorder has signs that it shares with others: a D that has won leaves behind a G that has not spread. So the
checks stand in the order in which one explains the next, and each keeps quiet where an earlier one speaks.
The thresholds were set on the tuning half of the laboratory (`experiments/doctor_lab.py`).
"""

from __future__ import annotations

from ganbook.diagnostics.doctor.disorders import found
from ganbook.diagnostics.doctor.evidence import CriticSigns, Evidence, SampleSigns
from ganbook.diagnostics.doctor.measure import moved
from ganbook.diagnostics.verdict import Check, Verdict

FAIR = Verdict()
NARROW = 0.5  # of the real spread, or of the real groups: less is collapse
FAR = 0.05  # median distance to the nearest real sample, in real spreads
APART = 0.85  # the nearest neighbour tells samples from data so well
UNSURE = 0.65  # D's AUROC of real against generated samples: less is not seeing
HUGE = 50.0  # spread of the logits
FLAT = 0.02
WANDERS = 0.25  # the samples' mean moves by more, in real spreads, from one checkpoint to the next
CHANGED = 0.25  # this part of the samples has changed its group


# --------------------------------------------------------------------------------- what the checks ask


def last(e: Evidence) -> SampleSigns | None:
    """Return the raw samples of the last checkpoint."""
    return e.snapshots[-1].raw if e.snapshots else None


def poor(signs: SampleSigns) -> bool:
    """Say whether samples are clearly unlike the data: narrow, far off, or lacking groups."""
    return narrow(signs) or signs.spread > 2 or (signs.told_apart > APART and signs.off > FAR)


def narrow(signs: SampleSigns) -> bool:
    """Say whether samples are much more alike than the data, or lack many of their groups."""
    return signs.spread < NARROW or signs.groups < NARROW


def samples_missing(e: Evidence) -> str:
    """Return why there are no samples to look at."""
    return e.missing.get("samples", "there are no samples")


# --------------------------------------------------------------------------------------------- the checks


def divergence(e: Evidence) -> Verdict:
    """Nothing may grow without end."""
    if e.diverged:
        return found(
            "divergence",
            f"training stopped by itself at step {e.diverged['step']:,}: {e.diverged['what']}",
            "sure",
        )
    if e.log is not None and e.log.infinite_since is not None:
        return found(
            "divergence",
            f"from step {e.log.infinite_since:,} on the log holds numbers that are infinite or none",
            "sure",
        )
    if e.snapshots and e.snapshots[-1].raw is None:
        return found(
            "divergence", f"samples of step {e.snapshots[-1].step:,} are infinite or not numbers", "sure"
        )
    if e.log is None:
        return Verdict(not_made=e.missing["log"])
    spread, g = e.log.spread, e.log.g_gradient
    signs = last(e)
    if signs is not None and not poor(signs):
        return FAIR
    won = (
        e.log.won_since is not None and (e.log.accuracy or 0) >= 0.99
    )  # then large logits are its way of winning
    if spread is not None and spread > (20 * HUGE if won else HUGE):
        return found(
            "divergence",
            f"the logits' standard deviation is {spread:,.0f} at the end, G's gradient {g or 0:,.3g}",
        )
    if spread is None and e.log.d_loss is not None and abs(e.log.d_loss) > HUGE:
        return found("divergence", f"D's loss is {e.log.d_loss:,.0f} at the end", "possible")
    return FAIR


def d_has_won(e: Evidence) -> Verdict:
    """D must not be right about every sample, for good."""
    if divergence(e).faults:
        return FAIR
    if e.log is None and e.critic is None:
        return Verdict(not_made=e.missing["log"])
    signs = last(e)
    if signs is not None and not poor(signs):
        return FAIR
    seen, sure = [], "likely"
    if e.log is not None and e.log.won_since is not None:
        seen.append(
            f"since step {e.log.won_since:,} D has judged every sample rightly (its loss {e.log.d_loss:.2g} at the end)"
        )
        if e.log.g_gradient and e.log.g_gradient_peak:
            seen.append(f"G's gradient is {e.log.g_gradient:.2g}, at most it was {e.log.g_gradient_peak:.2g}")
    if e.critic is not None and e.critic.auc > 0.995 and e.critic.real - e.critic.fake > 4:
        seen.append(
            f"now it gives real samples logits of {e.critic.real:.1f}, generated ones {e.critic.fake:.1f}"
        )
        sure = "sure" if len(seen) > 1 else "likely"
    won = e.log is not None and e.log.won_since is not None
    return found("d-has-won", "; ".join(seen), sure) if won else FAIR


def penalty_scale(e: Evidence) -> Verdict:
    """A penalty bounds D's slope, and leaves it one."""
    strengths = {key: e.settings.get(key) or 0.0 for key in ("r1", "r2", "gradient_penalty")}
    strengths = {key: value for key, value in strengths.items() if value}
    if not strengths:
        return Verdict(
            not_made="the run has no gradient penalty" if e.settings else "its settings are not known"
        )
    if divergence(e).faults or d_has_won(e).faults:
        return FAIR
    signs, critic = last(e), e.critic
    if signs is None or critic is None:
        return Verdict(not_made=samples_missing(e))
    if not poor(signs):
        return FAIR
    words = ", ".join(f"{key}={value:g}" for key, value in strengths.items())
    spread = critic.spread if e.log is None or e.log.spread is None else min(critic.spread, e.log.spread)
    if spread < FLAT:
        return found(
            "penalty-scale", f"too strong: with {words} the logits' standard deviation is {spread:.2g}"
        )
    if "gradient_penalty" in strengths and critic.slope > 3:
        return found(
            "penalty-scale",
            f"too weak: with {words} D's slope at real samples is {critic.slope:.2g}, not near 1",
        )
    return FAIR


def d_is_blind(e: Evidence) -> Verdict:
    """D sees a difference where there is one."""
    if divergence(e).faults or d_has_won(e).faults or penalty_scale(e).faults:
        return FAIR
    signs, critic = last(e), e.critic
    if signs is None or critic is None:
        if e.log is not None and e.log.flat_since is not None:
            return found(
                "d-is-blind",
                f"since step {e.log.flat_since:,} D gives all samples the same logit",
                "possible",
            )
        return Verdict(not_made=samples_missing(e))
    if not poor(signs):
        return FAIR
    seen = f"the nearest neighbour tells {signs.told_apart:.0%} of the samples from the data; D's AUROC is {critic.auc:.2f}, its logits' standard deviation {critic.spread:.2g}"
    if sees_nothing(e, critic):
        return found("d-is-blind", seen, "sure" if critic.spread < FLAT else "likely")
    return FAIR


def sees_nothing(e: Evidence, critic: CriticSigns) -> bool:
    """Say whether D does not tell samples from data, though they differ."""
    flat = critic.spread < FLAT or (e.log is not None and e.log.spread is not None and e.log.spread < FLAT)
    if flat or e.log is None:
        return flat or critic.auc < UNSURE
    if critic.auc < 0.3 and (e.log.gap is None or e.log.gap < 0):
        return True  # it calls samples real, and has not learned otherwise
    chance = e.log.gap is not None and e.log.spread is not None and abs(e.log.gap) < 0.05 * e.log.spread
    return critic.auc < UNSURE and chance


def _explained(e: Evidence) -> bool:
    return any(check(e).faults for check in (divergence, d_has_won, penalty_scale, d_is_blind))


def wanders(e: Evidence) -> str:
    """Return how the samples have changed from one checkpoint to the next, "" if they have not much."""
    for before, after in zip(e.snapshots, e.snapshots[1:], strict=False):
        if before.raw is None or after.raw is None:
            continue
        if after.move is not None and after.move > WANDERS:
            return f"from step {before.step:,} to {after.step:,} their mean moved by {after.move:.2f} of the data's spread"
        if sum(before.raw.shares) > 0.1 and sum(after.raw.shares) > 0.1:
            changed = moved(before.raw.shares, after.raw.shares)
            if changed > CHANGED:
                return (
                    f"from step {before.step:,} to {after.step:,} {changed:.0%} of them changed their group"
                )
    return ""


def _narrow_words(signs: SampleSigns) -> str:
    return f"the samples' spread is {signs.spread:.2f} of the data's, and they meet {signs.groups:.0%} of the data's groups"


def rotating_collapse(e: Evidence) -> Verdict:
    """Samples do not jump from one narrow place to another."""
    signs = last(e)
    if signs is None:
        return Verdict(not_made=samples_missing(e))
    if len(e.snapshots) < 2:
        return Verdict(not_made="there is one checkpoint only, and it takes two to see a change")
    if _explained(e) or not narrow(signs):
        return FAIR
    how = wanders(e)
    return found("rotating-collapse", f"{_narrow_words(signs)}; {how}") if how else FAIR


def collapse(e: Evidence) -> Verdict:
    """Samples are as various as the data."""
    signs = last(e)
    if signs is None:
        return Verdict(not_made=samples_missing(e))
    if _explained(e) or rotating_collapse(e).faults or not narrow(signs):
        return FAIR
    return found("collapse", _narrow_words(signs), "sure" if signs.spread < 0.3 else "likely")


def oscillation(e: Evidence) -> Verdict:
    """Samples settle."""
    signs = last(e)
    if signs is None:
        return Verdict(not_made=samples_missing(e))
    if len(e.snapshots) < 2:
        return Verdict(not_made="there is one checkpoint only, and it takes two to see a change")
    if _explained(e) or narrow(signs):
        return FAIR
    how = wanders(e)
    if not how:
        return FAIR
    period = e.log.period if e.log is not None else None
    swing = f"; D's logits swing with a period of about {period:,.0f} steps" if period else ""
    return found(
        "oscillation", f"the samples are not narrow, but {how}{swing}", "likely" if period else "possible"
    )


def batchnorm(e: Evidence) -> Verdict:
    """What is sampled is what was trained."""
    signs = last(e)
    if signs is None:
        return Verdict(not_made=samples_missing(e))
    if e.modes is not None and (e.modes.shift > 0.5 or not 0.6 < e.modes.spread_ratio < 1.67):
        return found(
            "batchnorm",
            f"in eval mode the samples' mean is {e.modes.shift:.2f} standard deviations of the data away from that in training mode, their spread {e.modes.spread_ratio:.2f} times as large",
            "sure",
        )
    if _explained(e) or rotating_collapse(e).faults or oscillation(e).faults or collapse(e).faults:
        return FAIR
    average = e.snapshots[-1].average
    worse = average is not None and (narrow(average) or average.off > max(4 * signs.off, 2 * FAR))
    if average is not None and worse and not poor(signs):
        return found(
            "batchnorm",
            f"the raw generator's samples are fair, the average's are not: {_narrow_words(average)}",
        )
    return FAIR


def g_memorises(e: Evidence) -> Verdict:
    """Samples are not copies."""
    if e.copies is None:
        return Verdict(not_made=e.missing.get("held out", samples_missing(e)))
    signs = last(e)
    if signs is None or _explained(e) or narrow(signs):
        return FAIR
    if e.copies.share > max(e.copies.high, 0.7) and e.copies.distance_ratio < 0.75:
        return found(
            "g-memorises",
            f"share {e.copies.share:.2f} are nearer to training samples (0.5 is fair, chance ends at {e.copies.high:.2f}); mean distance to them {e.copies.distance_ratio:.2f} of that to held-out ones",
        )
    return FAIR


def d_memorises(e: Evidence) -> Verdict:
    """D takes held-out samples for real, too."""
    if e.critic is None:
        return Verdict(not_made=samples_missing(e))
    if e.critic.auc_held_out is None:
        return Verdict(not_made=e.missing.get("held out", "there are no held-out samples"))
    if _explained(e):
        return FAIR
    memory = e.critic.memory
    if e.critic.auc_held_out > 0.7 and memory is not None and memory > 0.3:
        sign = "" if e.log is None or e.log.sign_real is None else f"; r_t = {e.log.sign_real:.2f}"
        return found(
            "d-memorises",
            f"D puts a training sample above a held-out one in {e.critic.auc_held_out:.0%} of pairs (50 % is fair), and held-out ones {memory:.0%} of the way to the generated{sign}",
        )
    return FAIR


def data(e: Evidence) -> Verdict:
    """The data are such as a GAN can learn from."""
    d = e.data
    if d is None:
        return Verdict(not_made=samples_missing(e))
    seen = []
    if d.constant_channels:
        seen.append(f"{d.constant_channels} channel{'s are' if d.constant_channels > 1 else ' is'} constant")
    if d.duplicates > 0.1:
        seen.append(f"{d.duplicates:.0%} of the samples are copies of others")
    if d.classes > 1 and d.classes_met == 1:
        seen.append(f"of {d.classes} classes there is one")
    return found("data", "; ".join(seen), "sure") if seen else FAIR


def no_improvement(e: Evidence) -> Verdict:
    """Samples are like the data in the end."""
    signs = last(e)
    if signs is None:
        return Verdict(not_made=samples_missing(e))
    others = (
        divergence,
        d_has_won,
        penalty_scale,
        d_is_blind,
        rotating_collapse,
        collapse,
        oscillation,
        batchnorm,
    )
    if not poor(signs) or any(check(e).faults for check in others):
        return FAIR
    return found(
        "no-improvement",
        f"the nearest neighbour tells {signs.told_apart:.0%} of the samples from the data, and they lie {signs.off:.2f} of its spread off",
        "possible",
    )


DOCTOR_CHECKS: tuple[Check[Evidence], ...] = (
    Check("divergence", "No number grows without end.", divergence),
    Check("d-has-won", "D is not right about every sample.", d_has_won),
    Check("penalty-scale", "The penalty bounds D's slope, and leaves it one.", penalty_scale),
    Check("d-is-blind", "D sees a difference where there is one.", d_is_blind),
    Check("rotating-collapse", "Samples do not jump from one narrow place to another.", rotating_collapse),
    Check("collapse", "Samples are as various as the data.", collapse),
    Check("oscillation", "Samples settle.", oscillation),
    Check("batchnorm", "What is sampled is what was trained.", batchnorm),
    Check("g-memorises", "Samples are not copies of training samples.", g_memorises),
    Check("d-memorises", "D takes held-out samples for real, too.", d_memorises),
    Check("data", "The data are such as a GAN can learn from.", data),
    Check("no-improvement", "In the end, samples are like the data.", no_improvement),
)
