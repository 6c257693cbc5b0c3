"""The harness: whatever an answer does, its author gets a clear result."""

import html.parser
import random
import re
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from ganbook.errors import UserError
from ganbook.exercises import exercise as kinds
from ganbook.exercises import get, hint, names, solution, trial
from ganbook.exercises.trial import Failure, Trial, grade


def made(check, answer="f", **changes):
    settings = {
        "name": "made-up", "title": "Made up", "chapter": "minimax", "kind": "code", "difficulty": 1,
        "statement": "s", "starter": "f = ...", "hints": ("a", "b"), "solutions": ("", ""),
        "explanation": "", "wrong": (),
    }  # fmt: skip
    return kinds.Exercise(answer=answer, check=check, **settings | changes)


def exponential(t):
    x = torch.tensor([0.0, 1.0])
    known = {"the exponential is missing": x}
    t.differs(t.tensor(x, shape=(2,)), torch.exp(x), case="x = [0, 1]", known=known)


ASKED = made(exponential)


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
    def test_right_answers_in_many_styles(self, answer):
        assert grade(ASKED, answer)

    @pytest.mark.parametrize("seconds", [0.1, 0.3])
    def test_loops_in_python_are_stopped(self, seconds):
        def stubborn(x):
            while True:
                try:
                    while True:
                        pass
                except BaseException:  # noqa: BLE001
                    pass

        def printing(x):
            while True:
                print("again")

        def busy(x):
            while True:
                x = x + 1

        for answer in (stubborn, printing, busy):
            started = time.monotonic()
            result = grade(ASKED, answer, seconds)
            assert "had not ended" in result.message
            assert f"{seconds:g} seconds" in result.message
            assert re.search(r"line \d+ of your code", result.message)
            assert time.monotonic() - started < 20  # a safeguard, not a measurement
        assert len(repr(result)) < 2000

    def test_loops_are_stopped_in_other_threads_too(self):
        found = []

        def loop(x):
            while True:
                pass

        worker = threading.Thread(target=lambda: found.append(grade(ASKED, loop, 0.1)))
        worker.start()
        worker.join(30)
        assert "had not ended" in found[0].message

    def test_nothing_strikes_after_an_answer_that_ended_just_in_time(self):
        """The clock must not raise in whoever comes next."""
        clocked = made(lambda t: t.call())
        for wait in (0.018, 0.019, 0.0195, 0.02, 0.0205, 0.021, 0.022):
            end = time.monotonic()

            def answer(wait=wait):
                nonlocal end
                end = time.monotonic() + wait
                while time.monotonic() < end:
                    pass
                return 1

            grade(clocked, answer, 0.02)
            for _ in range(2000):
                pass
        assert not [t for t in threading.enumerate() if "exercise clock" in t.name and not t.daemon]

    def test_errors_name_the_learners_line_and_show_no_traceback(self, tmp_path):
        file = tmp_path / "mine.py"
        file.write_text("def f(x):\n    y = x + 1\n    return y / undefined_thing\n", encoding="utf-8")
        namespace = {}
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
        result = grade(ASKED, namespace["f"])
        assert "NameError" in result.message
        assert "line 3 of your code: return y / undefined_thing" in result.message
        assert "Traceback" not in repr(result)
        assert str(tmp_path) not in repr(result)

    def test_leaving_the_program_is_no_way_out(self):
        def leaves(x):
            raise SystemExit(0)

        def interrupts(x):
            raise KeyboardInterrupt

        assert "sys.exit" in grade(ASKED, leaves).message
        assert "interrupted" in grade(ASKED, interrupts).message

    def test_errors_that_cannot_be_printed(self):
        class Rude(Exception):
            def __str__(self):
                raise RuntimeError

        def rude(x):
            raise Rude

        assert "it raised Rude: (no text)" in grade(ASKED, rude).message

    def test_changed_arguments_are_told(self):
        def in_place(x):
            x += 1
            return torch.exp(x - 1)

        assert "it changed its arguments" in grade(ASKED, in_place).message

        def in_a_list(values):
            values.sort()
            return values[0]

        assert "it changed its arguments" in grade(made(lambda t: t.number([3, 1])), in_a_list).message

        def turned_nan_stays(x):
            return float("nan") if x.isnan().any() else 0.0

        checked = made(lambda t: t.call(torch.tensor([float("nan")])))
        assert grade(checked, turned_nan_stays)

    def test_a_network_that_may_change_is_handed_over_itself(self):
        network = nn.Linear(2, 1)
        before = network.weight.detach().clone()

        def step(net):
            net.weight.data.add_(1)

        def check(t):
            t.call(network, mutable=True)
            assert torch.equal(network.weight, before + 1)

        assert grade(made(check), step)
        result = grade(made(lambda t: t.call(network)), step)
        assert "it changed its arguments" in result.message

    def test_arguments_that_belong_together_stay_together(self):
        network = nn.Linear(2, 1)
        optimiser = torch.optim.SGD(network.parameters(), lr=1.0)

        def same(net, opt):
            return float(opt.param_groups[0]["params"][0] is net.weight and net is not network)

        def check(t):
            assert t.number(network, optimiser) == 1

        assert grade(made(check), same)

    def test_tensors_with_a_graph_can_be_given(self):
        x = torch.ones(2, requires_grad=True) * 2

        def check(t):
            assert t.call(x).requires_grad

        assert grade(made(check), lambda x: x * 1)

    def test_random_states_are_the_same_in_each_call_and_put_back(self):
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
        assert grade(made(check), draws)
        assert (float(torch.rand(())), random.random()) == want

    def test_what_an_answer_sets_for_all_is_put_back(self):
        def careless(x):
            torch.set_default_dtype(torch.float16)
            torch.set_grad_enabled(False)
            return torch.exp(x)

        assert grade(ASKED, careless)
        assert torch.get_default_dtype() == torch.float32
        assert torch.is_grad_enabled()

    def test_printing_is_kept_short_and_escaped(self):
        def chatty(x):
            print("<script>" * 10_000)
            return torch.exp(x)

        result = grade(ASKED, chatty)
        assert result
        assert "it also printed" in repr(result)
        assert len(repr(result)) < 1000
        assert "<script>" not in result._repr_html_()

    def test_floats_become_tensors_if_the_answer_wants_them(self):
        checked = made(lambda t: t.differs(t.number(0.5), np.log(0.5), case=""))
        assert grade(checked, lambda x: torch.log(x))
        assert "it raised AttributeError" in grade(checked, lambda x: x.nothing()).message

    def test_of_two_errors_the_nearer_one_is_shown(self):
        def numpy_with_a_fault(x):
            y = x.astype(float)
            return y / missing  # noqa: F821

        assert "missing" in grade(ASKED, numpy_with_a_fault).message


