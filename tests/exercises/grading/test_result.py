"""A result says what happened, why and where, as text and as HTML."""

import html.parser

from ganbook.exercises.grading.trial import grade


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


def test_text_says_what_happened_why_and_where(exponential):
    result = grade(exponential, lambda x: x)
    text = repr(result)
    for part in ("not right yet", "the exponential is missing", "x = [0, 1]", "[0, 1]", "hint"):
        assert part in text
    assert text == str(result)
    assert not result


def test_html_says_the_same_and_brings_no_colours_of_its_own_for_text(made_up):
    def check(t):
        t.tried("<b>& one thing")
        t.fail("<script>alert(1)</script> & more", case="x < 0", got="<img>")

    parser = _Balanced()
    markup = grade(made_up(check), 1)._repr_html_()
    parser.feed(markup)
    assert not parser.open
    for part in ("<script>alert(1)</script> & more", "x < 0", "<img>", "<b>& one thing", "not right yet"):
        assert part in parser.text
    assert "<script" not in markup
    styles = " ".join(parser.styles)
    assert "currentColor" in styles
    assert "background" not in styles
    assert "class=" not in markup or "mathjax_ignore" in markup


def test_errors_name_the_learners_line_and_show_no_traceback(tmp_path, exponential):
    file = tmp_path / "mine.py"
    file.write_text("def f(x):\n    y = x + 1\n    return y / undefined_thing\n", encoding="utf-8")
    namespace = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
    result = grade(exponential, namespace["f"])
    assert "NameError" in result.message
    assert "line 3 of your code: return y / undefined_thing" in result.message
    assert "Traceback" not in repr(result)
    assert str(tmp_path) not in repr(result)
