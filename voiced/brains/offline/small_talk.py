"""What people say that is no command: a grammar that knows it need not take it for one.

A recogniser chooses the nearest of its sentences. "Yes" is nearer to "yes" than to "be quiet", and so is told apart
before any score has to. Short ones matter most: there is little in them to be wrong about.
"""

from __future__ import annotations

from typing import Final

from voiced.brains.offline.phrases import Phrase, in_order

_LINES: Final = """
yes|no|yeah|yep|nope|okay|all right|right|sure|of course|maybe|really|exactly|well|so|oh|hey|hello|hi|good morning
good night|good evening|goodbye|bye|thanks|thank you|thank you very much|sorry|excuse me|wait|wait a minute|one moment
hold on|come on|go on|go ahead|let's go|let me see|look|listen|what|what's that|what is it|who|who is it|where|when
why|why not|how|how are you|how much|how many|i don't know|i know|i think so|i see|i am|it is|it isn't|that's right
that's it|that's all|that's good|very good|good|great|fine|nice|cool|funny|no problem|no way|not yet|not now|later
again|once more|and|but|because|then|now|here|there|this one|that one|the other one|something|nothing|everything
dinner is ready|see you|see you later|see you tomorrow|take care|what do you think|what do you mean|what happened
are you there|can you hear me|do you hear me|did you hear that|tell me|tell me more|tell me a joke|help|help me
""".strip()

SMALL_TALK: Final[tuple[Phrase, ...]] = tuple(map(in_order, _LINES.replace("\n", "|").split("|")))
