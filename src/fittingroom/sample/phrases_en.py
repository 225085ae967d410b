"""What English customers of the sample shop say, by intent; the parts are those of `phrases_zh`."""

from __future__ import annotations

# fmt: off
PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "delivery": {
        "ask": (
            "where is my [parcel|package|order|{item}]",
            "the {item} I [ordered|bought] {day} [has not arrived|isn't here yet|still has not shipped]",
            "tracking [has not moved|shows nothing new] for {days}",
            "when [will|does] the {item} [arrive|get here|ship]",
            "it says delivered but [I got nothing|nobody was home|there is no box]",
            "can you chase {courier} [for me|please|]", "my parcel is stuck in {city} for {days}",
            "the tracking number [does not work|shows no result]", "do you [deliver|ship] to {place}",
            "which [courier|carrier] [do you use|is bringing it]",
            "paid {days} ago and [nothing shipped|no dispatch yet]", "how long from {city} to me",
            "only one of {n} boxes [came|arrived]", "[does|will] the driver come at the weekend",
        ),
        "state": (
            "bought a {item} {day} and [not a sign of it|I'm still waiting]",
            "they [said|promised] {day} but [my porch is empty|there is nothing at the door]",
            "the driver never [rang|showed up], no {item}", "been waiting {days}, how much longer",
            "it just sits in {city}", "someone took the box from the [hall|porch], can you [trace|find] it",
            "I travel next week, will the {item} be here [in time|by then]",
            "my neighbour [bought|got] the same one {day} and is already [wearing|using] it, mine isn't here",
            "the {item} is a present for {who} on [Sunday|Friday] and nothing [came|so far]",
        ),
        "want": (
            "track my {item}", "know where the {item} is", "chase the courier", "get it [delivered|shipped] faster",
            "know the arrival date",
        ),
        "done": ("the parcel [came|arrived]", "I [got|received] the {item}", "delivery was [quick|fine]"),
    },
    "refund": {
        "ask": (
            "how do I [return|send back] the {item}", "my refund [is not here|hasn't arrived] after {days}",
            "I don't want the {item} anymore, can I [return it|send it back]",
            "[does|is] the return window [still open|count from delivery]", "who pays return [postage|shipping]",
            "I sent the {item} back {days} ago, where is my money", "my refund request was [rejected|ignored]",
            "I want my money back for the {item}", "does the refund go to my [card|wallet]",
            "can I return it [without the tag|opened]", "can I keep it and get a [partial|part] refund",
            "if I return one do I lose the [discount|coupon]",
            "I refused the parcel, when do I get [paid back|the money]", "where do I get a return label",
        ),
        "state": (
            "the {item} looks nothing like the [photo|picture], I'm not keeping it",
            "wore it [once|twice] and it [pilled|tore], give me my {amount} back",
            "the warehouse has it since {day} and my [card|account] shows [nothing|zero]",
            "bought the wrong {item}, will you take it back",
            "one piece [was missing|is not in the box], what about the money for it",
            "the {item} [smells awful|is junk], come and collect it, I want the {amount}",
            "{who} [hates|doesn't like] the {item}, it's [unopened|untouched], you can have it back",
            "only {amount} came back, it should be {amount2}",
            "not what I hoped for, [please|just] pick the {item} up and pay me back",
        ),
        "want": (
            "get a refund", "return the {item}", "get my money back", "send the {item} back", "return one of them",
        ),
        "done": (
            "my refund [came|arrived]", "the money is back [already|]", "the last return [is done|went fine]",
        ),
    },
    "exchange": {
        "ask": (
            "can I [swap|exchange] the {garment} for {size}",
            "it's too [small|big|tight], can I change it [for|to] {size}",
            "how do I [exchange|swap] [an item|the {garment}]", "can I swap the {item} for [the|a] {colour} one",
            "you sent the wrong [colour|size|model], please [swap|exchange] it",
            "has the replacement {item} [shipped|been sent]", "do I [pay|send mine first] for an exchange",
            "can I exchange it for a different [model|style]",
            "{size} for {size2}, [do you have one|is it possible]",
            "the {item} is [scratched|damaged], I want a new one",
            "my exchange request is [pending|unanswered] for {days}", "can I exchange [it twice|again]",
        ),
        "state": (
            "the {garment} [pinches|is too short], [send me|I need] {size} instead",
            "I ordered {colour} but got {colour2}, make it right",
            "the left one is [bigger|smaller] than the right one, send a proper pair",
            "{who} can't get into it, would {size} [do|work] instead",
            "picked {size} but need {size2}, I have it here already",
            "the {item} [came used|has a crack], I need one that's [new|whole]",
            "not the {item} I picked came, when do I get [mine|the right one]",
            "sleeves are too long, one size down please, this one [goes back|I send you]",
            "one [cup|lid] in the set broke, send me a good one",
        ),
        "want": (
            "swap it for {size}", "change it for {colour}", "make an exchange", "get a new one instead",
            "exchange the {item}", "take a different size",
        ),
        "done": (
            "the replacement [came|arrived]", "the last exchange [went well|is done]", "I have the {size} now",
        ),
    },
    "change": {
        "ask": (
            "I [typed|gave] the wrong [address|phone number], can you [fix|change] it",
            "please cancel [my order|the {item} order|the last order]",
            "not shipped yet, can I change the [colour|address|size]", "I ordered twice, cancel one",
            "can you [send|redirect] it to [my office|{city}] instead", "can I add a {item} to [my|the same] order",
            "please [hold|don't ship] the order [yet|till next week]", "can it go out [later|next week]",
            "put {who} as the recipient", "I forgot to [add|write] a note on the order",
            "make it {size2} not {size}, it has not shipped", "how do I cancel an unshipped order",
        ),
        "state": (
            "my finger slipped and I [bought|got] {n}, keep just one",
            "I moved, the {item} I just ordered should go to [the new flat|{city}]",
            "just paid and saw I clicked the wrong [size|colour], is there still time", "put both orders in one box",
            "forget the order from [a minute ago|just now], it isn't packed [yet|right]",
            "I left out the [flat number|zip code], just ordered",
            "that's my old number on the order, {courier} won't reach me",
            "I'm away, let it leave [next week|after the {date}th]", "{who} wants one too, pack it with mine",
            "the name on the order [is wrong|should be {who}]",
        ),
        "want": (
            "change the address", "cancel the order", "change my phone number", "hold the order", "merge my orders",
            "add a note",
        ),
        "done": ("the address is [fixed|right now]", "the order [is|was] cancelled", "my number is updated"),
    },
    "product": {
        "ask": (
            "what [fabric|material] is the {item}", "I'm {cm} and {kg}, which size",
            "does the {item} come in {colour}", "does the {garment} shrink", "how long does the {device} [run|last]",
            "does the {device} [have|support] {feature}", "when [is|will] the {item} [back|in stock again]",
            "is the {garment} [waterproof|warm|see-through]",
            "what's the difference [to|between this and] the old {item}",
            "can I [machine wash|tumble dry] the {garment}", "is the {device} [loud|noisy|heavy]",
            "does the {garment} run [small|large]", "how long is the warranty on the {device}",
            "where is the {item} made", "how [big|heavy|tall] is the {item}",
            "can I return the {item} if it doesn't suit, before I buy",
        ),
        "state": (
            "{cm}, {kg}, between {size} and {size2}", "would a [child|grandma|beginner] manage the {device}",
            "will I be [cold|sweaty] in the {garment} in [winter|summer]",
            "is that {colour} the same [in real life|as in the photo]",
            "will the {item} fit in a [dorm|small car|cabin bag]",
            "{who} usually wears {size}, what should I [pick|get]",
            "is the {garment} lined, [I want it for winter|asking before I buy]",
            "can I take the {device} on a plane", "which of the two [shows less dirt|looks slimmer]",
            "never owned a {device}, is it [hard|easy] to use",
        ),
        "want": (
            "ask about the {size_word}", "know the {stuff}", "see the {item} specs", "know if you have {colour}",
            "pick a size", "ask what the {device} can do",
        ),
        "done": ("I [know|found] my size", "I read the specs", "the {stuff} is clear"),
    },
    "price": {
        "ask": (
            "is there [a discount|a coupon|any deal] on the {item}", "can you do it [for {amount}|cheaper]",
            "my [coupon|code|voucher] [doesn't work|has expired|was not applied]",
            "do I get [a discount|something off] for {n}",
            "the {item} dropped [in price|] after I bought it {day}, can I [claim|get] the difference",
            "can you refund the price difference on the {item}", "will it be cheaper [on|at] {festival}",
            "it says {off} off over {amount}, why [not|didn't I get it]",
            "do [members|students] [pay less|get a discount]", "is shipping free [over {amount}|for {n}]",
            "why is the price different [from yesterday|in the app]", "is there a [student|first order] price",
            "does the free {part} still come with it", "do I get the coupon back after a [return|cancelled order]",
        ),
        "state": (
            "paid {amount} {day}, today it's {amount2}, that's [unfair|not nice]",
            "the stream said {amount} and the page says {amount2}",
            "the other shop has it for {amount}, [can you match|what about you]",
            "if I take {n} will you [knock something off|do better]", "{amount} is [too much|steep] for a student",
            "checkout showed {amount} but I was charged {amount2}", "should I wait for {festival}",
            "I've bought here {n} times, [be nice|round it down]", "{who} got it for {amount}, I see {amount2}",
        ),
        "want": (
            "claim the price difference", "use a coupon", "get a discount", "claim price protection",
            "ask about {festival} deals", "pay a better price",
        ),
        "done": ("I got the coupon", "the difference was [paid|refunded]", "I saw the deal"),
    },
    "repair": {
        "ask": (
            "my {device} [broke|won't turn on|stopped working], can you [fix|repair] it",
            "how do I [use|claim] the warranty", "how [long|much] is a repair of the {device}",
            "the {device} [won't charge|doesn't heat|lost a button]",
            "the {part} [snapped|fell off|cracked], do you sell [spares|a new one]",
            "is there a service [point|centre] in {city}", "is my {device} [fixed|repaired] yet",
            "can you repair it out of warranty", "the [zip|sole|button] of the {garment} broke, can you fix it",
            "I lost the receipt, is the warranty still good", "how much is a new {part}",
            "you repaired the {device} and it's broken again", "how do I reset the {device}",
        ),
        "state": (
            "the {device} gave up after {month}", "the {device} keeps [disconnecting|switching off|humming|leaking]",
            "I press and nothing happens, no light", "the zip [on|of] the {garment} is stuck, who can sort it",
            "only one side of the {device} [works|heats|lights up]", "the {part} is [loose|wobbly], got a spare",
            "half the display of the {device} is gone, I've had it {month}",
            "dropped the {device} and now it's dead, what would it cost to sort",
            "did all the steps in the manual, the {device} [does nothing|is still dead]",
            "the {device} won't pair, it was fine yesterday",
        ),
        "want": (
            "get the {device} repaired", "use the warranty", "send it in for repair", "buy a new {part}",
            "find a service point", "have the {device} looked at",
        ),
        "done": ("the {device} works again", "the spare part came", "the {part} is fixed"),
    },
    "hazard": {
        "ask": (
            "the {device} [is smoking|caught fire|exploded]",
            "the {device} [sparks|trips the fuse] when I plug it in", "I get a shock from the {device}",
            "the {item} gave me [a rash|red spots|swelling] on my {body}",
            "{who} cut [a hand|a finger] on the {part}", "the {device} battery is [swollen|bulging]",
            "the {device} gets so hot it [burned me|melted the table]", "there was a needle in the {garment}",
            "the {item} [stinks|smells] of burning, I feel [dizzy|sick]",
        ),
        "state": (
            "the {device} went up in flames [last night|while we slept]",
            "{who} touched the {device} and [jumped|got zapped]",
            "after using the {item} my {body} [itch|hurt] so I [saw a doctor|can't sleep]",
            "the plug of the {device} melted, [that was close|scary]", "a piece flew off and hit {who} in the face",
            "{who} nearly swallowed a bit that came off the {item}", "the shelf came down on {who}",
            "my {body} [blistered|burn] after the spray",
        ),
        "want": (
            "report a {device} that shocks", "report a rash from the {item}", "report smoke from the {device}",
        ),
        "done": (),
    },
    "other": {
        "ask": (
            "[anyone|somebody] there {filler}", "are you a [bot|robot|real person] {filler}",
            "[it's so hot|nice weather] today {filler}", "are you hiring [drivers|people|couriers]",
            "tell me a joke {filler}", "[never mind|all good|sorted] {thanks}",
            "[sorry|oops], wrong [chat|person] {filler}", "do you have a [shop|store] in {city}",
            "what time do you [close|open]", "who do I talk to about [wholesale|advertising|a partnership]",
            "how do I delete my account", "I forgot my password", "I changed my phone and can't log in",
            "your app [crashes|won't open|is slow]", "how do I get an invoice", "when does the stream start",
            "how do I post a [photo|review]", "stop [texting|emailing] me",
        ),
        "state": (
            "how do I check {who} pension payment", "my [cat|dog] won't eat [what now|]",
            "who repairs [bikes|shoes] around here", "can I get a refund on a [train|cinema|plane] ticket",
            "write [my homework|an essay about a {item}]", "what should I have for [dinner|lunch]",
            "my pizza delivery is late [I'm starving|]", "who won the match [last night|]",
            "should I buy stocks [now|]", "what's nice to see in {city}", "you sound like a friend of mine",
            "who is your boss {filler}", "nobody [answers|reads] this [do they|]", "[ok|haha|great] {thanks}",
            "{who} is calling me, [later|back soon]", "I want to change jobs, any [tips|ideas]",
            "my laptop broke, where to fix it", "is {amount} a night a good price for a hotel",
        ),
        "want": (),
        "done": (),
    },
}

