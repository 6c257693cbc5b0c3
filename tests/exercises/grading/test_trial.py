"""Whatever an answer does, its author gets a clear result."""

import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from ganbook.exercises.grading import trial
from ganbook.exercises.grading.result import Failure
from ganbook.exercises.grading.trial import Trial, grade


class TestTheAnswerIsRunSafely:
    @pytest.mark.parametrize(
        "answer",
        [
            torch.exp,
            lambda x: x.exp().float(),
            lambda x: np.exp(x.astype(float)),
            lambda x: [float(np.exp(float(a))) for a in x],
            lambda x: tuple(torch.exp(a) for a in x),
            lambda x: nn.Parameter(torch.exp(x)),
            np.exp,
        ],
    )
    def test_right_answers_in_many_styles(self, answer, exponential):
        assert grade(exponential, answer)

    def test_leaving_the_program_is_no_way_out(self, exponential):
        def leaves(x):
            raise SystemExit(0)

        def interrupts(x):
            raise KeyboardInterrupt

        assert "sys.exit" in grade(exponential, leaves).message
        assert "interrupted" in grade(exponential, interrupts).message

    def test_errors_that_cannot_be_printed(self, exponential):
        class Rude(Exception):
            def __str__(self):
                raise RuntimeError

        def rude(x):
            raise Rude

        assert "it raised Rude: (no text)" in grade(exponential, rude).message

    def test_changed_arguments_are_told(self, exponential, made_up):
        def in_place(x):
            x += 1
            return torch.exp(x - 1)

        assert "it changed its arguments" in grade(exponential, in_place).message

        def in_a_list(values):
            values.sort()
            return values[0]

        assert "it changed its arguments" in grade(made_up(lambda t: t.number([3, 1])), in_a_list).message

        def turned_nan_stays(x):
            return float("nan") if x.isnan().any() else 0.0

        checked = made_up(lambda t: t.call(torch.tensor([float("nan")])))
        assert grade(checked, turned_nan_stays)

    def test_a_network_that_may_change_is_handed_over_itself(self, made_up):
        network = nn.Linear(2, 1)
        before = network.weight.detach().clone()

        def step(net):
            net.weight.data.add_(1)

        def check(t):
            t.call(network, mutable=True)
            assert torch.equal(network.weight, before + 1)

        assert grade(made_up(check), step)
        result = grade(made_up(lambda t: t.call(network)), step)
        assert "it changed its arguments" in result.message

    def test_arguments_that_belong_together_stay_together(self, made_up):
        network = nn.Linear(2, 1)
        optimiser = torch.optim.SGD(network.parameters(), lr=1.0)

        def same(net, opt):
            return float(opt.param_groups[0]["params"][0] is net.weight and net is not network)

        def check(t):
            assert t.number(network, optimiser) == 1

        assert grade(made_up(check), same)

    def test_tensors_with_a_graph_can_be_given(self, made_up):
        x = torch.ones(2, requires_grad=True) * 2

        def check(t):
            assert t.call(x).requires_grad

        assert grade(made_up(check), lambda x: x * 1)

    def test_random_states_are_the_same_in_each_call_and_put_back(self, made_up):
        def draws(n):
            return [float(torch.rand(())), float(np.random.rand()), random.random()]  # noqa: NPY002

        def check(t):
            first, second = t.tensor(0, shape=(3,)), t.tensor(0, shape=(3,))
            assert torch.equal(first, second)
            t.seed = 1
            assert not torch.equal(first, t.tensor(0, shape=(3,)))

        torch.manual_seed(5)
        random.seed(5)
        want = float(torch.rand(())), random.random()
        torch.manual_seed(5)
        random.seed(5)
        assert grade(made_up(check), draws)
        assert (float(torch.rand(())), random.random()) == want

    def test_what_an_answer_sets_for_all_is_put_back(self, exponential):
        def careless(x):
            torch.set_default_dtype(torch.float16)
            torch.set_grad_enabled(False)
            return torch.exp(x)

        assert grade(exponential, careless)
        assert torch.get_default_dtype() == torch.float32
        assert torch.is_grad_enabled()

    def test_printing_is_kept_short_and_escaped(self, exponential):
        def chatty(x):
            print("<script>" * 10_000)
            return torch.exp(x)

        result = grade(exponential, chatty)
        assert result
        assert "it also printed" in repr(result)
        assert len(repr(result)) < 1000
        assert "<script>" not in result._repr_html_()

    def test_floats_become_tensors_if_the_answer_wants_them(self, made_up):
        checked = made_up(lambda t: t.differs(t.number(0.5), np.log(0.5), case=""))
        assert grade(checked, lambda x: torch.log(x))
        assert "it raised AttributeError" in grade(checked, lambda x: x.nothing()).message

    def test_of_two_errors_the_nearer_one_is_shown(self, exponential):
        def numpy_with_a_fault(x):
            y = x.astype(float)
            return y / missing  # noqa: F821

        assert "missing" in grade(exponential, numpy_with_a_fault).message


