"""G3, G15: what an old password or an old mail had opened is closed with a new password."""

import pytest

from server.community import accounts
from server.errors import Refused
from tests.federation.street import Street


@pytest.mark.parametrize("how", ["reset", "change"])
async def test_a_new_password_ends_all_older_links(street: Street, how: str) -> None:
    async with street.runtime.db.transaction() as conn:
        first, second = [await accounts.issue_token(conn, street.ana_id, "reset") for _ in range(2)]
        if how == "reset":
            await accounts.reset_password(conn, first, "a new long sentence")
        else:
            await accounts.change_password(conn, street.ana_id, "a long sentence", "a new long sentence")
        with pytest.raises(Refused):
            await accounts.reset_password(conn, second, "a third long sentence")
