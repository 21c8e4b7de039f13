"""What this office does with sealed messages of every family: introductions, places at courses, shared case files.

In: an Office, a clock. Out: the one ``Exchange`` that the transport is given. Source: PROTOCOL 11, 15, 16.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from node.flows.introductions import families
from node.flows.introductions.casework import Office
from node.flows.introductions.hear import exchange as introductions_exchange
from node.flows.introductions.post import Exchange
from node.flows.programme.case_post import shares_exchange
from node.flows.programme.course_post import seats_exchange
from node.protocol import seat, share


def exchange(office: Office, clock: Callable[[], dt.datetime]) -> Exchange:
    """Return what this office does with all that comes."""
    others = {seat.PREFIX: seats_exchange(office, clock), share.PREFIX: shares_exchange(office, clock)}
    return families.together(introductions_exchange(office, clock), others)