class TestUnanswered:
    @pytest.mark.parametrize(
        "answer",
        [..., None, lambda x: ..., lambda x: (1, ...), (..., ...), lambda x: ... * x, lambda x: x + ...],
    )
    def test_dots_are_neither_right_nor_wrong(self, answer, exponential):
        result = grade(exponential, answer)
        assert result.state == "unanswered"
        assert not result
        assert repr(result) == "- made-up: not answered yet"

    def test_an_empty_body(self, exponential):
        def empty(x): ...

        def with_docstring(x):
            """Say what it will do."""

        def passes(x):
            pass

        for answer in (empty, with_docstring, passes):
            assert grade(exponential, answer).state == "unanswered"

    def test_a_forgotten_return_is_another_thing(self, exponential):
        def forgetful(x):
            torch.exp(x)

        def constant(x):
            return 0.5

        assert "Is the `return` missing?" in grade(exponential, forgetful).message
        assert grade(exponential, constant).state == "wrong"


class TestNumbers:
    @pytest.mark.parametrize(
        "value",
        [1, 1.0, np.float32(1), np.int64(1), np.ones(()), np.ones(1), torch.tensor(1), torch.ones(1, 1)],
    )
    def test_every_way_to_write_one(self, value):
        assert Trial(value).value() == 1.0
        assert Trial(lambda: value).number() == 1.0

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            (True, "a bool"),
            ("1", "a string"),
            (float("nan"), "nan"),
            (float("inf"), "infinite"),
            (-np.inf, "minus infinity"),
            ([1.0], "a list"),
            (torch.ones(2), "the shape (2,)"),
            (torch.tensor(1j), "complex"),
            (torch.tensor(True), "bool"),
            (np.bool_(True), "bool"),
            (1j, "complex"),
            (10**400, "too large"),
            ({}, "type dict"),
        ],
    )
    def test_everything_else_has_its_own_message(self, value, says):
        with pytest.raises(Failure, match=re.escape(says)):
            Trial(value).value()

    def test_a_float_that_lies_is_read_as_it_is(self):
        class Liar(float):
            def __float__(self):
                return 0.5

            def __eq__(self, other):
                return True

            __hash__ = None

        assert Trial(Liar(3.0)).value() == 3.0

    def test_a_function_in_the_place_of_a_number(self):
        with pytest.raises(Failure, match="a function"):
            Trial(lambda: 1).value()

    def test_a_number_in_the_place_of_a_function(self):
        with pytest.raises(Failure, match="without brackets"):
            Trial(3.0).call(1)


class TestTensors:
    @pytest.mark.parametrize("value", [[1, 2], (1.0, 2.0), np.array([1, 2]), torch.tensor([1.0, 2.0])])
    def test_every_way_to_write_one(self, value):
        tensor = Trial(None).as_tensor(value, (2,))
        assert tensor.dtype == torch.float64
        assert tensor.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            (torch.ones(3), r"the shape \(3,\); needed is \(2,\)"),
            (torch.tensor([1.0, float("nan")]), "nan .* in 1 of 2 places"),
            (torch.tensor([float("inf"), 1.0]), "infinite"),
            ([1.0, "a"], "cannot be read"),
            ([[1.0], [1.0, 2.0]], "cannot be read"),
            (torch.ones(2) > 0, "bools"),
            (torch.zeros(1).expand(10**10), "far too large"),
            (None, "None"),
            ((x for x in (1, 2)), "generator"),
        ],
    )
    def test_everything_else_has_its_own_message(self, value, says):
        with pytest.raises(Failure, match=says):
            Trial(None).as_tensor(value, (2,))

    def test_a_coroutine(self, exponential):
        async def later(x):
            return x

        assert "async def" in grade(exponential, later).message


@pytest.mark.parametrize("text", ["b", "B", " b ", "B)", "(b)", "b."])
def test_letters(text):
    assert Trial(text).choice("ABC") == "B"


@pytest.mark.parametrize("answer", ["D", "AB", "", 2, None, "bee", lambda: "B"])
def test_what_is_no_letter(answer):
    with pytest.raises(Failure, match='one of "A", "B", "C"'):
        Trial(answer).choice("ABC")


class TestDiffers:
    def test_close_is_close_enough_and_shapes_count(self):
        Trial(None).differs(1.00001, 1.0, case="")
        with pytest.raises(Failure):
            Trial(None).differs(1.01, 1.0, case="")
        with pytest.raises(Failure):
            Trial(None).differs(torch.ones(1), torch.ones(2), case="")
        Trial(None).differs(torch.ones(1), 1.0, case="")

    def test_a_known_mistake_is_named_and_what_was_wanted_is_not_shown(self):
        with pytest.raises(Failure, match="the sign") as failure:
            Trial(None).differs(-1.2345, 1.2345, case="x = 1", known={"the sign": -1.2345})
        assert failure.value.case == "x = 1"
        assert failure.value.got == "-1.2345"
        with pytest.raises(Failure, match="something else"):
            Trial(None).differs(7.0, 1.2345, case="", known={"the sign": -1.2345}, otherwise="something else")


def test_an_error_of_the_check_at_an_odd_answer_is_a_result(made_up):
    def check(t):
        t.answer.shape.thing  # noqa: B018

    result = grade(made_up(check), 3.0)
    assert "cannot be looked at" in result.message
    assert result.state == "wrong"


def test_a_check_that_waits_for_ever_is_stopped(monkeypatch, made_up):
    monkeypatch.setattr(trial, "CHECK_SECONDS", 0.2)

    def check(t):
        while True:
            pass

    assert "had not ended" in grade(made_up(check), 1).message
