"""Replies as small vision-language models write them without training, with the faults that they have."""

from typing import Final, NamedTuple


class Raw(NamedTuple):
    """A reply to the checklist call, and the questions that it reads as; none: it cannot be read."""

    text: str
    questions: tuple[str, ...] = ()


HAT: Final = ("Is there a cat?", "Is the hat red?")
_OWN: Final = '{"facts":["a cat","a red hat"],"checklist":[{"kind":"presence","question":"Is there a cat?"},'
_SECOND: Final = '{"kind":"attribute","question":"Is the hat red?"}]}'

CHECKLISTS: Final = (
    Raw(f"{_OWN}{_SECOND}", HAT),
    Raw(f"```json\n{_OWN}{_SECOND}\n```", HAT),
    Raw(
        f"Sure! Here is the checklist you asked for:\n\n{_OWN}{_SECOND}\n\nLet me know if you need anything else!", HAT
    ),
    Raw('["Is there a cat?", "Is the hat red?"]', HAT),
    Raw('{"checklist": ["Is there a cat?", "Is the hat red?"]}', HAT),
    Raw('[{"kind": "object", "question": "Is there a cat?"}, {"kind": "color", "question": "Is the hat red?"}]', HAT),
    Raw(
        "{'facts': ['a cat'], 'checklist': [{'kind': 'presence', 'question': 'Is there a cat?'}, "
        "{'kind': 'attribute', 'question': 'Is the hat red?'},]}",
        HAT,
    ),
    Raw(
        '{"Facts": ["a cat"], "Checklist": [{"Kind": "PRESENCE", "Question": "Is there a cat?"}, '
        '{"Kind": "Attribute", "Question": "Is the hat red?"}]}',
        HAT,
    ),
    Raw(
        '{"facts": null, "requirements": [{"type": "yes/no", "requirement": "Is there a cat?", "answer": "Yes"}, '
        '{"type": "yes/no", "requirement": "Is the hat red?", "answer": "Yes"}]}',
        HAT,
    ),
    Raw(
        '{"mode": "generate", "seen": "None", "change": null, "checklist": [{"kind": "presence", "question": '
        '"Is there a cat?"}, {"kind": "attribute", "question": "Is the hat red?"}], '
        '"instruction": "Draw a cat with a red hat"}',
        HAT,
    ),
    Raw(
        '{"mode": "Generate", "seen": [], "checklist": "1. Is there a cat?\\n2. Is the hat red?", "instruction": ""}',
        HAT,
    ),
    Raw("1. Is there a cat?\n2. Is the hat red?", HAT),
    Raw("Here are the questions:\n- Is there a cat?\n- Is the hat red?\n", HAT),
    Raw("**Presence:** Is there a cat?\n**Attribute:** Is the hat red?", HAT),
    Raw("* Is there a cat? (presence)\n* Is the hat red? (attribute)", HAT),
    Raw("Is there a cat?\nIs the hat red?", HAT),
    Raw(
        '{"facts":["a cat","a red hat"],"checklist":[{"kind":"presence","question":"Is there a cat?"},'
        '{"kind":"attribute","question":"Is the hat red?"},{"kind":"attribute","question":"Is the ha',
        HAT,
    ),
    Raw(
        '{"facts":["a cat"],"checklist":[{"kind":"presence","question":"Is there a cat?"},{"kind":"attribute",'
        '"question":"Is the hat red?"},{"kind":',
        HAT,
    ),
    Raw(
        '```json\n{\n  "checklist": [\n    {"kind": "presence", "question": "Is there a cat?"},\n    '
        '{"kind": "attribute", '
        '"question": "Is the hat red?"}\n  ]\n',
        HAT,
    ),
    Raw('{"presence": "Is there a cat?", "attribute": "Is the hat red?"}', HAT),
    Raw('{"checklist": {"presence": ["Is there a cat?"], "attribute": ["Is the hat red?"]}}', HAT),
    Raw('{"q1": "Is there a cat?", "q2": "Is the hat red?"}', HAT),
    Raw('{"Is there a cat?": "yes", "Is the hat red?": "yes"}', HAT),
    Raw('{"checklist": [["presence", "Is there a cat?"], ["attribute", "Is the hat red?"]]}', HAT),
    Raw(
        '{"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}, "checklist": '
        '{"type": "array", "items": {"type": "object"}}}, "required": ["facts", "checklist"]}'
    ),
    Raw(
        '{"$defs": {"Line": {"properties": {"kind": {"enum": ["presence"]}}}}}\n{"checklist": ["Is there a cat?", '
        '"Is the hat red?"]}',
        HAT,
    ),
    Raw('{"facts": ["a cat"]}\n{"checklist": [{"kind": "presence", "question": "Is there a cat?"}]}\n', HAT[:1]),
    Raw('{"questions": [{"id": 1, "q": "Is there a cat?", "weight": 1.0}, {"id": 2, "q": "Is the hat red?"}]}', HAT),
    Raw(
        '{"plan": {"checklist": [{"question": "Is there a cat?"}, {"question": "Is the hat red?", "kind": null}]}}', HAT
    ),
    Raw(
        '{"checklist": [{"kind": "presence", "question": "Is there a cat?"}, {"kind": "presence", "question": '
        '"is there a cat"}, {"kind": "attribute", "question": "Is the hat red?"}, '
        '{"kind": "none", "question": "N/A"}]}',
        HAT,
    ),
    Raw(
        '{"checklist": [{"kind": "count", "question": "How many cats are there?", "answer": "two"}, '
        '{"kind": "attribute", "question": "What color is the hat?"}, '
        '{"kind":"attribute","question":"Is the hat red?"}]}',
        ("How many cats are there? Is it two?", "Is the hat red?"),
    ),
    Raw(
        '{"checklist": [{"kind": "presence", "question": "Is there a man?", "answer": "no"}, '
        '{"kind": "attribute", "question": "Is the hat red?", "answer": "yes"}]}',
        ("Is there no man?", "Is the hat red?"),
    ),
    Raw(
        '{"checklist": [{"kind": "text", "question": "Does the sign say "OPEN"?"}, '
        '{"kind": "presence", "question": "Is there a cat?"}]}',
        ('Does the sign say "OPEN"?', "Is there a cat?"),
    ),
    Raw(
        '{"facts": ["一只猫"], "checklist": [{"kind": "presence", "question": "图中有一只猫吗？"}, '
        '{"kind": "attribute", "question": "帽子是红色的吗？"}]}',
        ("图中有一只猫吗？", "帽子是红色的吗？"),
    ),
    Raw("1、图中有一只猫吗？\n2、帽子是红色的吗？", ("图中有一只猫吗？", "帽子是红色的吗？")),
    Raw('{"checklist": ["There is a cat.", "The hat is red."]}', HAT),
    Raw(
        '{"checklist": [{"kind": "presence", "question": "A cat wearing a red hat"}]}',
        ("Does the picture show this: A cat wearing a red hat?",),
    ),
    Raw(
        "{“checklist”: [{“kind”: “presence”, “question”: “Is there a cat?”}, "
        "{“kind”: “attribute”, “question”: “Is the hat red?”}]}",
        HAT,
    ),
    Raw(
        '{"checklist": [{"kind": "presence" "question": "Is there a cat?"\n"kind2": 1}\n'
        '{"kind": "attribute", "question": "Is the hat red?"}]',
        HAT,
    ),
    Raw("I'm sorry, but I can't help with that. Could you please provide the image?"),
    Raw(""),
    Raw("A cat with a red hat."),
    Raw('{"checklist": []}'),
    Raw('{"checklist": null, "facts": ["a cat"]}'),
)

