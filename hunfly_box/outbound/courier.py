"""Brings one conversation's deliveries out, one after the other: claim, slot, intent, call, record.

Between the committed intent and the recorded answer nothing is known; what is unknown is never sent again by itself.
"""

import json
import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import queries as channel_queries
from hunfly_box.kit.announcing import Ring
from hunfly_box.kit.crash import crash_point
from hunfly_box.kit.database import Scope, TenantTransaction
from hunfly_box.kit.job_queue import JobQueue
from hunfly_box.kit.leases import LeaseKeeper
from hunfly_box.kit.retry_budget import Line, RetryBudget
from hunfly_box.kit.work import MOST_ATTEMPTS, retry_delay
from hunfly_box.outbound import claiming, composing, recording
from hunfly_box.outbound.claiming import LEASE_SECONDS, Claim, Later
from hunfly_box.outbound.commands import DELIVER
from hunfly_box.outbound.composing import Draft
from hunfly_box.outbound.pacing import Gaps, Grant, Pacing, Send, Wait
from hunfly_box.outbound.reconciling import Reconciling
from hunfly_box.outbound.recording import UNREACHABLE
from hunfly_box.providers.messenger import Messenger, NotSent, OutgoingMessage, Refused, SentMessage, Unknown

POLL_CHANNEL = "channels.poll"
# So short a wait is not worth giving the claim back for.
WAIT_HERE_SECONDS = 0.05
# The answer is worth more than a thread's time: Postgres may be restarting just now.
RECORD_FOR_SECONDS = 30.0

log = logging.getLogger(__name__)


