"""Documents of others are decoded strictly or refused by name; rows D2 and D3."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.decoding import MAX_BYTES, BadDocument, decode_document
from tests.hostile.costs import FACTOR, is_linear

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def refusal(raw: bytes, limit: int = MAX_BYTES) -> str:
    with pytest.raises(BadDocument) as bad:
        decode_document(raw, limit)
    return bad.value.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"b":[{"a":1,"\\u0061":2}]}', "duplicate_key"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":Infinity}', "not_json"),
        (b'{"a":-Infinity}', "not_json"),
        (b'{"a":9007199254740993}', "number_out_of_range"),
        (b'{"a":-9007199254740993}', "number_out_of_range"),
        (b'{"a":' + b"9" * 5000 + b"}", "number_out_of_range"),
        (b'{"a":1e999}', "number_out_of_range"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{}x", "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":"\t"}', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"a":"\xff"}', "not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not_utf8"),
        ("{}".encode("utf-16"), "not_utf8"),
    ],
)
def test_D2_each_quirk_of_json_has_its_refusal(raw: bytes, reason: str) -> None:
    assert refusal(raw) == reason


def test_D2_depth_is_counted_before_parsing_and_not_inside_text() -> None:
    assert decode_document(b'{"a":' * 32 + b"1" + b"}" * 32)
    assert refusal(b'{"a":' * 33 + b"1" + b"}" * 33) == "too_deep"
    assert refusal(b'{"a":' + b"[" * 200_000) == "too_deep"
    assert decode_document(b'{"a":"' + b"[{" * 200 + b'","b":"\\"[[[[[["}')
    assert decode_document(b'{"a":[' + b"[],{}," * 100 + b"0]}")


def test_D2_a_hostile_megabyte_takes_linear_time() -> None:
    def unclosed(size: int) -> bytes:
        return b'{"a":' + b"[" * 33 + b'"' + b'\\"' * (size // 2)

    assert is_linear(refusal, unclosed(1_000_000 // FACTOR), unclosed(1_000_000))


def test_D2_numbers_up_to_two_to_the_53_are_exact() -> None:
    assert decode_document(b'{"a":9007199254740992,"b":-9007199254740992}') == {"a": 1 << 53, "b": -(1 << 53)}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"x\\u0000y"}', b'{"a\\u0000":1}', b'{"a":["\\ud800"]}', b'{"a":"\\udc00x"}', b'{"a":{"\\uDFFF":1}}',
        b'{"a":"\\ud800\\ud800"}',
    ],
)  # fmt: skip
def test_D3_text_that_no_database_stores_is_refused(raw: bytes) -> None:
    assert refusal(raw) == "unstorable_text"


def test_D3_what_only_looks_like_it_is_taken() -> None:
    raw = b'{"a":"\\\\u0000","b":"\\ud83d\\ude00","c":"\\u00e4"}'
    assert decode_document(raw) == {"a": "\\u0000", "b": "😀", "c": "ä"}


def test_D1_size_is_judged_first() -> None:
    assert refusal(b'{"a":1}', limit=6) == "too_large"
    assert decode_document(b'{"a":1}', limit=7) == {"a": 1}


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(TEXT, JSON_VALUES))
def test_what_json_writes_is_read_back(document: dict[str, object]) -> None:
    assert decode_document(json.dumps(document).encode()) == document
    assert decode_document(json.dumps(document, ensure_ascii=False).encode()) == document


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text('{}[]",:\\u0d8 1e-.NaInfty', max_size=80).map(str.encode)
    | st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b'"a":', b",", b"1", b"\\ud800"])).map(b"".join)
)
def test_D2_no_bytes_raise_anything_else(raw: bytes) -> None:
    try:
        document = decode_document(raw)
    except BadDocument:
        document = {}
    assert isinstance(document, dict)
