"""Words by which an English request shows whether it changes a picture, creates one, or asks about one."""

import re
from typing import Final

from omniagent.tools.dialects.plain.language.spoken_of import PICTURE

_GIVEN: Final = (
    r"(?:the|this|that|these|those|its|it|his|her|him|their|them|my|all|every|both|each|image|everything|everyone)\b"
)
_COMPARED: Final = (
    r"(?:more|less|brighter|darker|lighter|bigger|larger|smaller|taller|shorter|longer|wider|thinner|fatter|slimmer|"
    r"sharper|softer|warmer|cooler|colder|younger|older|cleaner|clearer|better|smoother|stormier|bluer|redder|greener|"
    r"whiter|blacker|happier|sadder|higher|lower|closer|fuller|rounder|stronger|prettier|nicer)"
)
_COLOUR: Final = (
    r"(?:red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gr[ae]y|golden|gold|silver|turquoise|beige)"
)

ANSWER_VERB: Final = re.compile(
    r"(?:describe|explain|elaborate|caption|transcribe|summari[sz]e|analy[sz]e)\b"
    r"|(?:tell|count|list|name|identify|recogni[sz]e|compare|estimate|rate|say|find|spot|detect|locate|check|classify|"
    r"evaluate|define|answer|translate)\s+(?:out\s+)?(?:me|us|the|this|that|these|those|what|which|how|who|where|why|"
    r"whether|if|all|every|each|any|it|them|him|her|everything|everyone|image|picture|photo|both)\b"
    r"|read\s+(?:out|aloud|what|me|it|this|(?:the|all)\s+(?:text|sign|label|words?|writing|letters?|numbers?|title))\b"
    r"|guess\s+(?:the|his|her|how|which|where|what|who is)\b|make (?:out|sense)\b|figure out\b|point out\b"
    r"|write (?:a|an|me|some|about|down)\b(?!\s*quoted)(?!\s+(?:sign|word))"
)
"""At the start of a sentence: it wants words, not a picture."""

CREATE_VERB: Final = re.compile(
    r"(?:draw|sketch|paint|generat|creat|render|design|illustrat|produc|depict|visuali[sz]|compos|craft)(?:e|ing)?\b"
    rf"(?!\s+(?:over|on top of)\b)|(?:make|making|build|do)\s+(?:me |us )?(?!(?:{_GIVEN}|image))"
    r"(?:a|an|some|another|one|two|three|four|five|several|\w+\s+(?:of|with|for)|\w+\s+\w+\s+of)\b"
    r"|(?:a|an|another|one)\s+(?:new\s+)?(?:\w+\s+){0,2}?"
    r"(?:picture|image|photo|photograph|drawing|painting|sketch|portrait|poster|illustration|logo|cartoon|comic"
    r"|scene)\b"
)
"""At the start of a sentence: it asks for a new picture."""

CHANGE_VERB: Final = re.compile(
    r"(?:chang|modify|alter|adjust|remov|delet|eras|eliminat|replac|swap|switch|turn|transform|convert|recolou?r|"
    r"colou?ri[sz]|brighten|darken|lighten|sharpen|blur|unblur|deblur|crop|rotat|flip|mirror|retouch|restor|enhanc|"
    r"upscal|improv|fix|repair|relight|restyl|styli[sz]|extend|expand|outpaint|inpaint|resiz|enlarg|shrink|insert|add|"
    r"put|plac|mov|giv|edit|dress|tint|dye|straighten|fad|smooth|isolat|extract|increas|decreas|reduc|boost|apply|"
    r"clean|keep|let|lower|rais|fill|cover|hang|combin|merg|blend|mix|stitch|join)(?:e|es|s|p|n|t)?(?:ing)?\b"
    r"|(?:use|using)\b|(?:zoom|cut|take|taking|get|getting)\s+(?:(?:the|this|his|her|my|that)\s+\w+\s+)?(?:in|out|off"
    r"|away|rid)\b|have\s+(?:the|him|her|it|them|this)\b"
    rf"|mak(?:e|ing)\s+(?:sure\s+)?(?:{_GIVEN}|\w+\s+\w+(?:er|ing)\b)|write\s+quoted\b|undo\b"
    rf"|no (?:more )?\w+s?(?: please)?[.!]?$|\w+i[sz]e (?:this|it|him|her|the)\b"
    rf"|colou?r\s+(?:the|his|her|its|my|it)\b"
)
"""At the start of a sentence: it changes something that is there."""

OVER_DRAWN: Final = re.compile(
    r"(?:draw|drawing|paint|painting|sketch|write)\s+[^.;]*?\b(?:on|onto|over|around|behind|beside|next to|above"
    r"|under|in)"
    rf"\s+(?:top of\s+)?(?:his|her|its|their|my|it|him|them|this|the\s+(?:\w+\s+)?(?:in|of)\s+(?:the|this)\s+{PICTURE}|"
    rf"the\s+(?:man|woman|boy|girl|person|dog|cat|face|wall|sky|background|table|car|{PICTURE}))\b"
)
"""At the start of a sentence: it draws something over what is there ("draw a moustache on his face")."""

