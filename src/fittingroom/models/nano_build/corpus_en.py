"""English sentence patterns and shorter lists of the corpus on which `nano` is pretrained (see `corpus_zh`)."""

from typing import Final

from fittingroom.models.nano_build.words_en import COMMON, ENDINGS, POLARITY, TOPICS

__all__ = ["COMMON", "ENDINGS", "POLARITY", "TOPICS"]

EMOTIONS: Final[dict[str, tuple[str, str]]] = {
    "joy": (
        "joy happiness delight",
        "laughed_out_loud smiled jumped_for_joy was_delighted felt_happy cheered was_thrilled beamed",
    ),
    "anger": (
        "anger rage fury",
        "shouted was_furious slammed_the_door was_angry lost_all_patience yelled clenched_both_fists fumed",
    ),
    "sadness": (
        "sadness grief sorrow",
        "cried felt_miserable wept sighed was_heartbroken felt_lonely mourned shed_a_tear",
    ),
    "fear": (
        "fear dread worry",
        "trembled was_afraid screamed hid_in_terror felt_nervous shivered_with_fear panicked worried",
    ),
    "surprise": (
        "surprise amazement shock",
        "gasped was_stunned could_not_believe_it stared was_astonished blinked_in_shock",
    ),
    "calm": ("calm peace serenity", "relaxed breathed_slowly sat_quietly felt_peaceful stayed_calm rested meditated"),
    "tired": (
        "tiredness fatigue weariness",
        "yawned was_exhausted fell_asleep could_hardly_stand was_worn_out felt_sleepy",
    ),
    "grateful": (
        "gratitude thanks appreciation",
        "said_thanks was_grateful bowed_deeply appreciated_the_help thanked_everyone felt_blessed",
    ),
}

TIMES: Final[dict[str, tuple[str, str]]] = {
    "morning": ("morning daybreak", "at_dawn before_breakfast at_seven_in_the_morning early_today at_sunrise"),
    "noon": ("noon midday", "at_noon at_lunch at_twelve_sharp when_the_sun_was_high at_midday"),
    "evening": ("evening dusk", "at_dusk after_dinner at_sunset on_the_way_home_from_work in_the_evening"),
    "night": ("night midnight", "at_midnight at_two_in_the_night before_going_to_bed under_the_moon late_at_night"),
}
PLACES: Final[dict[str, tuple[str, str]]] = {
    "city": (
        "city town",
        "downtown in_London in_the_square near_the_skyscraper at_the_crossroads in_Paris on_the_avenue",
    ),
    "village": (
        "countryside village",
        "on_the_farm in_the_fields near_the_barn by_the_stream in_the_village in_the_orchard",
    ),
    "mountain": (
        "mountains highlands",
        "on_the_summit in_the_canyon near_the_cliff in_the_cave in_the_Alps on_the_ridge",
    ),
    "coast": (
        "coast seaside",
        "on_the_beach at_the_pier on_the_island near_the_cliffs_by_the_sea in_the_bay at_the_harbour",
    ),
    "indoors": (
        "indoors inside",
        "in_the_kitchen on_the_sofa by_the_window in_the_basement in_the_hallway at_the_desk",
    ),
}
SEASONS: Final[dict[str, tuple[str, str]]] = {
    "spring": (
        "spring springtime",
        "when_the_cherry_trees_bloomed in_April as_the_snow_melted when_the_swallows_returned",
    ),
    "summer": ("summer summertime", "in_July during_the_heat_wave while_cicadas_sang when_melons_were_ripe"),
    "autumn": ("autumn fall", "in_October when_the_leaves_turned_red during_the_harvest as_geese_flew_south"),
    "winter": (
        "winter wintertime",
        "in_January when_the_lake_froze around_the_fireplace while_snow_covered_everything",
    ),
}
ACTS: Final[dict[str, tuple[str, str]]] = {
    "ask": (
        "question inquiry",
        (
            "where is the {n}?|when did the {n} start?|why is the {n} like this?|do you know the {n}?|what "
            "happened to the {n}?"
        ),
    ),
    "plea": (
        "request plea",
        "please look after the {n}.|could you bring the {n}?|would you mind moving the {n}?|please pass me the {n}.",
    ),
    "advice": (
        "advice suggestion",
        "you should {d}.|why not try to {d}?|I suggest we forget the {n}.|it would be better to {d}.",
    ),
    "greet": (
        "greeting hello",
        "hello, {p}, how is the {n}!|long time no see, still fond of the {n}!|good day to everyone near the {n}!",
    ),
    "sorry": (
        "apology regret",
        (
            "sorry, I broke the {n}.|I apologise, I forgot the {n}.|forgive me for losing the {n}.|it was my "
            "fault about the {n}."
        ),
    ),
    "plan": ("plan intention", "next week I will {d}.|we are going to {d}.|{p} plans to {d}.|one day we shall {d}."),
    "past": (
        "memory recollection",
        "as a child I used to {d}.|I remember how we used to {d}.|years ago {p} would often {d}.",
    ),
}

