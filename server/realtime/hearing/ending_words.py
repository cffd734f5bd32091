"""English words by what they say about a sentence that ends with them, or begins with them."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(text.split("; "))


ANSWERS = _phrases(
    "yes; yeah; yep; yes please; no; nope; no thanks; no thank you; okay; ok; sure; right; stop; wait; help; cancel; "
    "thanks; thank you; hello; hi; hey; bye; goodbye; please; maybe; perhaps; never; always; nothing; exactly; "
    "correct; not really; not yet; not now; of course; go on; go ahead; hold on; come on; come in; never mind; why "
    "not; how come; good morning; good evening; good night; good afternoon; i see; i know; me too; really; what; "
    "why; who; where; when; both; neither; again; next; continue; pause; enough; shut up; be quiet; all right; "
    "alright; fine; good; great"
)
"""What is said in full by itself, though its last word may not look like it."""
TRAILING_OFF = _phrases(
    "you know; i mean; let me see; let me think; let's see; i guess; i suppose; to be honest; first of all; on the "
    "one hand; on the other hand; the thing is; the point is; the problem is; the question is; for example; such as; "
    "as soon as; as well as; in order; in addition; by the way; so yeah; and so on and; sort of; kind of"
)
"""Ends after which more is to come."""
FILLERS = _words(
    "um uh er erm hmm hm mm ah eh uhm umm so well actually basically anyway maybe usually just also even only really "
    "literally mostly nearly almost"
)
NEVER_LAST = _words(
    "a an the my your our their its every each and or but nor than as because whether although though unless while "
    "if whereas very quite such de la mister mr mrs doctor dr dot into onto upon toward towards among between during "
    "despite except per via within beyond beside besides regarding until till whose which there's some any no "
    "several another most least"
)
"""Articles, conjunctions, and prepositions that never stand alone."""
PREPOSITIONS = _words(
    "in on at to for from with about of by near after before without against under over through since like around "
    "behind above below across along inside outside"
)
STRANDED = _words("for about from with to at on of like in")
"""Prepositions that end a question whose object came first: where are you from."""
PARTICLES = _words("off out up down away back")
"""Adverbs that end a sentence as prepositions do not."""
PARTICLE_VERBS = _words("go come hold carry log sign it them that this going move lights light put moving all calm")
"""Before `in`, `on`, `over`, `through`, `around`: what makes an adverb of it."""
AUXILIARIES = _words(
    "is are was were am be been being will would could can should must may might shall do does did has have had "
    "isn't aren't wasn't weren't won't wouldn't couldn't can't shouldn't don't doesn't didn't hasn't haven't hadn't"
)
CONTRACTIONS = _words(
    "i'm you're he's she's it's we're they're that's what's who's where's i'll you'll he'll she'll it'll we'll "
    "they'll i've you've we've they've i'd you'd he'd she'd we'd they'd let's"
)
ELLIPTICAL = _words("do does did can will don't doesn't didn't can't won't could would wouldn't couldn't should")
"""Auxiliaries that may stand for a whole sentence: i did."""
SUBJECTS = _words("i we they he she")
PRONOUNS = _words("i you he she it we they this that there")
OBJECTS = _words("me him them us it one ones mine yours ours theirs everything anything something nothing everyone")
CLOSERS = _words(
    "please today tomorrow tonight yesterday now again here there too later soon together instead alone already ago "
    "yet enough everywhere anymore"
)
INCOMPLETE_VERBS = _words(
    "want wants wanted need needs needed give gave get got send sent buy bought bring put let make makes made take "
    "took find say says said tell told ask asked seem seems become looking trying going wondering supposed able "
    "hoping having getting using calling saying including called named include includes contains means costs become "
    "remind love hate prefer"
)
"""Verbs that want an object or a complement, unless a question has put it in front."""
BEFORE_THAT = _words(
    "think thought said say says told is was know believe hope me so him her us feel found mean means sure true"
)
"""Before `that`: what makes a conjunction of it."""
BEFORE_SO = _words("think believe hope guess suppose say said do told")
"""Before `so`: what makes it stand for a sentence."""
QUESTION_WORDS = _words("what who where when why how which whose what's who's where's when's how's why's")
OBJECT_QUESTIONS = _words("what who where which whose what's who's where's")
SUBORDINATORS = _words(
    "if when while because although though after before since unless once until whenever as even whereas"
)
IMPERATIVES = _words(
    "play turn set open close call stop tell show read write explain describe translate find give send add remove "
    "delete remind book order start make take put let help search look check change switch repeat say sing count "
    "list name cancel wait go come bring buy pick choose skip continue define summarise summarize compare calculate "
    "convert wake shut please don't try pay pass press move keep leave"
)
VERBS = (
    AUXILIARIES
    | CONTRACTIONS
    | IMPERATIVES
    | INCOMPLETE_VERBS
    | _words(
        "think know like live lives work works happen happened met saw see went came goes hurt hurts broke run runs "
        "forgot feel feels felt heard hear speak speaks spoke mean sounds looks comes left arrived bought lost"
    )
)
NUMBERS = _words(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
    "double triple point"
)
DIGIT_CONTEXTS = _words("number phone code pin account card order zip password reference extension")
"""After which numbers are said digit by digit."""
UNIT_TO_COME = _words(
    "for about around costs cost takes least than approximately roughly every in nearly almost another"
)
"""Before a number: what makes its unit likely."""
COMMON = (
    NEVER_LAST
    | PREPOSITIONS
    | PARTICLES
    | SUBJECTS
    | PRONOUNS
    | OBJECTS
    | CLOSERS
    | QUESTION_WORDS
    | SUBORDINATORS
    | VERBS
    | NUMBERS
    | FILLERS
    | _words("not her his this that these those all more time people good new first last long little own other old")
)
"""Words by which English is known."""