CHANGE: Final = "Change the colour of the hat to red."


class RawRepair(NamedTuple):
    """A reply to the repair call, the instruction and scope that it reads as; none: it cannot be read."""

    text: str
    instruction: str = ""
    scope: str = "local"


REPAIRS: Final = (
    RawRepair(f'{{"seen": "a blue hat", "instruction": "{CHANGE}", "scope": "local"}}', CHANGE),
    RawRepair(f'```json\n{{"seen": "a blue hat", "instruction": "{CHANGE}", "scope": "local"}}\n```', CHANGE),
    RawRepair(
        f'The hat is blue. {{"seen": "a blue hat", "instruction": "{CHANGE}", "scope": "GLOBAL"}}', CHANGE, "global"
    ),
    RawRepair(f'{{"seen": null, "instruction": "{CHANGE}", "scope": null}}', CHANGE),
    RawRepair(f'{{"seen": ["a cat", "a blue hat"], "instruction": ["{CHANGE}"], "scope": ["Local"]}}', CHANGE),
    RawRepair(f'{{"seen": "a hat", "change": "{CHANGE}", "scope": "the whole picture"}}', CHANGE, "global"),
    RawRepair(
        f'{{"repair": {{"seen": "a hat", "instruction": "{CHANGE}", "scope": "local"}}, "confidence": 0.9}}', CHANGE
    ),
    RawRepair(
        f'[{{"instruction": "{CHANGE}", "scope": "local"}}, {{"instruction": "Add a dog.", "scope": "local"}}]', CHANGE
    ),
    RawRepair(f"{{'seen': 'a hat', 'instruction': '{CHANGE}', 'scope': 'local',}}", CHANGE),
    RawRepair(f'{{"Seen": "a hat", "Instruction": "{CHANGE}", "Scope": "Local"}}', CHANGE),
    RawRepair(f'{{"seen": "a hat", "instruction": "{CHANGE}", "sco', CHANGE),
    RawRepair(f'{{"instruction": "{CHANGE}", "scope": "local/global"}}', CHANGE),
    RawRepair(CHANGE, CHANGE),
    RawRepair(f"Sure, here is the change: {CHANGE}", CHANGE),
    RawRepair(f"**Instruction:** {CHANGE}", CHANGE),
    RawRepair('{"seen": "一顶蓝帽子", "instruction": "把帽子改成红色", "scope": "局部"}', "把帽子改成红色"),
    RawRepair(
        f'{{"seen": "a hat that says "HI"", "instruction": "{CHANGE}", "scope": "local", "kind": "color"}}', CHANGE
    ),
    RawRepair(f'{{"properties": {{"seen": {{"type": "string"}}}}}}\n{{"instruction": "{CHANGE}"}}', CHANGE),
    RawRepair('{"seen": "the picture is right", "instruction": "None", "scope": "local"}'),
    RawRepair('{"type": "object", "properties": {"instruction": {"type": "string"}}, "required": ["instruction"]}'),
    RawRepair("I'm sorry, I cannot see the picture."),
    RawRepair('{"seen": "a blue ha'),
    RawRepair(""),
)
