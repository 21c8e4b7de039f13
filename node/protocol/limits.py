"""Every limit of the wire, in one place, with its unit (PROTOCOL 5)."""

from __future__ import annotations

CHECKPOINT_MAX_BYTES = 64 * 1024
TREE_SIZE_MAX = 2**53 - 1
ENTRY_MAX_BYTES = 1024
BUNDLE_MAX_BYTES = 256 * (2 + ENTRY_MAX_BYTES)
TILE_MAX_BYTES = 256 * 32
TILE_LEVEL_MAX = 6
BODY_MAX_BYTES = 64 * 1024
BODIES_PER_REQUEST = 256
BODIES_REQUEST_MAX_BYTES = 8 * 1024
BODIES_REPLY_MAX_BYTES = 8 * 1024 * 1024
HEADS_MAX_BYTES = 1024 * 1024
PROOF_MAX_BYTES = 1024 * 1024
# The reply with every inconsistency proof a node holds; PROOF_MAX_BYTES is for one.
PROOFS_MAX_BYTES = 1024 * 1024
# No tree of this wire is so deep that one proof needs more hashes.
PROOF_LINES_MAX = 63
# A checkpoint, and before it 63 hashes of 45 bytes a line.
WITNESS_REQUEST_MAX_BYTES = 64 * 1024 + 8 * 1024
HINT_MAX_BYTES = 1024
OUTBOX_MESSAGES = 256
# Envelopes of one reply, and the reply with their numbers.
OUTBOX_MAX_BYTES = 4 * 1024 * 1024 - 16 * 1024
OUTBOX_REPLY_MAX_BYTES = 4 * 1024 * 1024
# How far numbers may be ahead of what is known: of what a recipient says to have, and of what a sender hands out.
OUTBOX_AHEAD_MAX = 1_000_000
# A sealed message shows as one of these sizes, whatever its length; four bytes of it say that length.
SEALED_CLASSES_BYTES = (1024, 4 * 1024, 16 * 1024, 48 * 1024)
MESSAGE_MAX_BYTES = 48 * 1024 - 4
# The largest class with 1,136 bytes of its seal in base64, and the header.
SEALED_MAX_BYTES = 68 * 1024
AGREEMENT_MAX_BYTES = 4 * 1024 * 1024
# Who joins reads the whole chain at once: a century of a version a week and more, and what a member may make it read.
JOIN_MAX_VERSIONS = 10_000
JOIN_MAX_BYTES = 256 * 1024 * 1024
JOIN_MAX_S = 600.0
# Versions taken in one refresh; who is further behind takes the rest in the next.
AGREEMENT_MAX_STEPS = 64
AGREEMENT_MAX_DEPTH = 16
AGREEMENT_VERSION_MAX = 2**31 - 1
AGREEMENT_NODES = 1_000
# Of the council, and of the secretariat.
AGREEMENT_COUNCIL_KEYS = 32
# More than the old and the new council and the secretariat have together.
AGREEMENT_SIGNATURES = 128
# Of one role of one node: in use, and on the way in or out.
AGREEMENT_ROLE_KEYS = 4
# Logs of one node, one a year, and their keys that were taken back.
AGREEMENT_LOGS = 64
# Routine changes of one node on top of one agreement.
ROUTINE_CHANGES = 16
# Routine documents held at once, none of which contains another: so many were signed side by side.
ROUTINE_DOCUMENTS = 8
# By how much the council may count an entry on at once: past all routine changes, and never to the end of the numbers.
AGREEMENT_REV_STEP = 1_000
ENROLMENT_MAX_BYTES = 64 * 1024
# Open proposals told in one reply, and the reply.
PROPOSALS_TOLD = 64
PROPOSALS_MAX_BYTES = 4 * 1024 * 1024
PROBLEM_MAX_BYTES = 16 * 1024
NOTE_SIGNATURES_MAX = 64
JSON_MAX_DEPTH = 8
JSON_INTEGER_MAX = 2**53 - 1

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
# A read timeout alone never stops a peer that sends one byte at a time.
REQUEST_TOTAL_TIMEOUT_S = 30.0
PULL_YIELD_S = 600.0
PULLS_PARALLEL = 8
CONNECTIONS_PER_HOST = 2
EXTEND_MAX_ENTRIES = 65_536
ENTRIES_PER_DAY_MAX = 200_000
# A log met for the first time has no days yet by which to measure its growth.
FIRST_PULL_MAX_ENTRIES = 2_000_000

# Of the members that witness a log, how many must have cosigned, and how long that counts as fresh.
WITNESSES = 3
WITNESS_QUORUM = 2
FRESH_S = 24 * 3600

BACKOFF_MIN_S = 60.0
BACKOFF_MAX_S = 6 * 3600.0
CLOCK_SKEW_S = 60
SIGNATURE_LIFETIME_S = 60
NONCE_BYTES = 16
# Longer than a signature can be valid: skew on both sides and its lifetime.
NONCE_KEEP_S = 300
