"""The threat table, row by row: which test shows the answer and that nothing else happened, or why a row is not ours.

A: who sent it. B: what they may do. C: what we fetch. D: what is read, and how much. F: pictures, and of E, pages, the
row about what is uploaded. H: what leaks. The rows were
gathered from the published weaknesses of other servers and libraries; test_rows.py holds this table to the tests.
"""

# ruff: noqa: E501  (one row of the table a line, as long as its test's name is)

import typing

SECTIONS = {
    "A": range(1, 21),
    "B": range(1, 29),
    "C": range(1, 19),
    "D": range(1, 15),
    "E": (10,),
    "F": range(1, 9),
    "H": range(1, 16),
}


class Shown(typing.NamedTuple):
    """`test` as `file::name` under tests/. Other tests of the row are found by their names."""

    attack: str
    test: str


class NotOurs(typing.NamedTuple):
    attack: str
    why: str


REQUESTS = "hostile/test_requests.py::"
AUTHORITY = "hostile/test_authority.py::"
DOCUMENTS = "hostile/test_documents.py::"
SOCKETS = "hostile/test_sockets.py::"
FOLLOWERS = "hostile/test_followers.py::"
LEAKS = "hostile/test_leaks.py::"
PICTURES = "hostile/test_pictures.py::"
PRIVATE = "hostile/test_private.py::"
EGRESS = "federation/test_egress.py::"
HTTP = "federation/test_http.py::"
LIMITS = "federation/test_http_limits.py::"
MATRIX = f"{REQUESTS}test_A3_no_refused_request_has_an_effect"

