"""Our escaping says what markupsafe says, and templates use it."""

import markupsafe
import pytest
from markupsafe import Markup

from web.escaping import escape
from web.render import environment


@pytest.mark.parametrize(
    "text", ["plain", "", "a & b < c > d", "\"quoted\" 'twice'", "<script>alert('x')</script>", "ß 李 😀"]
)
def test_texts_come_out_as_markupsafe_writes_them(text: str) -> None:
    assert markupsafe.Markup(escape(text)).unescape() == text
    assert not set("<>\"'") & set(escape(text))


@pytest.mark.parametrize("value", [Markup("<b>bold</b>"), 7, None, 1.5])
def test_other_values_are_left_to_markupsafe(value: object) -> None:
    assert escape(value) == markupsafe.escape(value)


def test_a_kind_of_str_is_escaped_too() -> None:
    class Name(str):
        pass

    assert escape(Name("<b>")) == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{{ x }}", "&lt;b&gt;"),
        ("{{ x ~ x }}", "&lt;b&gt;&lt;b&gt;"),
        ("{% set y %}{{ x }}{% endset %}{{ y }}", "&lt;b&gt;"),
        ("{% macro m(v) %}{{ v }}{% endmacro %}{{ m(x) }}", "&lt;b&gt;"),
        ("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x }}{% endcall %}", "&lt;b&gt;"),
        ("{{ [x, x]|join(', ') }}", "&lt;b&gt;, &lt;b&gt;"),
        ("{{ x|upper }}", "&lt;B&gt;"),
        ("{% trans x=x %}to {{ x }}{% endtrans %}", "to &lt;b&gt;"),
        ("{{ _('to %(x)s', x=x) }}", "to &lt;b&gt;"),
    ],
)
def test_each_way_out_of_a_template_escapes_once(source: str, made: str) -> None:
    assert environment("en").from_string(source).render(x="<b>") == made