FILLERS: dict[str, tuple[str, ...]] = {
    "filler": ("", "lol", "haha", "or not", "...", "mate", "just wondering", "knock knock", "bored"),
    "thanks": ("", "thanks", "thank you", "bye", "have a nice day", "you were great", "cheers", "take care"),
}

TWO_INTENTS: tuple[str, ...] = (
    "I don't want to {d_want}, I want to {m_want}", "not to {d_want}, [just to|I need to] {m_want}",
    "I need to {m_want}, not to {d_want}", "I never asked to {d_want}, [only|just] to {m_want}",
    "first I wanted to {d_want}, now [I'd rather|let me] {m_want}",
    "changed my mind, I won't {d_want}, I'd like to {m_want}", "{d_done}, now I [want|need] to {m_want}",
    "{d_done}, {m_ask}", "{m_ask}, {d_done}", "{m_ask}, and by the way {d_ask}", "{m_ask}, I can {d_want} later",
    "[forget that|no longer] want to {d_want}, {m_ask}", "[can I|let me] {m_want}, and if that fails {d_want}",
    "can I {m_want} [instead of having to|so I don't have to] {d_want}",
    "last time I wanted to {d_want}, this time to {m_want}", "this is not to {d_want}, {m_ask}",
)
"""Frames of a message in which a second intent (d_) is named, but the customer writes for the first one (m_)."""

