"""The codes of everything that can be said against a pattern, each with its meaning in a line.

E1..  the text cannot be read          E4..  none: such things are advice, W4..
E2..  a name or a value is wrong       E501  understood, but not supported yet
E3..  the shape can never work         W4..  it works, perhaps not as meant
"""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "E101": "The text is not a pattern: a word or a sign stands where it cannot stand.",
    "E201": "A type, field, variable or function that does not exist.",
    "E202": "A value has the wrong type for its place, or a function the wrong number of arguments.",
    "E203": "A condition asks for a variable that is not bound yet, or never, where it stands.",
    "E204": "A name is used twice, is reserved, or hides a field.",
    "E205": "A function over many events is given one, or a variable of many stands for one value.",
    "E206": "The keys of two steps do not fit: a field is unknown, or they differ in number or kind.",
    "E207": "A parameter or a USE does not fit: missing, unknown, unused or recursive.",
    "E208": "A condition can never be true.",
    "E209": "A condition, a branch or an UNLESS decides nothing: always true, or never reached.",
    "E301": "A partial match may wait for ever, because no window, gap or FOR ends the wait.",
    "E302": "A NOT at the end needs FOR or WITHIN, since only time can decide it.",
    "E303": "A NOT at the beginning needs FOR, and a pattern cannot be only a NOT.",
    "E304": "A wait or a look back is longer than events and state are kept.",
    "E305": "A duration is zero, or larger than the window around it.",
    "E306": "A part may take nothing where an event is needed: the pattern, a loop, or a SKIP TO.",
    "E307": "The pattern can have too many matches or partial matches, without a limit that bounds them.",
    "E308": "A word stands where it has no meaning, such as FOR on a step that is not NOT.",
    "E309": "A number can never be reached or makes no sense, such as LIMIT 0 or ATLEAST 5 of 3.",
    "E310": "Two clauses exclude each other.",
    "E501": "The language has this construct, this version does not run it yet.",
    "W401": "An event can extend a loop and can also end it.",
    "W402": "There is no BY, so that all events share one key; or a topic is keyed by something else.",
    "W403": "A negated comparison is not true when the field is null.",
    "W404": "A regular expression uses what cannot be searched in linear time.",
    "W405": "A step can never be reached, because a loop before it takes every such event.",
    "W406": "A word changes nothing where it stands.",
}
"""Code → meaning. Codes of rule files (M…) stand with the reader of those files."""
