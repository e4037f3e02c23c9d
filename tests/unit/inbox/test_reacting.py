"""One emoji is a reaction; anything else the engine would refuse."""

import pytest

from hunfly_box.inbox.commands.reacting import ONE_EMOJI


@pytest.mark.parametrize(
    "emoji", ["👍", "❤️", "☺", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇧🇷", "#️⃣", "1⃣", "🧑🏽‍🦱", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "⌚", "㊗️", "🫶"]
)
def test_one_emoji(emoji: str) -> None:
    assert ONE_EMOJI.fullmatch(emoji)


@pytest.mark.parametrize(
    "text", ["", " ", "ok", "1", "👍👍", "a👍", "👍 ", "…", "é", "≤", "🏽", "🇧", "\u200d", "👍\u200d", "#"]
)
def test_anything_else(text: str) -> None:
    assert not ONE_EMOJI.fullmatch(text)