HARMLESS: tuple[str, ...] = ("no [smoke|burn|shock]", "it's not hot", "[nobody|no one] got hurt")
"""What people say who do not report a hazard."""

AGENT: dict[str, tuple[str, ...]] = {
    "delivery": (
        "your parcel is in {city} and [should|will] arrive [tomorrow|within two days]",
        "I have asked {courier} to [hurry|call you]",
    ),
    "refund": (
        "refunds take [three|five] working days after [approval|we get the item]",
        "please open a return in your orders, postage is [free|on us]",
    ),
    "exchange": (
        "sure, please open an exchange and note the {size_word}",
        "we have {size} in stock and ship it once yours is here",
    ),
    "change": (
        "it has not left yet, I have [changed|updated] it",
        "it is packed already, please [refuse it|call {courier}]",
    ),
    "product": ("it is [cotton|polyester|food grade steel]", "for your height we suggest {size}"),
    "price": ("right now it is {off} off over {amount}", "we refund the difference within [seven|fifteen] days"),
    "repair": (
        "it has a [one|two] year warranty, please send a [video|photo]", "a repair takes about [a week|five days]",
    ),
    "hazard": ("please unplug it and stop using it, a colleague will call you within [ten|thirty] minutes",),
    "other": ("sure, we are here if you need anything", "sorry, that is outside what we can do"),
}

FOLLOW_UPS: tuple[str, ...] = (
    "ok [thanks|]", "how long will that take", "got it", "fine, I'll wait", "can it be faster", "I sent the photos",
    "let me think about it",
)
# fmt: on