CHANGE_ANYWHERE: Final = re.compile(
    rf"\b(?:instead|no more|without|{_COMPARED}|too (?:dark|bright|small|big|large|pale|blurry|cold|warm)|"
    r"should (?:be|say|read|have|look|wear|stand|sit|hold|become|get|not)|black[- ]and[- ]white|in colou?r|i (?:don't"
    r"|do not) like|(?:blue|pink|red|green|white|black|different|new|another|plain|blurred)\s+(?:background|sky)"
    r"|background\s+should)\b"
    rf"|(?:^|[.,;!?]\s*|please\s+)(?:the same|same|this|the|my)\s+(?:\w+\s+)?{PICTURE},?\s+(?:but|as|in|with|at"
    rf"|without|like)\b"
)
"""Anywhere: something that is there should be otherwise."""

GIVEN_USED: Final = re.compile(
    rf"\b(?:based on|inspired by|using|from|of|in the style of|like|with|as in|same)\s+(?:\w+\s+){{0,5}}?{PICTURE}\b"
    rf"|\b(?:this|that|these|the same|my|his|her|our|their)\s+\w+|\b(?:him|her|them|it)\b|\bimage\s*\d"
    rf"|\b(?:provided|given|attached|uploaded|reference)\b|\bthe\s+(?:\w+\s+)?{PICTURE}\b"
    r"|\bthe\s+(?:\w+\s+)?(?:character|person|man|woman|boy|girl)\b"
)
"""Anywhere in a request for a new picture: it speaks of what the given one shows."""

VERSION_OF: Final = re.compile(
    rf"\b(?:version|variant|variation|copy|rendition|remake|edit)\s+of\s+(?:{_GIVEN}|image)"
    rf"|(?:^|[.,;!?]\s*|please\s+)(?:draw|paint|render|sketch|make)\s+(?:this|the|my)\s+(?:\w+\s+)?{PICTURE}\b"
)
"""Anywhere in a request for a new picture: it is the given one, only otherwise."""

_ABOUT_PICTURES: Final = (
    rf"(?:it|this|that|him|her|them|(?:the|my|his|her|its)\s+(?:whole\s+|entire\s+)?(?:{PICTURE}|background"
    rf"|foreground|sky|"
    r"colou?rs?|light|lighting|contrast|brightness|exposure|quality|resolution|face|hair|shirt|eyes?|skin))\b"
)

CLEAR_CHANGE: Final = re.compile(
    rf"(?:chang|modify|alter|adjust|replac|recolou?r|colou?ri[sz]|brighten|darken|lighten|sharpen|blur|unblur|retouch|"
    rf"resiz|enlarg|shrink|edit)(?:e|ing)?\s+(?:{_GIVEN}|background\b)[^.;]*"
    r"|(?:remov|delet|eras|eliminat)(?:e|ing)\s+(?!your\b|before\b|after\b)\w+[^.;]*|(?:getting"
    r"|get) rid of\s+\w+[^.;]*|(?:cut|take"
    rf"|taking)\s+(?:away|out)\s+{_GIVEN}[^.;]*"
    r"|(?:fix|repair|improv|restor|enhanc|upscal|extend|expand|switch|swap|flip|rotat|mirror|crop|clean up|relight"
    rf"|restyl|styli[sz]|edit|smooth|zoom in on|straighten)(?:e|ing|ping)?\s+{_ABOUT_PICTURES}[^.;]*"
    rf"|(?:turn|transform|convert)(?:ing)?\s+(?:{_GIVEN})[^.;]*?\b(?:into|to)\b"
    rf"|mak(?:e|ing)\s+(?:{_GIVEN})[^.;]*?(?<!\ba)(?<!\ban)\s(?:{_COMPARED}|look)\b(?!\s+(?:at|up|down|out|into)\b)"
    rf"|mak(?:e|ing)\s+(?:it|him|her|them)\s+(?!rain|snow|storm|a\b|an\b|so\b|out\b|to\b|happen|my\b|the\b)\w+"
    rf"|mak(?:e|ing)\s+the\s+(?:sky|background|foreground)\s+\w+"
    rf"|mak(?:e|ing)\s+(?:his|her|its|their)\s+[^.;]*?\b{_COLOUR}\b"
    r"|(?:add|insert)(?:ing)?\s+[^.;]*?\b(?:to|on|onto|into|in|behind|over|under|above|beside|around|next to"
    r"|in front of)\s+(?:the|this|his|her|its|it|him|them|my|image)\b"
    r"|giv(?:e|ing)\s+(?:him|her|it|them)\s+an?\s+\w+"
)
"""At the start of a task without a picture: there must be one that it changes, no doubt."""
