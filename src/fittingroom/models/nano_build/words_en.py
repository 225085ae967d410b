"""English word lists of the corpus on which `nano` is pretrained (see `corpus_zh` for the rules)."""

from typing import Final

# Same shape as `corpus_zh.TOPICS`; an underscore stands for a space inside an entry.
TOPICS: Final[dict[str, tuple[str, str, str]]] = {
    "travel": (
        "travel tourism journeys",
        (
            "passport visa airport castle beach guide hostel island canyon waterfall map luggage_rack tent "
            "border landmark itinerary lagoon"
        ),
        (
            "climb_the_hill watch_the_sunrise catch_a_flight pitch_a_tent cross_the_border visit_old_ruins "
            "hike_the_trail ask_for_directions board_the_train"
        ),
    ),
    "weather": (
        "weather climate meteorology",
        (
            "storm fog hail rainbow lightning breeze frost thunder cloud drizzle blizzard temperature humidity "
            "forecast sunshine hurricane drought snowfall"
        ),
        "rain_all_day clear_up freeze_overnight blow_hard snow_again warm_up turn_cloudy",
    ),
    "school": (
        "school education campus",
        (
            "teacher classroom homework exam blackboard pupil semester lecture essay textbook principal chalk "
            "playground diploma spelling_test scholarship tutor library_card"
        ),
        (
            "study_for_the_exam write_an_essay raise_a_hand attend_a_lecture finish_homework take_notes "
            "learn_spelling graduate fail_a_test"
        ),
    ),
    "sport": (
        "sport athletics games",
        (
            "football coach referee stadium goalkeeper marathon medal racket swimmer team scoreboard tennis "
            "hockey champion cyclist gymnast tournament whistle"
        ),
        (
            "score_a_goal run_a_lap win_the_final lose_the_match lift_weights swim_ten_lengths train_hard "
            "warm_up_first serve_an_ace"
        ),
    ),
    "music": (
        "music songs melody",
        (
            "piano guitar violin drummer chorus melody orchestra concert lyrics trumpet conductor rhythm flute "
            "cello singer rehearsal ballad harmony"
        ),
        "play_the_piano sing_a_ballad tune_the_violin beat_the_drum write_a_melody join_the_choir hum_along",
    ),
    "cooking": (
        "cooking cuisine recipes",
        (
            "soup dough oven onion pepper rice noodles sauce garlic pancake butter salad recipe dumpling stew "
            "ginger cinnamon"
        ),
        (
            "bake_a_cake chop_the_onion stir_the_soup knead_the_dough boil_noodles grill_the_fish taste_the_stew "
            "whisk_the_eggs"
        ),
    ),
    "garden": (
        "gardening plants horticulture",
        (
            "rose soil seed tulip lawn hedge fertilizer pot worm orchid seedling rake greenhouse vine cactus "
            "compost bee wheelbarrow"
        ),
        "water_the_roses sow_the_seeds prune_the_hedge pull_weeds rake_the_leaves dig_a_hole plant_a_tulip",
    ),
    "health": (
        "health medicine wellness",
        (
            "doctor fever nurse clinic vaccine cough headache bandage surgery pill blood_pressure dentist "
            "allergy knee stomach ward symptom therapy"
        ),
        (
            "see_a_doctor take_a_pill measure_the_fever rest_in_bed bandage_the_wound sleep_early quit_smoking "
            "have_surgery"
        ),
    ),
    "news": (
        "news journalism headlines",
        (
            "reporter headline election parliament treaty earthquake flood president mayor court police rescue "
            "editorial interview witness protest senator wildfire"
        ),
        (
            "sign_the_treaty hold_a_vote interview_the_mayor publish_the_report rescue_survivors close_the_road "
            "make_a_speech"
        ),
    ),
    "science": (
        "science research physics",
        (
            "atom telescope gene laboratory rocket satellite microscope fossil magnet equation planet virus "
            "robot experiment electron galaxy theory bacteria"
        ),
        (
            "observe_the_stars launch_a_rocket prove_a_theorem measure_the_voltage study_the_cell split_the_atom "
            "test_the_theory"
        ),
    ),
    "office": (
        "office work business_life",
        (
            "meeting report manager printer colleague spreadsheet deadline email desk interview résumé project "
            "slides headquarters memo overtime agenda intern"
        ),
        (
            "write_the_report join_the_meeting answer_emails work_overtime finish_the_slides hire_an_intern "
            "plan_the_project"
        ),
    ),
    "film": (
        "film cinema theatre",
        (
            "director actor scene screenplay documentary comedy subtitle camera stage audience thriller premiere "
            "cartoon curtain script sequel costume spotlight"
        ),
        "watch_a_film shoot_a_scene learn_the_script dub_the_cartoon bow_to_the_audience edit_the_film",
    ),
    "animal": (
        "animals wildlife creatures",
        (
            "tiger monkey elephant parrot squirrel fox penguin whale camel turtle butterfly goat owl puppy "
            "swallow crocodile hedgehog kitten"
        ),
        "feed_the_cat walk_the_dog build_a_nest sleep_all_winter lay_eggs chase_rabbits wag_its_tail",
    ),
    "family": (
        "family relatives home_life",
        (
            "grandfather grandmother father mother brother sister nephew cousin baby cradle neighbour aunt uncle "
            "chores birthday living_room twins niece"
        ),
        (
            "visit_grandma rock_the_baby sweep_the_floor call_home celebrate_a_birthday tell_a_bedtime_story "
            "tidy_the_room"
        ),
    ),
    "traffic": (
        "traffic transport roads",
        (
            "subway bus highway traffic_light driver bicycle bridge tunnel ferry crossing wheel brake lane "
            "motorcycle roundabout tram parking_lot pedestrian"
        ),
        (
            "drive_the_car change_trains wait_at_the_light ride_a_bike cross_the_street park_the_van "
            "miss_the_bus take_a_detour"
        ),
    ),
    "reading": (
        "reading literature books",
        (
            "novel poem author library fairy_tale chapter bookmark biography fable hero magazine ending "
            "manuscript bookshelf diary paragraph poet preface"
        ),
        "read_a_novel write_a_poem borrow_a_book turn_the_page read_aloud keep_a_diary",
    ),
    "history": (
        "history antiquity heritage",
        (
            "emperor tomb dynasty war bronze empire knight palace ruins sword general archive relic pyramid "
            "monument colony chronicle throne"
        ),
        "dig_up_relics build_the_wall conquer_the_city crown_the_king date_the_ruins march_to_war",
    ),
    "festival": (
        "festivals holidays customs",
        (
            "lantern mooncake fireworks parade dragon_boat costume_ball harvest pumpkin carnival feast candle "
            "confetti bonfire turkey ribbon mask reunion"
        ),
        "light_the_lanterns watch_fireworks join_the_parade carve_a_pumpkin decorate_the_tree sing_carols",
    ),
    "sea": (
        "sea ocean sailing",
        (
            "wave coral harbour lighthouse shell tide seagull shark sailor anchor reef dolphin dock sail crab "
            "submarine lifeboat current"
        ),
        "catch_fish collect_shells dive_deep surf_the_waves drop_anchor cast_the_net sail_home",
    ),
    "art": (
        "art painting sculpture",
        (
            "watercolour canvas sketch sculpture gallery brush portrait pottery easel pigment mural statue "
            "calligraphy engraving frame exhibition collage charcoal"
        ),
        "paint_a_portrait mix_pigments carve_a_statue visit_the_gallery sketch_the_valley frame_the_canvas",
    ),
}