ROWS: dict[str, Shown | NotOurs] = {
    "A1": Shown("unsigned POST", f"{REQUESTS}test_A1_no_inbox_takes_what_is_not_signed"),
    "A2": Shown("a path that the check does not know", f"{REQUESTS}test_A2_no_spelling_of_an_inbox_goes_around_the_verifier"),
    "A3": Shown("refused and done all the same", MATRIX),
    "A4": Shown("body not covered", MATRIX),
    "A5": Shown("the other digest", MATRIX),
    "A6": Shown("made for another host", MATRIX),
    "A7": Shown("old, or sent again", f"{REQUESTS}test_A7_the_same_bytes_twice_are_one_effect"),
    "A8": Shown("a parameter twice", MATRIX),
    "A9": Shown("a key that names its owner", f"{REQUESTS}test_A9_a_key_document_that_names_somebody_else_as_its_owner"),
    "A10": Shown("the signer is not the actor", f"{REQUESTS}test_A10_nobody_signs_for_another_actor"),
    "A11": Shown("key ids that are no https address", MATRIX),
    "A12": Shown("a key kept under another's name", f"{REQUESTS}test_A12_a_document_about_another_key_is_kept_under_no_name"),
    "A13": Shown("bad signatures make us fetch", f"{REQUESTS}test_A13_a_thousand_bad_signatures_cause_two_requests_at_most"),
    "A14": Shown("weak and huge keys", f"{REQUESTS}test_A14_no_key_outside_our_limits_proves_anything"),
    "A15": Shown("another algorithm than the key's", MATRIX),
    "A16": Shown("linked-data signatures", f"{REQUESTS}test_A16_what_a_linked_data_signature_says_is_not_read"),
    "A17": Shown("signatures leaked by redirects", f"{HTTP}test_A17_a_post_follows_no_redirect"),
    "A18": Shown("forwarding headers", MATRIX),
    "A19": Shown("headers that crash", f"{REQUESTS}test_A19_no_header_makes_us_fail"),
    "A20": Shown("stale signature on retry", "federation/test_delivery.py::test_A20_each_attempt_is_signed_anew"),
    "B1": Shown("another's object", f"{AUTHORITY}test_B1_B2_nobody_touches_what_is_anothers"),
    "B2": Shown("a neighbour's object", f"{AUTHORITY}test_B1_B2_nobody_touches_what_is_anothers"),
    "B3": Shown("another's actor", f"{AUTHORITY}test_B3_no_document_of_another_address_changes_an_actor"),
    "B4": Shown("another's authorship", f"{AUTHORITY}test_B4_nobody_creates_what_another_is_said_to_have_written"),
    "B5": Shown("lists where one belongs", "hostile/test_impostors.py::test_B5_two_authors_are_none"),
    "B6": Shown("our ids as author", "hostile/test_impostors.py::test_B4_B6_nobody_writes_as_one_of_ours"),
    "B7": Shown("an id that is taken", "hostile/test_impostors.py::test_B1_B2_B7_whoever_had_an_address_first_keeps_it"),
    "B8": Shown("an id that is taken first", f"{AUTHORITY}test_B8_whoever_comes_first_with_anothers_address_does_not_get_it"),
    "B9": Shown("an id that lies elsewhere", f"{AUTHORITY}test_B9_B12_what_lies_elsewhere_than_its_id_says_is_not_kept"),
    "B10": Shown("uploaded JSON", f"{AUTHORITY}test_B10_json_that_somebody_uploaded_is_nobodys_word"),
    "B11": Shown("an alternate elsewhere", f"{HTTP}test_B11_a_page_that_points_elsewhere_is_not_followed"),
    "B12": Shown("redirects that bounce", f"{AUTHORITY}test_B9_B12_what_lies_elsewhere_than_its_id_says_is_not_kept"),
    "B13": Shown("a url elsewhere", f"{AUTHORITY}test_B13_a_page_elsewhere_is_not_shown_as_the_authors"),
    "B14": Shown("lists of activities", f"{AUTHORITY}test_B14_a_list_of_activities_is_no_activity"),
    "B15": Shown("a group that lies", f"{AUTHORITY}test_B15_a_hundred_forged_deeds_of_a_group_change_nothing_outside_it"),
    "B16": Shown("answers to what nobody asked", f"{AUTHORITY}test_B16_only_what_was_asked_is_answered_and_only_by_whom"),
    "B17": Shown("counters of polls", "hostile/test_polls.py::test_nobody_but_its_author_changes_a_poll"),
    "B18": Shown("deeds of moderators", "hostile/test_moderators.py::test_B18_nobody_elsewhere_moderates_a_group_of_ours"),
    "B19": Shown("moving others", "hostile/test_moves.py::test_one_sides_word_moves_nobody"),
    "B20": NotOurs("stamps of approval", "we read none: a post is in a group when that group itself has announced it"),
    "B21": Shown("addresses that look like ours", "hostile/test_impostors.py::test_B21_no_post_of_others_has_an_address_of_ours"),
    "B22": Shown("another's handle", f"{AUTHORITY}test_B22_a_handle_is_at_home_where_its_actor_is"),
    "B23": Shown("spellings of a blocked host", "hostile/test_blocked_servers.py::test_B23_no_spelling_evades_a_block"),
    "B24": Shown("suspended actors", f"{AUTHORITY}test_B24_whom_we_suspended_does_nothing_here"),
    "B25": Shown("blocked through others", f"{AUTHORITY}test_B25_whom_we_block_comes_in_on_no_path"),
    "B26": NotOurs("badges of verified links", "we show none, neither ours nor others'"),
    "B27": Shown("what nobody asked for", "hostile/test_strangers.py::test_B27_what_nobody_here_asked_for_is_only_counted"),
    "B28": Shown("others' things by address", "hostile/test_others_things.py::test_B28_nobody_changes_what_is_not_theirs"),
    "C1": Shown("literal addresses", f"{EGRESS}test_C1_no_spelling_of_a_closed_address_is_connected_to"),
    "C2": Shown("a second answer of DNS", f"{EGRESS}test_C2_the_second_answer_of_dns_is_judged_too"),
    "C3": Shown("special networks", f"{EGRESS}test_C3_every_special_network_is_closed"),
    "C4": Shown("redirects inwards", f"{EGRESS}test_C4_no_redirect_leads_to_a_closed_address"),
    "C5": Shown("other schemes", f"{EGRESS}test_C5_no_other_scheme_and_no_malformed_url_is_asked"),
    "C6": Shown("addresses within answers", "hostile/test_inside.py::test_C6_no_document_sends_us_inside"),
    "C7": NotOurs("a media proxy that asks itself", "there is no media proxy"),
    "C8": Shown("slow and endless answers", f"{LIMITS}test_C8_a_slow_answer_ends_at_the_deadline_and_the_socket_closes"),
    "C9": Shown("compressed bombs", f"{LIMITS}test_C9_a_bomb_stops_at_the_limit_of_decoded_bytes"),
    "C10": Shown("redirects in circles", f"{LIMITS}test_C10_circles_and_long_chains_end"),
    "C11": Shown("an endless world", "hostile/test_strays.py::test_C11_a_long_chain_of_parents_is_asked_for_a_few_times_only"),
    "C12": Shown("endless collections", f"{LIMITS}test_C12_an_endless_collection_ends_after_ten_documents"),
    "C13": Shown("ten thousand recipients", f"{DOCUMENTS}test_C13_nobody_is_fetched_for_being_addressed"),
    "C14": NotOurs("previews of links", "we fetch no page for a preview"),
    "C15": Shown("invented hosts", f"{FOLLOWERS}test_C15_hosts_that_only_knock_leave_no_lane"),
    "C16": Shown("contexts elsewhere", f"{DOCUMENTS}test_C16_no_context_is_ever_fetched"),
    "C17": Shown("a poisoned follower", f"{FOLLOWERS}test_C17_one_poisoned_follower_among_fifty_keeps_nothing_from_the_others"),
    "C18": Shown("text that costs", f"{DOCUMENTS}test_C18_every_reader_of_foreign_text_takes_linear_time"),
    "D1": Shown("endless bodies", f"{SOCKETS}test_D1_a_body_over_the_limit_is_refused_and_not_kept"),
    "D2": Shown("quirks of JSON", f"{DOCUMENTS}test_D2_D3_no_quirk_of_json_gets_in"),
    "D3": Shown("text that no database stores", f"{DOCUMENTS}test_D3_no_field_takes_what_no_database_stores"),
    "D4": Shown("other types", f"{DOCUMENTS}test_D4_no_shape_of_an_activity_makes_us_fail"),
    "D5": Shown("markup that breaks the sanitiser", f"{DOCUMENTS}test_D5_no_markup_makes_the_sanitiser_fail"),
    "D6": Shown("times", f"{DOCUMENTS}test_D6_no_time_pins_or_hides_a_post"),
    "D7": Shown("texts without a length", f"{DOCUMENTS}test_D7_every_text_in_the_database_has_its_length"),
    "D8": Shown("endless lists", f"{DOCUMENTS}test_D8_a_hundred_thousand_elements_are_read_to_a_limit"),
    "D9": Shown("slow connections", f"{SOCKETS}test_D9_three_hundred_slow_connections_keep_nobody_out"),
    "D10": Shown("what is written into the log", f"{SOCKETS}test_D10_nobody_writes_lines_into_our_log"),
    "D11": Shown("ranges", f"{SOCKETS}test_D11_ten_thousand_ranges_are_one_answer"),
    "D12": Shown("letters that look like others", f"{DOCUMENTS}test_D12_no_name_turns_or_hides_letters"),
    "D13": Shown("bodies of another kind", f"{DOCUMENTS}test_D13_a_body_of_another_kind_is_refused_before_it_is_read"),
    "D14": Shown("many at one row", "hostile/test_races.py::test_D14_two_hundred_edits_of_one_post_at_once"),
    "E10": Shown("uploads that are more than pictures", f"{PICTURES}test_E10_what_is_served_is_a_picture_and_nothing_else"),
    "F1": Shown("names of files", f"{PICTURES}test_F1_no_name_from_outside_names_a_file"),
    "F2": Shown("pixel bombs", f"{PICTURES}test_F2_no_bomb_takes_memory_or_time"),
    "F3": Shown("frame bombs", f"{PICTURES}test_F3_of_many_frames_the_first_is_taken"),
    "F4": Shown("unexpected decoders", f"{PICTURES}test_F4_no_other_decoder_is_reached"),
    "F5": Shown("places within pictures", "journeys/test_pictures_later.py::test_what_a_picture_tells_of_its_maker_is_taken_out"),
    "F6": Shown("pictures that see their readers", f"{PICTURES}test_F6_no_page_loads_anything_from_elsewhere"),
    "F7": Shown("pictures that outlive their post", "journeys/test_pictures_later.py::test_a_deleted_picture_is_gone_at_once_and_its_file_after_30_days"),
    "F8": Shown("copies of others' pictures", "federation/test_pictures.py::test_pictures_elsewhere_are_named_and_never_loaded"),
    "H1": Shown("hidden or absent", "hostile/test_visibility.py::test_H1_what_is_hidden_and_what_does_not_exist_are_the_same_bytes"),
    "H2": Shown("documents of private groups", f"{PRIVATE}test_strangers_read_it_nowhere"),
    "H3": Shown("votes in an outbox", f"{LEAKS}test_H3_an_outbox_lists_what_was_said_to_everybody_and_nothing_else"),
    "H4": Shown("hidden within shown", f"{LEAKS}test_H4_an_answer_shows_nothing_of_what_it_answers_once_that_is_hidden"),
    "H5": Shown("caches", f"{LEAKS}test_H5_no_cache_hands_one_readers_page_to_another"),
    "H6": Shown("held and removed posts", "hostile/test_visibility.py::test_H6_what_nobody_may_read_is_read_nowhere"),
    "H7": Shown("text within an Undo", f"{LEAKS}test_H7_what_undoes_or_answers_carries_no_text"),
    "H8": Shown("a report as a way to read", "federation/test_decisions_travel.py::test_H8_a_report_cannot_point_at_what_its_sender_may_not_see"),
    "H9": Shown("lists of private groups", f"{PRIVATE}test_strangers_read_it_nowhere"),
    "H10": Shown("a careless server with a member", f"{PRIVATE}test_moderators_are_told_whom_they_trust"),
    "H11": Shown("members of private groups", f"{PRIVATE}test_who_belongs_to_it_is_told_in_numbers"),
    "H12": Shown("who voted", f"{PRIVATE}test_what_names_a_post_does_not_show_it"),
    "H13": Shown("whom we block", f"{LEAKS}test_H13_whom_we_block_is_said_to_admins_alone"),
    "H14": Shown("who reported", f"{LEAKS}test_H14_who_reported_stays_here"),
    "H15": NotOurs("links to exports that live for ever", "there are no exports yet"),
}  # fmt: skip