class TestUnanswered:
    @pytest.mark.parametrize(
        "answer",
        [..., None, lambda x: ..., lambda x: (1, ...), (..., ...), lambda x: ... * x, lambda x: x + ...],
    )
    def test_dots_are_neither_right_nor_wrong(self, answer):
        result = grade(ASKED, answer)
        assert result.state == "unanswered"
        assert not result
        assert repr(result) == "- made-up: not answered yet"

    def test_an_empty_body(self):
        def empty(x): ...

        def with_docstring(x):
            """Say what it will do."""

        def passes(x):
            pass

        for answer in (empty, with_docstring, passes):
            assert grade(ASKED, answer).state == "unanswered"

    def test_a_forgotten_return_is_another_thing(self):
        def forgetful(x):
            torch.exp(x)

        def constant(x):
            return 0.5

        assert "Is the `return` missing?" in grade(ASKED, forgetful).message
        assert grade(ASKED, constant).state == "wrong"


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

    def test_a_coroutine(self):
        async def later(x):
            return x

        assert "async def" in grade(ASKED, later).message


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


class _Balanced(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.styles = [], "", []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.styles += [value for key, value in attributes if key == "style"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


class TestResult:
    def test_text_says_what_happened_why_and_where(self):
        result = grade(ASKED, lambda x: x)
        text = repr(result)
        for part in ("not right yet", "the exponential is missing", "x = [0, 1]", "[0, 1]", "hint"):
            assert part in text
        assert text == str(result)
        assert not result

    def test_html_says_the_same_and_brings_no_colours_of_its_own_for_text(self):
        def check(t):
            t.tried("<b>& one thing")
            t.fail("<script>alert(1)</script> & more", case="x < 0", got="<img>")

        parser = _Balanced()
        markup = grade(made(check), 1)._repr_html_()
        parser.feed(markup)
        assert not parser.open
        for part in ("<script>alert(1)</script> & more", "x < 0", "<img>", "<b>& one thing", "not right yet"):
            assert part in parser.text
        assert "<script" not in markup
        styles = " ".join(parser.styles)
        assert "currentColor" in styles
        assert "background" not in styles
        assert "class=" not in markup or "mathjax_ignore" in markup

    def test_an_error_of_the_check_at_an_odd_answer_is_a_result(self):
        def check(t):
            t.answer.shape.thing  # noqa: B018

        result = grade(made(check), 3.0)
        assert "cannot be looked at" in result.message
        assert result.state == "wrong"

    def test_a_check_that_waits_for_ever_is_stopped(self, monkeypatch):
        monkeypatch.setattr(trial, "CHECK_SECONDS", 0.2)

        def check(t):
            while True:
                pass

        assert "had not ended" in grade(made(check), 1).message

    def test_show_takes_anything(self):
        class Rude:
            def __repr__(self):
                raise RuntimeError

        assert trial.show([Rude()]) == "[<Rude instance>]"
        assert trial.show(Rude()) == "<Rude>"
        assert trial.show(object()) == "<object>"
        assert "0x" not in trial.show([object()])
        assert len(trial.show("a" * 10_000)) < 100
        assert len(trial.show(torch.zeros(100, 100))) < 100
        assert trial.show(np.array([1.5, 2.0])) == "[1.5, 2]"


class TestHints:
    def test_each_call_gives_the_next_and_the_last_stays(self):
        name = names()[0]
        hints = get(name).hints
        found = [hint(name) for _ in range(len(hints) + 1)]
        assert [text.endswith(h) for text, h in zip(found, hints, strict=False)] == [True] * len(hints)
        assert found[-1] == found[-2]
        assert hint(name, 1) == found[0]
        assert repr(found[0]) == str(found[0])

    @pytest.mark.parametrize("level", [0, 99, -1, "1"])
    def test_levels_that_are_not_there(self, level):
        with pytest.raises(UserError, match=r"hints 1 to \d"):
            hint(names()[0], level)

    def test_a_solution_comes_with_its_reason(self):
        exercise = get(names()[0])
        text = solution(exercise.name)
        assert exercise.solutions[0].strip() in text
        assert exercise.explanation.strip() in text

    def test_wrong_names(self):
        for function in (get, hint, solution):
            with pytest.raises(UserError, match="did you mean 'optimal-discriminator'"):
                function("optimal-discriminater")
        with pytest.raises(UserError, match="did you mean 'minimax'"):
            names("minmax")
