"""What records say, and the watch that speaks up while a run trains."""

import math

import pytest

from ganbook.training.symptoms import Watch, read_signs, since, swings


def record(step, real=0.5, fake=-0.5, spread=0.5, loss=1.2, **others):
    accuracy = 1.0 if real - fake > 6 else 0.6
    return {
        "step": step, "discriminator_loss": loss, "generator_loss": 0.8, "d_accuracy_real": accuracy,
        "d_accuracy_fake": accuracy, "real_logit": real, "fake_logit": fake, "real_logit_std": spread,
        "fake_logit_std": spread, "discriminator_grad_norm": 1.0, "generator_grad_norm": 1.0, **others,
    }  # fmt: skip


STEPS = range(10, 610, 10)
HEALTHY = [record(s) for s in STEPS]
WON = [record(s) if s < 200 else record(s, 9.0, -9.0, loss=1e-7) for s in STEPS]
FLAT = [record(s, 0.0, 0.0, 0.001) for s in STEPS]
RESTS = [record(s) if s < 200 else record(s, 0.0, 0.0, 0.001) for s in STEPS]
GROWS = [record(s, math.exp(s / 40), 0.0, math.exp(s / 40), loss=50.0) for s in STEPS]


def alarms(records):
    watch = Watch()
    return [alarm for r in records for alarm in watch(r)]


@pytest.mark.parametrize(
    ("records", "name", "since_step"),
    [(WON, "d-has-won", 200), (FLAT, "d-is-blind", 10), (GROWS, "divergence", None)],
)
def test_the_watch_says_each_disorder_once(records, name, since_step):
    found = alarms(records)
    assert name in [alarm.name for alarm in found]
    assert len({alarm.name for alarm in found}) == len(found)
    if since_step is not None:
        assert found[0].step == since_step
        assert f"since step {since_step}" in found[0].line


@pytest.mark.parametrize("records", [HEALTHY, RESTS, HEALTHY[:10], [{"step": s} for s in STEPS]])
def test_the_watch_keeps_quiet(records):
    assert not alarms(records)


def test_signs_of_a_log_that_lacks_what_earlier_versions_lacked():
    old = [{k: v for k, v in r.items() if "logit" not in k} for r in WON]
    signs = read_signs(old)
    assert signs.won_since == 200
    assert signs.spread is None
    assert signs.accuracy == 1.0
    assert read_signs(WON).won_since == 200
    assert read_signs(FLAT).flat_since == 10
    assert read_signs(HEALTHY).flat_since is None


def test_few_records_say_nothing_unless_one_is_infinite():
    assert read_signs(HEALTHY[:7]) is None
    assert read_signs([]) is None
    assert read_signs([record(1, loss=math.nan)]).infinite_since == 1


def test_since_forgives_one_record_in_twenty_and_not_the_last():
    held = [{"step": s} for s in range(40)]
    assert since(held, lambda r: r["step"] >= 10 and r["step"] != 30) == 10
    assert since(held, lambda r: r["step"] < 39) is None
    assert since(held, lambda r: r["missing"]) is None


def test_a_sine_swings_and_noise_does_not():
    sine = [math.sin(2 * math.pi * i / 12) for i in range(120)]
    period, swing = swings(sine)
    assert period == 12
    assert swing == pytest.approx(math.sqrt(0.5), rel=0.01)
    assert swings([float(i) for i in range(60)])[0] is None
    assert swings([1.0] * 60) == (None, 0.0)


def test_the_penalty_share_is_of_the_whole_loss():
    signs = read_signs([record(s, penalty=0.9, loss=1.2) for s in STEPS])
    assert signs.penalty_share == pytest.approx(0.75)
