"""What a reader calls: `hint`, `solution`, `get` and `names`."""

import pytest

from ganbook.errors import UserError
from ganbook.exercises import get, hint, names, solution


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
