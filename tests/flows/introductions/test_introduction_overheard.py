"""Between two offices somebody keeps every byte, and every row of both is read after each step: no name before both consents.

After them each side's names stand at the other in their two places, and in the clear between the nodes never.
"""

from __future__ import annotations

from node.domain.introduction import Kind, State
from tests import canary
from tests.introductions_made import Pair
from tests.introductions_overheard import overheard, places

K = Kind
ASKED, QUESTION, ANSWER = "Cerchiamo chi sappia tessere la canapa.", "Quante imprese della canapa?", "Sono sei, tutte tessili."  # fmt: skip


async def test_names_are_nowhere_before_both_consents_and_in_the_clear_never(pair: Pair) -> None:
    """From the request to the revocation, wire and tables: what leaves with the second consent goes with its revocation."""
    canary.HEARD.forget()
    async with overheard(pair) as listener:
        listener.texts = {ASKED, QUESTION, ANSWER}
        case = await pair.seeker.ask(pair.profile_id, ASKED)
        steps = (
            (pair.owner, K.CHECK, ""), (pair.owner, K.QUESTION, QUESTION), (pair.seeker, K.ANSWER, ANSWER), (pair.owner, K.FORWARD, ""),
            (pair.owner, K.ACCEPT, ""), (pair.owner, K.CONSENT, ""), (pair.seeker, K.CONSENT, ""),
        )  # fmt: skip
        for desk, kind, text in steps:
            await pair.carry()
            await listener.look(told=False)
            await desk.do(case, kind, text)
            # The deed is done at home, and not carried yet.
            await listener.look(told=False)
        await pair.carry()
        await listener.look(told=True)
        for desk in pair.desks:
            assert (await desk.read(case)).case.state is State.INTRODUCED
        for desk, words in ((pair.seeker, listener.owner), (pair.owner, listener.seeker)):
            told = (await desk.read(case)).told
            assert told is not None
            assert canary.found(repr(told.identity).encode(), words.all) == words.all
        # What the seeker's side takes back goes from the owner's tables, and leaves its own alone.
        await pair.seeker.do(case, K.REVOKE)
        await pair.carry()
        async with pair.owner.town.node.pool.acquire() as conn:
            assert await places(conn, listener.seeker.all) == {}
        assert listener.looks == 2 * len(steps) + 1
        assert listener.heard()
        # Nor in any log line, nor in any answer of the two to anybody.
        assert not canary.found(bytes(canary.HEARD.said), listener.seeker.all | listener.owner.all)