PEOPLE: Final = (
    "Tom Alice Peter Mary Doctor_Lee Captain_Gray Anna Henry Lucy Oscar Grandpa_Joe Nina Victor Emma Sam Ruth "
    "Ivan Clara Felix he she they we somebody the_boy the_old_man my_friend a_stranger"
)
COUNTERS: Final = (
    "apples pebbles pencils birds boats chairs books trees stars cars flowers letters horses lamps eggs balls keys"
)
LINKS: Final = (
    "later however meanwhile besides honestly apparently actually certainly perhaps finally indeed suddenly "
    "surely then so"
)
DEGREES: Final = "very really quite so rather truly extremely a_bit pretty too remarkably fairly"
FACTS: Final = (
    "key:is_in name:is password:is room:is number:is signal:is nickname:is code:is seat:is colour:is captain:is "
    "hideout:is"
)

STATEMENTS: Final = (
    "{p} went to {d} {t}.|{t}, {p} saw the {n} {l}.|the {n} stood {l}.|{p} talked about the {n} and the {n2}.|"
    "there was a {n} beside the {n2}.|{x}, {p} gave the {n} to {p2}.|{p} likes to {d}.|without the {n} nobody "
    "can {d}.|{p} wanted to {d}, but {p2} wanted to {d2}.|the {n} is older than the {n2}.|{p} spent {k} days "
    "with the {n}.|{x} {k} people came {l} to {d}.|first {d}, then {d2}.|every weekend {p} and {p2} {d}.|{p} did "
    "not {d} any more.|nobody knew why the {n} was {l}.|the story of the {n} began {t}.|{p} was thinking of the "
    "{n} {l}."
)
ASKINGS: Final = (
    "how do I {d}?|can I {d} {t}?|why is there still no {n}?|I want to know when we {d}.|tell me how the {n} "
    "works.|is the {n} still {l}?|my {n} and the {n2} are gone, what now?|we need a new {n} to {d}.|who can help "
    "me with the {n}?|what does it take to {d}?|it will not {d}.|I cannot find the {n}.|should I {d} or {d2}?|"
    "which {n} would you take?|how long does it take to {d}?|do I have to {d} first?|the {n} did not work {t}."
)
OPINIONS: Final[dict[str, str]] = {
    "good": (
        "the {n} is {g} {+}.|the {n} was not {-} at all.|I never thought the {n} could be so {+}!|although the "
        "{n2} is {-}, the {n} is {g} {+}.|{+}, I will come again.|{p} found the {n} {+}.|I expected a {-} {n}, "
        "but it was {+}.|the {n} is {+} and the {n2} is {+} too.|not only {+} but also {+}.|what a {+} {n}!|who "
        "said the {n} is {-}? it is {+}.|I love it, {g} {+}.|go and {d}, it is {+}."
    ),
    "bad": (
        "the {n} is {g} {-}.|the {n} was not {+} at all.|I never thought the {n} could be so {-}!|although the "
        "{n2} is {+}, the {n} is {g} {-}.|{-}, never again.|{p} found the {n} {-}.|I expected a {+} {n}, but it "
        "was {-}.|the {n} is {-} and the {n2} is {-} too.|not only {-} but also {-}.|what a {-} {n}!|who said "
        "the {n} is {+}? it is {-}.|I hate it, {g} {-}.|do not {d}, it is {-}."
    ),
    "flat": (
        "the {n} is ordinary, neither {+} nor {-}.|the {n} is so so.|{p} mentioned the {n} without judging it.|"
        "the {n} is {l}.|some say {+}, some say {-}."
    ),
}
POLARITY_NAMES: Final[dict[str, str]] = {
    "good": "praise approval thumbs_up",
    "bad": "blame disapproval thumbs_down",
    "flat": "undecided so_so indifferent",
}
EMOTION_LINES: Final = (
    "{p} {e}.|when the news came, {p} {e}.|{t} {p} {e} because of the {n}.|{p} {e}, that is all.|after trying to "
    "{d}, {p} {e}."
)
SEASON_LINES: Final = "{e}, {p} was {l}.|{e} everybody wanted to {d}.|it was {e}.|{p} remembers the {n} {e}."

QUESTIONS: Final[dict[str, str]] = {
    "topic": "topic|what is this text about?|name the subject|which field does it belong to?|theme of the text",
    "polarity": "attitude|does the speaker like it?|how is it judged?|tone of the opinion",
    "emotion": "emotion|how does the person feel?|which feeling is shown?",
    "time": "time of day|when in the day does it happen?|which part of the day?",
    "place": "place|where does it happen?|kind of place",
    "season": "season|which season is it?|time of year",
    "act": "speech act|what is the speaker doing?|purpose of the sentence",
}
