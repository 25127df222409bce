"""What the client sends and takes, against real servers on loopback; rows A17 and B9 to B12."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from federation.http import AnsweredStatus, Client, IdMismatch, NotActivityJson, Unreachable
from tests.federation.loopback import AGENT, NOW, POLICY, Server, redirect, reply, sign

# What every request carries


async def test_every_request_names_us_asks_for_plain_bytes_and_keeps_no_cookie(fetcher: Client, evil: Server) -> None:
    evil.answers["/x"] = reply(b"{}", Set_Cookie="track=1")
    await fetcher.get_json(f"{evil.url}/x")
    fetched = await fetcher.get_json(f"{evil.url}/x#part")
    assert (fetched.url, fetched.body, fetched.content_type) == (f"{evil.url}/x", b"{}", "application/json")
    assert evil.header("User-Agent") == AGENT
    assert evil.header("Accept-Encoding") == "identity"
    assert evil.header("Cookie") is None
    assert evil.header("Signature") is None


async def test_proxies_of_the_environment_are_not_used(
    evil: Server, forbidden: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", forbidden.url)
    evil.answers["/x"] = reply(b"{}")
    client = Client(POLICY, AGENT, lambda: NOW)
    assert (await client.get_json(f"{evil.url}/x")).body == b"{}"
    assert forbidden.connections == 0
    await client.close()


async def test_a_status_that_is_not_200_is_named_with_its_retry_after(fetcher: Client, evil: Server) -> None:
    evil.answers["/busy"] = reply(b"later", status=503, Retry_After="120")
    evil.answers["/date"] = reply(b"later", status=429, Retry_After="Sun, 22 Nov 2026 12:01:30 GMT")
    with pytest.raises(AnsweredStatus) as busy:
        await fetcher.get_json(f"{evil.url}/busy")
    assert (busy.value.status, busy.value.retry_after) == (503, 120)
    with pytest.raises(AnsweredStatus) as date:
        await fetcher.get_json(f"{evil.url}/date")
    assert (date.value.status, date.value.retry_after) == (429, 90)


async def test_a_signed_get_of_a_query_is_tried_once_more_by_path_alone(fetcher: Client, evil: Server) -> None:
    evil.answers["/x?page=1"] = reply(b"no", status=401)
    with pytest.raises(AnsweredStatus):
        await fetcher.get_json(f"{evil.url}/x?page=1", sign=sign)
    assert evil.header("Signature", 0) == f"GET {evil.url}/x?page=1 0 12:00"
    assert evil.header("Signature", 1) == f"GET {evil.url}/x 0 12:00"
    assert [head.split(" ")[1] for head in evil.requests] == ["/x?page=1", "/x?page=1"]


async def test_a_delivery_says_what_was_answered(fetcher: Client, evil: Server) -> None:
    evil.answers["/inbox"] = reply(b"x" * 10_000, status=202, Retry_After="7")
    posted = await fetcher.post(f"{evil.url}/inbox", b'{"a":1}', sign)
    assert (posted.status, posted.retry_after, len(posted.body)) == (202, 7, 4096)
    assert evil.header("Content-Type") == "application/activity+json"
    assert evil.header("Signature") == f"POST {evil.url}/inbox 7 12:00"


async def test_nobody_listening_is_unreachable(fetcher: Client, evil: Server) -> None:
    await evil.stop()
    with pytest.raises(Unreachable) as failed:
        await fetcher.get_json(f"{evil.url}/x")
    assert failed.value.reason == "no_connection"


# Signatures and redirects


async def test_A17_each_hop_is_signed_anew(fetcher: Client, evil: Server, victim: Server) -> None:
    evil.answers["/x"] = redirect(f"{victim.url}/y")
    victim.answers["/y"] = reply(b"{}")
    fetched = await fetcher.get_json(f"{evil.url}/x", sign=sign)
    assert fetched.hops == (f"{evil.url}/x", f"{victim.url}/y")
    assert victim.header("Signature") == f"GET {victim.url}/y 0 12:00"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_A17_a_post_follows_no_redirect(fetcher: Client, evil: Server, victim: Server, status: int) -> None:
    evil.answers["/inbox"] = redirect(f"{victim.url}/inbox", status)
    assert (await fetcher.post(f"{evil.url}/inbox", b"{}", sign)).status == status
    assert victim.connections == 0


# Where a document was found


async def test_B9_an_object_is_taken_at_its_own_id(fetcher: Client, evil: Server) -> None:
    evil.serve_object("/x", f'{{"id":"{evil.url}/x","type":"Note"}}')
    found = await fetcher.fetch_object(f"{evil.url}/x", sign)
    assert (found.id, found.document["type"]) == (f"{evil.url}/x", "Note")
    assert evil.header("Accept") == (
        'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
    )


async def test_B9_another_id_is_asked_once_where_it_lives(fetcher: Client, evil: Server, victim: Server) -> None:
    evil.serve_object("/x", f'{{"id":"{victim.url}/y","name":"forged"}}')
    victim.serve_object("/y", f'{{"id":"{victim.url}/y","name":"true"}}')
    found = await fetcher.fetch_object(f"{evil.url}/x")
    assert (found.id, found.document["name"]) == (f"{victim.url}/y", "true")


async def test_B9_an_id_that_its_own_host_does_not_confirm_is_dropped(
    fetcher: Client, evil: Server, victim: Server
) -> None:
    evil.serve_object("/x", f'{{"id":"{victim.url}/y"}}')
    with pytest.raises(AnsweredStatus):
        await fetcher.fetch_object(f"{evil.url}/x")
    victim.serve_object("/y", f'{{"id":"{victim.url}/z"}}')
    with pytest.raises(IdMismatch):
        await fetcher.fetch_object(f"{evil.url}/x")
    assert len(victim.requests) == 2


async def test_B9_a_second_person_of_the_same_host_is_no_exception(fetcher: Client, evil: Server) -> None:
    evil.serve_object("/upload/mallory", f'{{"id":"{evil.url}/alice","name":"forged"}}')
    evil.serve_object("/alice", f'{{"id":"{evil.url}/alice","name":"true"}}')
    found = await fetcher.fetch_object(f"{evil.url}/upload/mallory")
    assert found.document["name"] == "true"


@pytest.mark.parametrize("document", ["{}", '{"id":7}', '{"id":["http://127.0.0.2/x"]}', '{"id":""}'])
async def test_B9_a_document_without_an_id_is_none(fetcher: Client, evil: Server, document: str) -> None:
    evil.serve_object("/x", document)
    with pytest.raises(IdMismatch):
        await fetcher.fetch_object(f"{evil.url}/x")


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/activity+json", True),
        ("Application/Activity+JSON; charset=utf-8", True),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams"', True),
        ('application/ld+json; charset=utf-8; profile="x https://www.w3.org/ns/activitystreams"', True),
        ("application/ld+json", False),
        ('application/ld+json; profile="https://www.w3.org/ns/activitystreams.evil"', False),
        ("application/json", False),
        ("text/plain", False),
        ("image/png", False),
        ("application/activity+json, text/plain", False),
        ("", False),
    ],
)
async def test_B10_only_the_activity_types_speak_for_a_server(
    fetcher: Client, evil: Server, content_type: str, taken: bool
) -> None:
    evil.serve_object("/x", f'{{"id":"{evil.url}/x"}}', content_type)
    if taken:
        assert (await fetcher.fetch_object(f"{evil.url}/x")).id == f"{evil.url}/x"
    else:
        with pytest.raises(NotActivityJson):
            await fetcher.fetch_object(f"{evil.url}/x")


async def test_B11_a_page_that_points_elsewhere_is_not_followed(fetcher: Client, evil: Server, victim: Server) -> None:
    page = f'<link rel="alternate" type="application/activity+json" href="{victim.url}/y">'
    evil.serve_object("/x", page, "text/html")
    with pytest.raises(NotActivityJson):
        await fetcher.fetch_object(f"{evil.url}/x")
    assert victim.connections == 0


async def test_B12_an_open_redirect_lends_nobody_its_name(fetcher: Client, evil: Server, victim: Server) -> None:
    victim.answers["/go"] = redirect(f"{evil.url}/back")
    evil.answers["/back"] = redirect(f"{victim.url}/y")
    victim.serve_object("/y", f'{{"id":"{victim.url}/go"}}')
    with pytest.raises(IdMismatch):
        await fetcher.fetch_object(f"{victim.url}/go")
    evil.answers["/x"] = redirect(f"{victim.url}/go2")
    victim.answers["/go2"] = redirect(f"{evil.url}/z")
    evil.serve_object("/z", f'{{"id":"{evil.url}/x"}}')
    with pytest.raises(IdMismatch):
        await fetcher.fetch_object(f"{evil.url}/x")


async def test_B12_a_redirect_to_another_host_is_asked_there_directly(
    fetcher: Client, evil: Server, victim: Server
) -> None:
    evil.answers["/x"] = redirect(f"{victim.url}/y")
    victim.serve_object("/y", f'{{"id":"{victim.url}/y"}}')
    assert (await fetcher.fetch_object(f"{evil.url}/x")).id == f"{victim.url}/y"
    assert len(victim.requests) == 2


async def test_a_document_that_is_no_good_json_is_refused(fetcher: Client, evil: Server) -> None:
    evil.serve_object("/x", f'{{"id":"{evil.url}/x","id":"{evil.url}/x"}}')
    with pytest.raises(NotActivityJson) as bad:
        await fetcher.fetch_object(f"{evil.url}/x")
    assert bad.value.reason == "duplicate_key"