class Courier:
    def __init__(self, resources: Resources, queue: JobQueue, keeper: LeaseKeeper, gaps: Gaps) -> None:
        self._resources = resources
        self._database = resources.database
        self._queue = queue
        self._keeper = keeper
        self._pacing = Pacing(resources.redis, resources.database, gaps)
        self._budget = RetryBudget(resources.redis)
        self._reconciling = Reconciling(resources, queue)

    def deliver(self, resources: Resources, tenant_id: UUID, conversation_id: UUID) -> None:
        """Until the line is empty or has to wait. Rings come twice, late, and to several workers: the rows decide."""
        while True:
            with self._database.transaction(Scope.system(tenant_id)) as tx:
                claim = claiming.take(tx, conversation_id, self._resources.process_id)
            if claim is None:
                return
            if isinstance(claim, Later):
                self._come_back(tenant_id, conversation_id, claim.seconds)
                return
            if claim.is_dispatched and claim.kind == "send":
                self._reconciling.look(claim)
                return
            if not self._send(claim):
                return

    def reconcile(self, resources: Resources, tenant_id: UUID, conversation_id: UUID) -> None:
        """An echo came that could be ours: proof for a delivery that waits for it, or for one given up on."""
        self.deliver(resources, tenant_id, conversation_id)
        self._reconciling.look_at_given_up(tenant_id, conversation_id)

    def look_again(self, tenant_id: UUID, payload: dict[str, Any]) -> None:
        self._reconciling.look_again(tenant_id, payload)

    def _send(self, claim: Claim) -> bool:
        """True when the next in line may go."""
        crash_point("O2")
        try:
            with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
                draft = composing.read_draft(tx, claim.message_id)
                line = channel_queries.line(tx, claim.channel_id)
            outgoing = composing.compose(self._resources, claim.tenant_id, draft) if claim.kind == "send" else None
            messenger = composing.messenger(self._resources, claim.tenant_id, line)
        except Refused as refusal:
            return self._fail(claim, refusal.code, refusal.message)
        if claim.is_dispatched:
            # An edit, a deletion or a reaction says how a thing shall be: saying it twice changes nothing.
            with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
                claiming.release(tx, claim, 0.0)
            return True
        if claim.attempts and (seconds := self._budget.seconds_until_again(_line(claim), _call_of(claim))):
            self._give_back(claim, seconds)
            return False
        grant = self._slot(claim)
        if grant is None:
            return False
        crash_point("O3")
        if not grant.is_good():
            # Between the slot and this line something took seconds. Nothing has left.
            self._give_back(claim, 0.0)
            return False
        with closing(messenger), self._keeper.held(lambda: self._extend(claim), LEASE_SECONDS / 3):
            return self._call(claim, draft, outgoing, messenger)

    def _slot(self, claim: Claim) -> Grant | None:
        """The moment to send, with the intent committed. None: not now, and the claim is given back."""
        send = Send(claim.tenant_id, claim.channel_id, claim.id, claim.attempts, str(claim.conversation_id), claim.lane)
        answer = self._pacing.ask(send)
        while isinstance(answer, Wait) and answer.seconds <= WAIT_HERE_SECONDS:
            time.sleep(answer.seconds)
            answer = self._pacing.ask(send)
        if isinstance(answer, Wait):
            self._give_back(claim, answer.seconds)
            return None
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            is_ours = claiming.dispatch(tx, claim)
            is_free = is_ours and self._pacing.write_down(tx, send, answer)
            if is_ours and not is_free:
                # Redis said yes and the log of sends says no: Redis has forgotten something.
                claiming.release(tx, claim, 1.0)
        if not is_free:
            self._come_back(claim.tenant_id, claim.conversation_id, 1.0)
            return None
        return answer

    def _ask_provider(
        self, messenger: Messenger, claim: Claim, draft: Draft, outgoing: OutgoingMessage | None
    ) -> SentMessage | None:
        """The call itself, and what it means for those that wait to be repeated."""
        if not claim.attempts:
            self._budget.count_first(_line(claim))
            return _ask(messenger, claim, draft, outgoing)
        is_well = False
        try:
            sent = _ask(messenger, claim, draft, outgoing)
            is_well = True
        except Refused as refusal:
            is_well = refusal.permanent
            raise
        finally:
            self._budget.told(_line(claim), _call_of(claim), is_well=is_well)
        return sent

    def _call(self, claim: Claim, draft: Draft, outgoing: OutgoingMessage | None, messenger: Messenger) -> bool:
        try:
            sent = self._ask_provider(messenger, claim, draft, outgoing)
        except NotSent as error:
            crash_point("O7")
            self._ask_about_channel(claim)
            return self._put_back(claim, _delay(claim, None), UNREACHABLE, str(error))
        except Refused as refusal:
            if refusal.permanent or claim.attempts + 1 >= MOST_ATTEMPTS:
                return self._fail(claim, refusal.code, refusal.message)
            return self._put_back(claim, _delay(claim, refusal.retry_after), refusal.code, refusal.message)
        except Unknown as error:
            log.warning("delivery %s: no answer (%s)", claim.id, error)
            self._ask_about_channel(claim)
            if claim.kind != "send":
                if claim.attempts + 1 >= MOST_ATTEMPTS:
                    self._record(
                        claim, lambda tx: recording.failed(tx, claim, UNREACHABLE, "The engine did not answer")
                    )
                    return True
                return self._put_back(claim, _delay(claim, error.retry_after), UNREACHABLE, "The engine did not answer")
            self._record(claim, lambda tx: recording.looking(tx, claim, 0.0))
            self._come_back(claim.tenant_id, claim.conversation_id, 0.0)
            return False
        crash_point("O5")
        provider_id = sent.provider_id if sent is not None else None
        if not self._record(claim, lambda tx: recording.accepted(tx, claim, provider_id, _lid_of(sent))):
            log.warning("delivery %s was settled by somebody else", claim.id)
        crash_point("O6")
        if sent is not None and sent.address is not None and claim.kind == "send":
            self._keep_address(claim, draft, sent)
        return True

    def _fail(self, claim: Claim, code: str, detail: str) -> bool:
        self._record(claim, lambda tx: recording.failed(tx, claim, code, detail))
        return True

    def _put_back(self, claim: Claim, seconds: float, code: str, detail: str) -> bool:
        self._record(claim, lambda tx: recording.later(tx, claim, seconds, code, detail))
        self._come_back(claim.tenant_id, claim.conversation_id, seconds)
        return False

    def _give_back(self, claim: Claim, seconds: float) -> None:
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            claiming.release(tx, claim, seconds)
        self._come_back(claim.tenant_id, claim.conversation_id, seconds)

    def _come_back(self, tenant_id: UUID, conversation_id: UUID, seconds: float) -> None:
        self._queue.ring_later(Ring(DELIVER, tenant_id, conversation_id, is_urgent=True), seconds)

    def _ask_about_channel(self, claim: Claim) -> None:
        """People should learn now, not at the next round, that the number or its engine is in trouble."""
        self._queue.ring(Ring(POLL_CHANNEL, claim.tenant_id, claim.channel_id))

    def _extend(self, claim: Claim) -> None:
        """The call has lasted longer than it takes to connect: the message is on its way."""
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            claiming.extend(tx, claim)
            recording.show_sending(tx, claim)

    def _record(self, claim: Claim, write: Callable[[TenantTransaction], bool]) -> bool:
        """Again and again while the database is away. If it stays away the lease runs out and proof is looked for."""
        give_up_at = time.monotonic() + RECORD_FOR_SECONDS
        pause = 0.05
        while True:
            try:
                with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
                    return write(tx)
            except SQLAlchemyError as error:
                if time.monotonic() > give_up_at:
                    raise
                log.warning("delivery %s: recording failed (%s), again", claim.id, type(error).__name__)
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def _keep_address(self, claim: Claim, draft: Draft, sent: SentMessage) -> None:
        """The engine rewrites some numbers; where it really went is where the answer will come from."""
        if sent.address is None or sent.address.kind == "group" or sent.address.raw == draft.to.raw:
            return
        known = [{"kind": one.kind, "value": one.value, "address": one.raw} for one in (draft.to, sent.address)]
        with self._database.transaction(Scope.system(claim.tenant_id)) as tx:
            tx.scalar(LINK, tenant_id=claim.tenant_id, addresses=json.dumps(known))


def _lid_of(sent: SentMessage | None) -> str | None:
    """A number stays; a privacy id gives way to the number once that is known."""
    address = sent.address if sent is not None else None
    return address.raw if address is not None and address.kind == "lid" else None


def _delay(claim: Claim, asked: float | None) -> float:
    return asked if asked is not None else retry_delay(claim.attempts + 1)


def _line(claim: Claim) -> Line:
    return Line(claim.tenant_id, claim.channel_id, claim.lane)


def _call_of(claim: Claim) -> str:
    return f"{claim.id} {claim.attempts}"


def _ask(messenger: Messenger, claim: Claim, draft: Draft, outgoing: OutgoingMessage | None) -> SentMessage | None:
    if outgoing is not None:
        return messenger.send(outgoing)
    if claim.kind == "reaction":
        messenger.react(draft.key(), str(claim.payload.get("emoji") or ""))
    elif claim.kind == "edit":
        messenger.edit(draft.key(), str(claim.payload.get("text") or ""))
    else:
        messenger.delete(draft.key())
    return None


LINK = "SELECT app.link_addresses(:tenant_id, CAST(:addresses AS jsonb))"