POLARITY: Final[dict[str, str]] = {
    "good": (
        "good great wonderful excellent comfortable clean delicious reliable warm smooth interesting perfect "
        "clear friendly helpful lovely pleasant bright fresh brilliant superb enjoyable charming amazing "
        "fantastic beautiful quick gentle professional generous solid neat impressive delightful cosy soft "
        "sturdy accurate flawless satisfying worthwhile happy easy elegant fun nice awesome polite useful"
    ),
    "bad": (
        "bad awful terrible horrible dirty boring ugly noisy rude slow broken disgusting dull confusing "
        "disappointing annoying useless poor cold weak painful messy dreadful filthy clumsy lazy crowded stale "
        "bitter unfair careless cheap_looking frustrating ridiculous worst pathetic overpriced faulty "
        "uncomfortable mediocre smelly harsh late flimsy rough tired_looking shabby unpleasant wrong sad"
    ),
}

# words that only serve the tokenizer and the copying tasks, so that ordinary English is not torn into letters
COMMON: Final = (
    "the my your our their me us him them this these those be to of and a in that have I it for not on with he "
    "as you do at this but his by from they we say her she or an will my one all would there their what so up "
    "out if about who get which go me when make can like time no just him know take people into year your good "
    "some could them see other than then now look only come its over think also back after use two how our work "
    "first well way even new want because any these give day most us is are was were been has had did does am "
    "being having said got made went gone came took taken seen knew known gave given found left told felt kept "
    "let began shown heard ran brought wrote written sat stood lost paid met set put read grew led sent built "
    "fell cut reached killed raised passed sold required according always never often sometimes usually already "
    "still yet again almost enough ever every everything everyone nothing something someone anything anyone here "
    "where why while during before between under above below across against among around through without within "
    "until since toward upon off down away together however although though unless whether either neither both "
    "each few many much more less least several such same different another own next last second third half "
    "whole part place thing man woman child world life hand eye face head arm foot body heart mind house home "
    "door window wall floor table chair bed room street road city country town land earth water fire air light "
    "dark sun moon star tree flower grass river lake hill stone wood metal glass paper plastic iron gold silver "
    "red blue green yellow black white brown grey pink purple orange big small large little long short tall high "
    "low wide narrow thick thin heavy hot cold warm cool dry wet hard soft old young early late fast quick slow "
    "strong weak rich poor full empty open closed right wrong true false easy difficult simple important "
    "possible free ready sure able afraid alone alive dead sick well bread milk meat fish egg fruit apple tea "
    "coffee sugar salt plate knife spoon pocket button number name word letter story book page question answer "
    "idea reason problem change help need try ask call show tell turn start stop move play run walk stand sit "
    "lie sleep eat drink live die love hate hope wish feel touch smell hear listen speak talk write learn teach "
    "study believe remember forget understand explain agree decide choose keep hold carry bring send receive buy "
    "sell pay cost spend save win lose find follow lead meet join leave arrive return wait stay visit travel fly "
    "drive ride swim climb jump fall break fix build cut draw paint wash clean cook burn grow plant wear fit "
    "match fill add increase reduce measure count check test compare arrange pack box machine screen power "
    "engine music picture photo movie game party gift card money price dollar bank market company business job "
    "office boss member group team friend family mother father son daughter brother sister husband wife baby boy "
    "girl king queen police army war peace law rule government state nation president century history science "
    "school class student teacher doctor hospital church morning evening night today tomorrow yesterday week "
    "month hour minute moment Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March "
    "April May June July August September October November December material design style shape weight length "
    "height inch surface corner edge center middle top bottom side front inside outside north south east west "
    "account address email message internet website link password user support request reply issue error report "
    "information detail date form list total amount please thanks thank sorry hello welcome yes okay maybe "
    "really very quite too also just even quickly easily exactly especially finally recently nearly probably "
    "certainly completely perfectly actually immediately currently again don't can't won't isn't didn't doesn't "
    "I'm I've it's that's you're couldn't wouldn't shouldn't aren't wasn't weren't haven't hasn't let's"
)

ENDINGS: Final = "s es ed ing er ers ly y ness ment ful less able ion tion ation al ity ive est 's"
